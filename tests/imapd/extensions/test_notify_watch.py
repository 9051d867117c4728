"""What a NOTIFY client hears of the selected mailbox, and when (RFC 5465)."""

from __future__ import annotations

import pytest

from imapd.extensions.notify.watch import NotifyWatch
from mailstore.errors import Corrupt
from mailstore.service import overview
from tests.imapd.extensions.notify_peers import ALL, MESSAGE, SELECTED, heard, listed
from tests.mailstore.stores import Statements
from tests.support.responses import (
    Exists,
    Expunge,
    Fetch,
    ListLine,
    Recent,
    Status,
    StatusLine,
)


def test_selected_hears_at_once(world, ann, other):
    ann.ok(b"SELECT INBOX")
    ann.ok(SELECTED)
    world.deliver(MESSAGE, MESSAGE)
    found = ann.read()
    assert found[:2] == [Exists(2), Recent(2)]
    assert [(one.number, one.uid) for one in found[2:]] == [(1, 1), (2, 2)]
    other.ok(b"SELECT INBOX")
    other.ok(b"STORE 1 +FLAGS (\\Deleted)")
    (told,) = heard(ann, Fetch)
    assert (told.uid, told.flags - {"\\Recent"}) == (1, {"\\Deleted"})
    other.ok(b"EXPUNGE")
    assert ann.read() == [Expunge(1)]
    world.deliver(MESSAGE, to="Sent")
    assert ann.read() == []


def test_selected_is_whatever_is_selected(world, ann, other):
    ann.ok(SELECTED)
    world.deliver(MESSAGE)
    assert ann.read() == []
    ann.ok(b"SELECT Sent")
    world.deliver(MESSAGE)
    assert ann.read() == []
    world.deliver(MESSAGE, to="Sent")
    assert ann.read()[0] == Exists(1)
    ann.ok(b"CLOSE")
    world.deliver(MESSAGE, to="Sent")
    assert ann.read() == []


def test_selected_delayed_waits_with_removals(world, ann, other):
    """RFC 5465 §6.1.2: numbers stay until the client says something."""
    world.deliver(MESSAGE, MESSAGE)
    ann.ok(b"SELECT INBOX")
    ann.ok(SELECTED.replace(b"selected", b"selected-delayed"))
    other.ok(b"SELECT INBOX")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert len(heard(ann, Fetch)) == 1
    other.ok(b"EXPUNGE")
    assert ann.read() == []
    world.deliver(MESSAGE)
    assert ann.read()[0] == Exists(3)
    assert [f.uid for f in ann.ok(b"FETCH 1:3 (UID)").of(Fetch)] == [1, 2, 3]
    assert ann.ok(b"NOOP").of(Expunge) == [Expunge(1)]
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    ann.read()
    other.ok(b"EXPUNGE")
    assert ann.read() == []
    assert Expunge(1) in ann.begin(b"IDLE")
    ann.feed(b"DONE\r\n")


def test_removals_wait_while_numbers_are_in_use(world, ann, other):
    """SELECTED too: not during FETCH by number, at once behind it."""
    world.deliver(MESSAGE, MESSAGE)
    ann.ok(b"SELECT INBOX")
    ann.ok(b"NOTIFY SET (selected NONE)")
    other.ok(b"SELECT INBOX")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    assert ann.read() == []
    answer = ann.ok(SELECTED)  # an implicit NOOP
    assert answer.of(Expunge) == [Expunge(1)]


def test_flags_only_when_wanted(world, ann, other):
    world.deliver(MESSAGE)
    ann.ok(b"SELECT INBOX")
    ann.ok(b"NOTIFY SET (selected (MessageNew MessageExpunge))")
    other.ok(b"SELECT INBOX")
    other.ok(b"STORE 1 +FLAGS (\\Flagged)")
    assert ann.read() == []
    assert ann.ok(b"NOOP").untagged == ()
    world.deliver(MESSAGE)
    assert ann.read() == [Exists(2), Recent(2)]
    (told,) = ann.ok(b"STORE 1 +FLAGS (\\Draft)").of(Fetch)
    assert told.flags - {"\\Recent"} == {"\\Flagged", "\\Draft"}


@pytest.mark.parametrize("command", [b"NOTIFY NONE", b"NOTIFY SET (personal NONE)"])
def test_none_is_silence(world, ann, other, command):
    """RFC 5465 §3.1: NONE of the selected mailbox, in any command, and in IDLE."""
    world.deliver(MESSAGE, MESSAGE)
    ann.ok(b"SELECT INBOX")
    ann.ok(command)
    world.deliver(MESSAGE)
    other.ok(b"SELECT INBOX")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    assert ann.read() == []
    assert ann.ok(b"NOOP").untagged == ()
    assert len(ann.begin(b"IDLE")) == 1
    assert len(ann.feed(b"DONE\r\n")) == 1
    # What it does itself moves numbers, and is told with all that happened before.
    ann.ok(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
    answer = ann.ok(b"EXPUNGE")
    assert answer.of(Expunge) == [Expunge(2), Expunge(1)]
    assert answer.of(Exists) == [Exists(1)]


def test_idle_tells_what_notify_tells(world, ann, other):
    """RFC 5465 §4."""
    ann.ok(b"SELECT INBOX")
    ann.ok(ALL)
    ann.begin(b"IDLE")
    world.deliver(MESSAGE, to="Sent")
    other.ok(b"CREATE x")
    world.deliver(MESSAGE)
    kinds = [type(one) for one in ann.read()]
    assert kinds == [StatusLine, ListLine, Exists, Recent, Fetch]
    assert ann.feed(b"DONE\r\n")[-1].kind == "OK"


def test_a_mailbox_that_is_left_before_all_was_told(world, ann, other):
    """What SELECTED-DELAYED held back is told by counters when the mailbox is left."""
    world.deliver(MESSAGE, MESSAGE)
    ann.ok(b"SELECT INBOX")
    ann.ok(ALL.replace(b"(selected ", b"(selected-delayed "))
    other.ok(b"SELECT INBOX")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    ann.read()
    (line,) = ann.ok(b"SELECT Sent").of(StatusLine)
    assert (line.name, line.items["MESSAGES"]) == ("INBOX", 1)
    ann.ok(b"SELECT INBOX")
    assert ann.read() == []


def test_a_new_mailbox_by_the_name_that_the_selected_one_had(world, ann, other):
    other.ok(b"CREATE box")
    ann.ok(b"SELECT box")
    ann.ok(ALL)
    other.ok(b"RENAME box moved")
    other.ok(b"CREATE box")
    ann.read()
    world.deliver(MESSAGE, to="box")
    (told,) = heard(ann, StatusLine)
    assert (told.name, told.items["MESSAGES"]) == ("box", 1)


def test_items_may_be_anything_that_fetch_gives(world, ann):
    ann.ok(b"SELECT INBOX")
    ann.ok(
        b"NOTIFY SET (selected (MessageNew (RFC822.SIZE RFC822.HEADER BODYSTRUCTURE"
        b" BODY[TEXT] BODY.PEEK[HEADER.FIELDS (Subject)]) MessageExpunge))"
    )
    world.deliver(MESSAGE)
    told = ann.read()[-1]
    assert told.size == len(MESSAGE)
    assert told.items["BODY[TEXT]"] == b"body\r\n"
    assert told.items["BODY[HEADER.FIELDS (SUBJECT)]"] == b"Subject: hello\r\n\r\n"
    # Nobody has read it.
    (told,) = ann.ok(b"FETCH 1 (FLAGS)").of(Fetch)
    assert told.flags == {"\\Recent"}


@pytest.mark.parametrize(
    ("enabled", "more"),
    [
        (b"CONDSTORE", {"UID", "MODSEQ"}),
        (b"QRESYNC", {"UID", "MODSEQ"}),
        (b"IMAP4rev2", {"UID"}),
        (b"UIDONLY", set()),
        (b"UIDONLY CONDSTORE", {"MODSEQ"}),
    ],
)
@pytest.mark.parametrize("asked", [b"FLAGS", b"UID FLAGS MODSEQ"])
def test_new_messages_are_told_with_what_was_enabled(world, ann, enabled, more, asked):
    """RFC 7162 §3.2.4, RFC 9051 §7.5.2: an external agent caused this FETCH."""
    ann.ok(b"ENABLE " + enabled)
    ann.ok(b"SELECT INBOX")
    ann.ok(b"NOTIFY SET (selected (MessageNew (" + asked + b") MessageExpunge))")
    world.deliver(MESSAGE)
    told = ann.read()[-1]
    assert told.items.keys() == more | {*asked.decode().split()}


def test_vanished_instead_of_expunge(world, ann, other):
    world.deliver(MESSAGE)
    ann.ok(b"ENABLE QRESYNC")
    ann.ok(b"SELECT INBOX")
    ann.ok(SELECTED)
    other.ok(b"SELECT INBOX")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    (told,) = heard(ann, Fetch)
    assert "MODSEQ" in told.items
    ann.raw = b""
    other.ok(b"EXPUNGE")
    assert ann.raw == b"* VANISHED 1\r\n"


def test_uids_instead_of_numbers(world, ann, other):
    """RFC 9586 §3.3: what is told of new messages has no number either."""
    world.deliver(MESSAGE)
    ann.ok(b"ENABLE UIDONLY")
    ann.ok(b"SELECT INBOX")
    ann.ok(SELECTED)
    other.ok(b"SELECT INBOX")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    ann.read()
    ann.raw = b""
    world.deliver(MESSAGE)
    ann.read()
    assert b"* 2 UIDFETCH (" in ann.raw
    assert b" FETCH " not in ann.raw


def test_many_changes_of_ones_own_are_forgotten(world, ann):
    """Of a mailbox that is not to be told of, nothing piles up but the last flags."""
    world.deliver(*[MESSAGE] * 20)
    ann.ok(b"SELECT INBOX")
    ann.ok(b"NOTIFY NONE")
    for number in range(1, 21):
        ann.ok(b"STORE %d +FLAGS (\\Seen)" % number)
        ann.ok(b"STORE %d -FLAGS (\\Seen)" % number)
    view = ann.connection.session.selected.view
    assert sum(len(uids) for uids, _ in view._told) <= 20


def test_a_damaged_mailbox_does_not_hide_the_others(world, ann, monkeypatch):
    ann.ok(b"SELECT INBOX")
    ann.ok(ALL)
    view = ann.connection.session.selected.view

    async def fail(*_: object, **__: object) -> None:
        raise Corrupt("the index is damaged")

    monkeypatch.setattr(type(view), "tell", fail)
    world.deliver(MESSAGE, to="Sent")
    assert [line.name for line in heard(ann, StatusLine)] == ["Sent"]
    world.deliver(MESSAGE, to="Sent")
    assert len(heard(ann, StatusLine)) == 1
    assert world.log.events[-1][0] == "store"


# -- the command itself


def test_a_refusal_leaves_all_as_it_was(world, ann):
    ann.ok(ALL)
    ann.no(b"NOTIFY SET (personal (Nonsense))", "BADEVENT")
    ann.bad(b"NOTIFY SET (personal (MessageNew))")
    ann.bad(b"NOTIFY SET (selected (MailboxName))")
    world.deliver(MESSAGE, to="Sent")
    assert len(heard(ann, StatusLine)) == 1


def test_badevent_names_all_events(ann):
    answer = ann.no(b"NOTIFY SET (personal (AnnotationChangeS))", "BADEVENT")
    assert answer.status.code is not None
    told = str(answer.status.code.value)
    for name in ("MessageNew", "MessageExpunge", "FlagChange", "MailboxName"):
        assert name in told
    assert "SubscriptionChange" in told


def test_not_before_login(world):
    world.connect().bad(b"NOTIFY NONE")


def test_accumulated_changes_are_told_by_the_command(world, ann):
    ann.ok(b"SELECT INBOX")
    world.deliver(MESSAGE)
    answer = ann.ok(b"NOTIFY SET (personal NONE)")
    assert answer.of(Exists) == [Exists(1)]


def test_overflow(world, ann, other, monkeypatch):
    """RFC 5465 §5.8: the client is told, and then nothing more."""
    monkeypatch.setattr(overview, "_MOST_RENAMINGS", 4)
    ann.ok(ALL)
    future = world.runtime.future()
    monkeypatch.setattr(ann, "crowded", lambda: True)
    monkeypatch.setattr(ann, "room", lambda: future)
    # A second one reads each change of names before the next one is made.
    other.ok(b"NOTIFY SET (personal (MailboxName))")
    third = world.session()
    for number in range(8):
        third.ok(b"CREATE m%d" % number)
    assert len(heard(other, ListLine)) == 8
    assert len(heard(ann, ListLine)) == 1  # it does not read, so nothing more is sent
    future.succeed(None)
    (said,) = heard(ann, Status)
    assert said.code_name == "NOTIFICATIONOVERFLOW"
    third.ok(b"CREATE more")
    assert ann.read() == []
    ann.ok(ALL)
    third.ok(b"CREATE again")
    assert [name for name, _ in listed(ann)] == ["again"]


def test_a_client_that_does_not_listen_costs_nothing(world, ann, other, monkeypatch):
    """Changes are pulled: while an answer waits for room nothing is gathered."""
    ann.ok(ALL)
    future = world.runtime.future()
    monkeypatch.setattr(ann, "crowded", lambda: True)
    monkeypatch.setattr(ann, "room", lambda: future)
    for _ in range(50):
        world.deliver(MESSAGE, to="Sent")
    assert len(heard(ann, StatusLine)) == 1
    future.succeed(None)
    (line,) = heard(ann, StatusLine)
    assert line.items["MESSAGES"] == 50


def test_a_change_is_read_once_whoever_listens(world):
    sessions = [world.session() for _ in range(10)]
    for session in sessions:
        session.ok(ALL)
    account = sessions[0].connection.session.account.own
    with Statements(account.readers.event) as statements:
        world.deliver(MESSAGE, to="Sent")
    assert len(statements) == 1, statements
    assert all(len(session.read()) == 1 for session in sessions)


def test_the_watch_ends_with_the_connection(world, ann):
    ann.ok(b"SELECT INBOX")
    ann.ok(ALL)
    assert isinstance(ann.connection.session.watch, NotifyWatch)
    account = ann.connection.session.account.own
    ann.drop()
    assert not account._overview.followed
    world.deliver(MESSAGE)


def test_what_evolution_sends(world, ann, other):
    """Evolution 3.5x, all at once, with the items of the mails it is about to show."""
    ann.ok(b"ENABLE CONDSTORE QRESYNC")
    ann.ok(b"SELECT INBOX")
    ann.ok(
        b"NOTIFY SET (selected (MessageNew (UID RFC822.SIZE RFC822.HEADER FLAGS"
        b" BODYSTRUCTURE PREVIEW) MessageExpunge FlagChange)) (personal (MessageNew"
        b" MessageExpunge MailboxName SubscriptionChange))"
    )
    world.deliver(MESSAGE)
    told = ann.read()[-1]
    assert (told.uid, told.size) == (1, len(MESSAGE))
    assert told.items["PREVIEW"] == b"body"
    world.deliver(MESSAGE, to="Sent")
    assert heard(ann, StatusLine)[0].items["MESSAGES"] == 1


def test_what_a_command_told_does_not_hide_a_later_change(world, ann, other):
    """RFC 5465 §3.1: the NOOP that NOTIFY implies tells what was kept back."""
    world.deliver(MESSAGE)
    for session in (ann, other):
        session.ok(b"SELECT INBOX")
    ann.ok(b"STORE 1 FLAGS (\\Flagged)")
    ann.ok(b"NOTIFY NONE")
    ann.ok(b"STORE 1 FLAGS (\\Flagged)")  # changes nothing
    other.ok(b"STORE 1 FLAGS ()")
    (seen,) = ann.ok(b"FETCH 1 FLAGS").of(Fetch)
    assert "\\Flagged" not in seen.items["FLAGS"]
    other.ok(b"STORE 1 FLAGS (\\Flagged)")
    (told,) = ann.ok(SELECTED).of(Fetch)
    assert "\\Flagged" in told.items["FLAGS"]
