"""What a repair of rows makes of a mailbox that sessions have in memory."""

from __future__ import annotations

from mailstore.index import audit, flagblocks, flagproof, mailboxes, mending
from mailstore.index.flags import store_flags
from mailstore.index.selection import EVERYTHING, Selection
from mailstore.model import FlagChange, FlagOperation
from mailstore.service.missed import Missed
from tests.mailstore.index.records import (
    NOW,
    add,
    contents,
    mailbox_id,
    new_index,
    state_of,
)


def store(database, flag, ranges=EVERYTHING.ranges):
    with database.transaction():
        store_flags(
            database,
            mailbox_id(database),
            Selection(ranges),
            FlagChange(FlagOperation.ADD, (flag,)),
            unchanged_since=None,
            seen_at=0,
        )


def test_a_mailbox_whose_mod_sequence_went_back_is_read_anew(tmp_path):
    """Else a worker that knew the lost mod-sequences takes new ones for known."""
    database = new_index(tmp_path)
    mailbox = mailbox_id(database)
    add(database, "INBOX", (), (), ())
    for flag in ("\\Flagged", "\\Draft", "\\Answered"):
        store(database, flag)
    with database.transaction():
        for _ in range(5):  # of which no row tells
            mailboxes.touch(database, mailbox)
    state = state_of(database)
    with database.transaction():
        database.execute("UPDATE mailbox SET highestmodseq = 1")
    add(database, "INBOX", ())
    store(database, "\\Seen", ((2, 2),))
    assert flagproof.contradictions(database)
    with database.transaction():
        assert mending.flags(database, NOW)
        assert mending.numbers(database, NOW)
    assert list(audit.numbers(database)) == []
    known = state.modseq
    read = Missed(mailbox, state.modseq, state.uids, state.uidnext, None)
    missed = read(database)
    assert missed is not None
    assert state.apply(missed)
    assert contents(state) == contents(state_of(database))
    rows = flagblocks.flags(database, mailbox)
    assert min(modseq for _, _, modseq in rows) > known  # whoever asks is told all
    database.close()
