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


def test_what_others_change_meanwhile_is_found_in_turns(tmp_path, monkeypatch):
    home = Home(tmp_path)
    mailbox, other = many(home), home.open()
    seen_at = mailbox.modseq
    home.run(other.store_flags([3], FLAGGED, seen_at=seen_at))
    turns = []

    async def counted(_):
        turns.append(1)
        if len(turns) == 1:
            # Somebody else has a turn, and changes what comes later too.
            await other.store_flags([1, 5_000], FLAGGED, seen_at=other.modseq)

    monkeypatch.setattr(storing, "give_way", counted)
    uids = list(mailbox.uids)
    done = home.run(mailbox.store_flags(uids, SEEN, seen_at=seen_at))
    assert len(turns) == 2
    assert (list(done.uids), list(done.external)) == (uids, [3, 5_000])
    assert (list(done.missing), done.alone) == ([], False)
    home.close()


def test_a_change_that_nobody_interferes_with_needs_no_turn(tmp_path, monkeypatch):
    home = Home(tmp_path)
    mailbox = many(home)
    monkeypatch.delattr(storing, "give_way")
    uids = list(mailbox.uids)
    done = home.run(mailbox.store_flags(uids, SEEN, seen_at=mailbox.modseq))
    assert (done.alone, list(done.uids)) == (True, uids)
    assert not done.external
    home.close()


def test_few_need_no_turn(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.append("INBOX", b"Subject: x\r\n\r\n")
    mailbox = home.open()
    monkeypatch.delattr(storing, "give_way")
    done = home.run(mailbox.store_flags([1], SEEN, seen_at=mailbox.modseq))
    assert list(done.uids) == [1]
    home.close()
