"""A message that is asked for alone is told as among others."""

from __future__ import annotations

import pytest

from mailstore.model import Column, FlagChange, FlagOperation
from tests.mailstore.stores import Home

ONE = b"From: a@example.org\r\nSubject: one\r\n\r\nbody\r\n"
ALL = (
    Column.BLOB,
    Column.PARTS,
    Column.HEADER,
    Column.ENVELOPE,
    Column.BODYSTRUCTURE,
    Column.FLAGS,
    Column.SIZE,
    Column.MODSEQ,
    Column.INTERNALDATE,
    Column.PREVIEW,
    Column.EMAILID,
)


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.close()


def test_one_message_is_told_as_among_others(home):
    home.append("INBOX", ONE, b"Subject: two\r\n\r\n", ONE + b"three")
    mailbox = home.open()
    reader = home.open()
    change = FlagChange(FlagOperation.ADD, ("\\Deleted", "$Junk"))
    home.run(mailbox.store_flags([2, 3], change, seen_at=mailbox.modseq))
    home.fetch(reader, [1, 2, 3], *ALL)
    for expunged in (False, True):
        if expunged:  # it is told of its tombstone then
            home.run(mailbox.expunge([2]))
        for columns in (ALL, ALL[:2], ALL[:6], (Column.ENVELOPE,)):
            (whole,) = home.fetch(reader, [1, 2, 3], *columns)
            for place, uid in enumerate(whole.uids):
                (one,) = home.fetch(reader, [uid], *columns)
                assert list(one.uids) == [uid]
                assert list(one.messages) == [whole.messages[place]]
                told = {column: list(values) for column, values in one.columns.items()}
                assert told == {c: [v[place]] for c, v in whole.columns.items()}
    assert home.fetch(reader, [9], *ALL) == []
