"""What became of many messages is found in turns, each of one moment."""

from __future__ import annotations

from mailstore.model import FlagChange, FlagOperation
from mailstore.service import storing
from tests.mailstore.stores import Home

SEEN = FlagChange(FlagOperation.ADD, ("\\Seen",))
FLAGGED = FlagChange(FlagOperation.ADD, ("\\Flagged",))


def many(home):
    """Give a mailbox of 5,120 messages."""
    home.append("INBOX", *[b"Subject: x\r\n\r\n"] * 40)
    mailbox = home.open()
    for _ in range(7):
        home.run(mailbox.copy(list(mailbox.uids), "INBOX"))
    assert len(mailbox.uids) == 5_120
    return mailbox


def test_a_change_of_many_gives_way(tmp_path, monkeypatch):
    home = Home(tmp_path)
    mailbox, other = many(home), home.open()
    turns = []

    async def counted(_):
        turns.append(1)
        if len(turns) == 1:
            # Somebody else has a turn, and changes what comes later too.
            await other.store_flags([1, 5_000], FLAGGED, seen_at=other.modseq)

    monkeypatch.setattr(storing, "give_way", counted)
    uids = list(mailbox.uids)
    before = mailbox.modseq
    done = home.run(mailbox.store_flags(uids, SEEN, seen_at=before))
    assert len(turns) == 2
    assert [uid for uid, _ in done.updated] == uids
    assert [uid for uid, _ in done.external] == [5_000]
    assert done.missing == ()
    told = dict(done.updated)
    assert (told[1], told[5_000]) == (told[2], mailbox.flags(5_000))
    assert mailbox.flags(1) != told[1]
    home.close()


def test_few_need_no_turn(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.append("INBOX", b"Subject: x\r\n\r\n")
    mailbox = home.open()
    monkeypatch.delattr(storing, "give_way")
    done = home.run(mailbox.store_flags([1], SEEN, seen_at=mailbox.modseq))
    assert len(done.updated) == 1
    home.close()
