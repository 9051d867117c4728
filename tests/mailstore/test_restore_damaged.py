"""Bytes out of a backup for messages of a store that have lost theirs."""

from __future__ import annotations

import pytest

from mailstore.blobs.pool import Pool
from mailstore.maintenance.check import check
from mailstore.maintenance.healing import Wish, heal
from mailstore.maintenance.restore_damaged import damaged, mend
from tests.mailstore.sites import BIG, Site, message, seen
from tests.mailstore.stores import Home
from tests.support.furnished import OPTIONS


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    made.fill()
    made.take()
    made.home.append("INBOX", message("since"))
    yield made
    made.home.close()


def blobs_of(site: Site):
    return site.home.store.folder(site.me) / "blobs"


def spoil(site: Site, *names: str) -> None:
    """Damage messages in a segment, and lose the large one's file."""
    for path in blobs_of(site).glob("*.pack"):
        data = bytearray(path.read_bytes())
        for name in names:
            at = data.find(f"Subject: {name}\r\n".encode())
            if at >= 0:
                data[at] ^= 1
        path.write_bytes(data)
    for path in (blobs_of(site) / "large").glob("*/*"):
        path.unlink()


def repaired(site: Site):
    run, pool = site.home.run, Pool(site.folder.account_folder(site.me))
    rows = run(damaged(site.home.account))
    return run(mend(site.home.account, rows, pool))


def test_a_message_has_its_bytes_again_and_keeps_its_uid(site):
    before = seen(site.home, "INBOX")
    spoil(site, "a", "d")
    assert not check(site.store).whole
    done = repaired(site)
    assert (done.messages, done.lost) == (3, [])
    assert seen(site.home, "INBOX") == before
    assert BIG in [row[-1] for row in before]
    assert check(site.store, thorough=True).whole
    assert repaired(site).messages == 0


def test_what_the_backup_has_not_is_told(site):
    spoil(site, "since")
    done = repaired(site)
    assert done.messages == 1
    assert [number for number, _ in done.lost] == [7]


def test_what_a_repair_had_moved_out_of_the_way_goes_back(site):
    before = seen(site.home, "INBOX")
    site.home.run(site.home.account.delete("Work/2026"))
    spoil(site, "a", "d")
    site.home.close()
    list(heal(site.store, OPTIONS, Wish(repair=True, server_runs=False)))
    site.home = Home(site.store, time=site.time)
    assert len(seen(site.home, "INBOX")) == len(before) - 2
    done = repaired(site)
    assert done.messages == 3
    after = seen(site.home, "INBOX")
    assert sorted(row[1:] for row in after if row[0] > 4) == sorted(
        row[1:] for row in before if row[0] in (1, 3)
    )
    report = check(site.store, thorough=True)
    assert report.whole
    assert report.accounts[0].damaged == ()
