"""Backups of damaged indexes: all that can be read is copied, and the rest is told."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import apsw
import pytest

from mailstore.maintenance.backup_points import BackupFolder
from mailstore.maintenance.backup_prune import Keep, prune
from mailstore.maintenance.backup_verify import verify
from tests.mailstore.test_backup import Site


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    made.home.append("INBOX", *[b"Subject: %c\r\n\r\nx" % n for n in b"abc"])
    yield made
    made.home.close()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE flag_block SET octets = x'00'", "flags of block 0 cannot be read"),
        ("DELETE FROM flag_block", "3 messages of block 0 have no flags"),
        ("UPDATE entry SET zone = 'x' WHERE uid = 2", "UID 2 has a zone"),
        ("UPDATE entry SET message = 99 WHERE uid = 2", "UID 2 has no such message"),
    ],
)
def test_damage_of_an_index_is_told_in_the_point(site, statement, told):
    site.take()
    with closing(apsw.Connection(str(site.index()))) as index:
        index.execute(statement)
    done = site.take()
    (account,) = done.point.accounts
    assert told in account.damage[0]
    assert not done.point.whole
    assert (account.messages, account.missing, account.failure) == (3, (), "")
    found = verify(site.path)
    assert [told in text for text in found.problems] == [True]
    # It counts for nothing: the last one without damage stays.
    assert prune(site.path, Keep(last=1)).points == ()
    # Nor is it taken for the state of an account that has not changed since.
    assert site.take().unchanged == 0


@pytest.mark.parametrize(
    "change", ["size = 'x'", "digest = 'x'", "blob = 7", "digest = x'00'"]
)
def test_a_damaged_row_of_a_message_keeps_no_other_out(site, change):
    with closing(apsw.Connection(str(site.index()))) as index:
        index.execute(f"UPDATE message SET {change} WHERE id = 2")
    point = site.take().point
    (account,) = point.accounts
    assert account.failure == ""
    assert {one.message for one in account.missing} <= {2}
    assert not point.whole
    assert not verify(site.path).whole
    assert len(site.pool()) == 2


def test_a_point_of_before_is_looked_through(site):
    """Points of older programs do not say whether an index was damaged."""
    with closing(apsw.Connection(str(site.index()))) as index:
        index.execute("UPDATE flag_block SET octets = x'00'")
    point = site.take().point
    (account,) = point.accounts
    folder = BackupFolder(site.path)
    older = replace(point, accounts=(replace(account, damage=None),))
    folder.write(older)
    assert folder.points() == [older]
    (problem,) = verify(site.path).problems
    assert "flags of block 0 cannot be read" in problem
