"""What a NOTIFY client hears of messages in mailboxes that are not selected."""

from __future__ import annotations

import pytest

from imapd.extensions.notify.counts import changed_counts, initial_counts
from imapd.extensions.notify.interests import Interests
from mailstore.model import MailboxChange, MailboxCounts, MailboxEntry, MailboxId
from tests.imapd.commands.peers import parsed
from tests.imapd.extensions.notify_peers import ALL, MESSAGE, heard
from tests.support.responses import (
    Exists,
    Fetch,
    Recent,
    StatusLine,
)


def test_messages_of_other_mailboxes(world, ann, other):
    ann.ok(b"SELECT INBOX")
    assert ann.ok(ALL).untagged == ()
    world.deliver(MESSAGE, to="Sent")
    (line,) = heard(ann, StatusLine)
    assert line.name == "Sent"
    assert line.items.keys() == {"MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN"}
    assert (line.items["MESSAGES"], line.items["UIDNEXT"]) == (1, 2)
    other.ok(b"SELECT Sent")
    other.ok(b"STORE 1 +FLAGS (\\Seen)")
    (line,) = heard(ann, StatusLine)
    assert line.items.keys() == {"UIDVALIDITY", "UNSEEN"}
    assert line.items["UNSEEN"] == 0
    other.ok(b"STORE 1 +FLAGS (\\Deleted)")  # no counter that could be told
    assert ann.read() == []
    other.ok(b"EXPUNGE")
    (line,) = heard(ann, StatusLine)
    assert line.items["MESSAGES"] == 0


def test_one_who_hears_of_messages_hears_of_no_flags(world, ann, other):
    ann.ok(b"NOTIFY SET (personal (MessageNew MessageExpunge))")
    world.deliver(MESSAGE)
    assert len(heard(ann, StatusLine)) == 1
    other.ok(b"SELECT INBOX")
    other.ok(b"STORE 1 +FLAGS (\\Seen)")
    assert ann.read() == []


def test_mod_sequences_are_told_to_who_enabled_them(world, ann, other):
    ann.ok(b"ENABLE CONDSTORE")
    ann.ok(ALL)
    world.deliver(MESSAGE, to="Sent")
    (line,) = heard(ann, StatusLine)
    first = line.items["HIGHESTMODSEQ"]
    other.ok(b"SELECT Sent")
    other.ok(b"STORE 1 +FLAGS (\\Flagged)")
    (line,) = heard(ann, StatusLine)
    assert line.items.keys() == {"UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ"}
    assert line.items["HIGHESTMODSEQ"] > first


def test_counters_at_the_start(world, ann):
    world.deliver(MESSAGE, MESSAGE, to="Sent")
    ann.ok(b"SELECT INBOX")
    answer = ann.ok(
        b"NOTIFY SET STATUS (mailboxes (INBOX Sent Nowhere) (MessageNew MessageExpunge"
        b" FlagChange)) (subtree Trash (MessageNew MessageExpunge))"
        b" (mailboxes Drafts (MailboxName))"
    )
    lines = {line.name: line.items for line in answer.of(StatusLine)}
    assert lines.keys() == {"Sent", "Trash"}  # INBOX is selected
    assert lines["Sent"]["MESSAGES"] == 2
    assert "HIGHESTMODSEQ" not in lines["Trash"]


def test_who_wants_flags_is_told_the_mod_sequence_at_the_start(ann):
    """RFC 5465 §3.1: if the server has any, enabled or not."""
    answer = ann.ok(
        b"NOTIFY SET STATUS (mailboxes Sent (MessageNew MessageExpunge FlagChange))"
    )
    (line,) = answer.of(StatusLine)
    assert "HIGHESTMODSEQ" in line.items


def test_what_happens_between_the_counters_and_the_watch_is_told(world, ann):
    """Nothing can happen in between; here, that a second NOTIFY forgets nothing."""
    ann.ok(ALL)
    world.deliver(MESSAGE, to="Sent")
    ann.read()
    answer = ann.ok(ALL.replace(b"SET", b"SET STATUS"))
    lines = {line.name: line.items["MESSAGES"] for line in answer.of(StatusLine)}
    assert lines["Sent"] == 1
    assert "INBOX" in lines
    world.deliver(MESSAGE, to="Sent")
    assert heard(ann, StatusLine)[0].items["MESSAGES"] == 2


def test_ones_own_changes_are_no_news(ann, other):
    other.ok(b"SELECT INBOX")
    other.ok(ALL)
    ann.ok(ALL)
    ann.ok(b"CREATE mine")
    ann.append(b"mine", MESSAGE)
    ann.ok(b"RENAME mine yours")
    ann.ok(b"UNSUBSCRIBE yours")
    ann.ok(b"DELETE yours")
    assert ann.read() == []
    assert len(other.read()) >= 5


def test_copies_into_the_selected_mailbox_need_no_fetch(world, ann):
    world.deliver(MESSAGE)
    ann.ok(b"SELECT INBOX")
    ann.ok(ALL)
    answer = ann.ok(b"COPY 1 INBOX")
    assert (answer.of(Exists), answer.of(Fetch)) == ([Exists(2)], [])
    answer = ann.append(b"INBOX", MESSAGE)
    assert (answer.of(Exists), answer.of(Fetch)) == ([Exists(3)], [])
    assert ann.read() == []
    world.deliver(MESSAGE)
    found = ann.read()
    assert found[:2] == [Exists(4), Recent(4)]
    assert [(one.number, one.uid) for one in found[2:]] == [(4, 4)]


def test_subscribed_follows_the_list(world, ann, other):
    ann.ok(b"NOTIFY SET (subscribed (MessageNew MessageExpunge))")
    other.ok(b"UNSUBSCRIBE Sent")
    world.deliver(MESSAGE, to="Sent")
    assert ann.read() == []
    other.ok(b"SUBSCRIBE Sent")
    world.deliver(MESSAGE, to="Sent")
    assert heard(ann, StatusLine)[0].items["MESSAGES"] == 2


def test_mailboxes_that_come_to_be_are_watched(world, ann, other):
    ann.ok(b"NOTIFY SET (subtree Lists (MessageNew MessageExpunge))")
    other.ok(b"CREATE Lists/Lemonade")
    assert [line.name for line in heard(ann, StatusLine)] == ["Lists", "Lists/Lemonade"]
    world.deliver(MESSAGE, to="Lists/Lemonade")
    assert [line.name for line in heard(ann, StatusLine)] == ["Lists/Lemonade"]
    other.ok(b"RENAME Lists Groups")
    assert ann.read() == []
    world.deliver(MESSAGE, to="Groups/Lemonade")
    assert ann.read() == []


def test_a_recreated_mailbox_has_another_uidvalidity(world, ann, other):
    ann.ok(ALL)
    other.ok(b"CREATE x")
    world.deliver(MESSAGE, to="x")
    before = [line for line in ann.read() if isinstance(line, StatusLine)][-1]
    other.ok(b"DELETE x")
    other.ok(b"CREATE x")
    world.deliver(MESSAGE, to="x")
    after = [line for line in ann.read() if isinstance(line, StatusLine)][-1]
    assert after.items["UIDVALIDITY"] > before.items["UIDVALIDITY"]
    assert after.items["MESSAGES"] == 1


def test_another_mailbox_of_the_same_name(world, ann, other, monkeypatch):
    """RFC 5465 §5.1: a client that hears of no names hears of its UIDVALIDITY."""
    other.ok(b"CREATE x")
    ann.ok(b"NOTIFY SET (mailboxes x (MessageNew MessageExpunge))")
    other.ok(b"DELETE x")
    assert ann.read() == []
    other.ok(b"CREATE x")
    (line,) = heard(ann, StatusLine)
    assert line.items["MESSAGES"] == 0
    other.ok(b"RENAME Sent x2")
    other.ok(b"DELETE x")
    world.deliver(MESSAGE, to="x2")
    assert ann.read() == []
    other.ok(b"RENAME x2 x")
    (line,) = heard(ann, StatusLine)
    assert line.items["MESSAGES"] == 1


def test_a_mailbox_that_was_replaced_while_nobody_looked(
    world, ann, other, monkeypatch
):
    """Deleted and made anew before the client could be told: its counters follow."""
    other.ok(b"CREATE x")
    world.deliver(MESSAGE, to="x")
    ann.ok(ALL)
    future = world.runtime.future()
    with monkeypatch.context() as slow:
        slow.setattr(ann, "crowded", lambda: True)
        slow.setattr(ann, "room", lambda: future)
        world.deliver(MESSAGE)
        assert len(heard(ann, StatusLine)) == 1
        other.ok(b"DELETE x")
        other.ok(b"CREATE x")
    future.succeed(None)
    found = ann.read()
    assert [
        line.items["MESSAGES"] for line in found if isinstance(line, StatusLine)
    ] == [0]


# -- the responses by themselves


ENTRY = MailboxEntry("Lists", True, True, False, True)
COUNTS = MailboxCounts(MailboxId(7), 101, 10_002, 65_666_665, 503, 17)


@pytest.mark.parametrize(
    ("events", "change", "modseqs", "wanted"),
    [
        ("", {"messages": True}, False, b"MESSAGES 503 UIDNEXT 10002"),
        ("", {"messages": True}, True, b"HIGHESTMODSEQ 65666665"),
        ("", {"uidvalidity": True}, False, b"UIDVALIDITY 101"),
        ("", {"unseen": True, "modseq": True}, True, None),
        (" FlagChange", {"unseen": True}, False, b"UNSEEN 17"),
        (" FlagChange", {"modseq": True}, True, b"HIGHESTMODSEQ 65666665"),
        (" FlagChange", {"modseq": True}, False, None),
    ],
)
def test_which_counters_are_told(events, change, modseqs, wanted):
    text = f"NOTIFY SET (personal (MessageNew MessageExpunge{events}))"
    found = changed_counts(
        ENTRY,
        COUNTS,
        MailboxChange(COUNTS.id, **change),
        Interests(parsed(text.encode())),
        modseqs=modseqs,
        utf8=False,
    )
    assert found is None if wanted is None else wanted in (found or b"")


def test_counters_at_the_start_need_an_event_of_messages():
    for text, told in (
        (b"(MailboxName)", False),
        (b"(MessageNew MessageExpunge)", True),
    ):
        interests = Interests(parsed(b"NOTIFY SET (personal %b)" % text))
        found = initial_counts(ENTRY, COUNTS, interests, modseqs=True, utf8=False)
        assert (found is not None) is told
