"""SELECT, EXAMINE, CLOSE, UNSELECT, CHECK, APPEND, IDLE."""

from __future__ import annotations

import pytest

from imapd.commands import append, close, select
from imapd.extensions import idle, unselect
from imapd.session.append_program import NewMessage, PlainData
from imapd.session.limits import Limits
from imapd.wire.framing import Literal
from mailstore.errors import Unavailable
from mailstore.model import InternalDate
from mailstore.service import Mailbox
from tests.imapd.commands.peers import reparsed
from tests.support.responses import (
    Exists,
    Expunge,
    Fetch,
    FlagsLine,
    Recent,
    SearchResult,
    Status,
)
from tests.support.session import Answer, World

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


@pytest.fixture
def ann(world):
    return world.session()


def codes(answer):
    return {s.code.name: s.code.value for s in answer.of(Status) if s.code is not None}


def test_select_tells_everything(world, ann):
    world.deliver(MESSAGE, MESSAGE, MESSAGE)
    ann.ok(b"SELECT INBOX")
    ann.ok(b"STORE 1 +FLAGS (\\Seen $Label)")
    answer = world.session().ok(b"SELECT inbox")
    assert answer.code == "READ-WRITE"
    assert answer.of(Exists) == [Exists(3)]
    assert answer.of(Recent) == [Recent(0)]
    (flags,) = answer.of(FlagsLine)
    assert "$Label" in flags.flags
    told = codes(answer)
    assert told["UNSEEN"] == 2
    assert told["UIDNEXT"] == 4
    assert told["UIDVALIDITY"] > 0
    assert {"\\*", "\\Deleted", "$Label"} <= set(told["PERMANENTFLAGS"])


def test_examine_changes_nothing(world, ann):
    world.deliver(MESSAGE)
    answer = ann.ok(b"EXAMINE INBOX")
    assert answer.code == "READ-ONLY"
    assert answer.of(Recent) == [Recent(1)]
    assert set(codes(answer)["PERMANENTFLAGS"]) == set()
    ann.ok(b"FETCH 1 BODY[]")
    (found,) = ann.ok(b"FETCH 1 FLAGS").of(Fetch)
    assert set(found.items["FLAGS"]) == {"\\Recent"}
    ann.no(b"STORE 1 +FLAGS (\\Seen)", "READ-ONLY")
    ann.no(b"EXPUNGE", "READ-ONLY")
    assert ann.ok(b"SELECT INBOX").of(Recent) == [Recent(1)]


def test_a_failed_select_selects_nothing(ann):
    ann.ok(b"SELECT INBOX")
    ann.no(b"SELECT nowhere", "NONEXISTENT")
    ann.bad(b"FETCH 1 FLAGS")
    ann.ok(b"SELECT INBOX")
    ann.bad(b"SELECT")
    ann.ok(b"CHECK")


def test_a_select_that_fails_late_selects_nothing(world, ann, monkeypatch):
    """What is told of a mailbox may be unreadable when it is open already."""

    async def limits(*_: object) -> None:
        raise Unavailable("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "limits", limits)
        answer = ann.no(b"SELECT INBOX", "UNAVAILABLE")
        assert answer.of(Exists) == []
        ann.bad(b"FETCH 1 FLAGS")
    ann.ok(b"SELECT INBOX")


def test_what_is_told_of_a_mailbox_is_as_it_is_now(world, ann):
    """Clients go to and fro: what is told again is made once, and never stale."""
    ann.ok(b"CREATE other")
    world.deliver(MESSAGE)
    for number in range(1, 4):
        ann.ok(b"SELECT other")
        answer = ann.ok(b"SELECT INBOX")
        assert answer.of(Exists) == [Exists(number)]
        assert codes(answer)["UIDNEXT"] == number + 1
        assert codes(answer)["UNSEEN"] == number
        ann.ok(b"STORE %d +FLAGS (\\Seen k%d)" % (number, number))
        again = ann.ok(b"SELECT INBOX")
        assert "UNSEEN" not in codes(again)
        keywords = {f"k{known}" for known in range(1, number + 1)}
        assert keywords < again.of(FlagsLine)[0].flags
        world.deliver(MESSAGE)


def test_close_expunges_in_silence(world, ann):
    world.deliver(MESSAGE, MESSAGE)
    ann.ok(b"SELECT INBOX")
    ann.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    answer = ann.ok(b"CLOSE")
    assert answer.untagged == ()
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(1)]
    ann.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    ann.ok(b"UNSELECT")
    assert ann.ok(b"EXAMINE INBOX").of(Exists) == [Exists(1)]
    ann.ok(b"CLOSE")
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(1)]
    ann.ok(b"SELECT Sent")
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(1)]


def test_append_tells_its_uid_and_exists(world, ann):
    ann.ok(b"SELECT INBOX")
    answer = ann.append(
        b"INBOX", MESSAGE, b'(\\Seen Tag) " 1-Feb-2026 00:30:00 +0100" '
    )
    assert answer.status.kind == "OK"
    assert answer.code == "APPENDUID"
    assert answer.of(Exists) == [Exists(1)]
    (found,) = ann.ok(b"FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])").of(Fetch)
    assert set(found.items["FLAGS"]) == {"\\Seen", "Tag", "\\Recent"}
    assert found.items["INTERNALDATE"].isoformat() == "2026-02-01T00:30:00+01:00"
    assert found.items["RFC822.SIZE"] == len(MESSAGE)
    assert found.items["BODY[]"] == MESSAGE


def test_a_synchronizing_literal_is_asked_for(ann):
    (asked,) = ann.begin(b"APPEND INBOX {%d}" % len(MESSAGE))
    assert asked.text
    done = ann.feed(MESSAGE + b"\r\n")[-1]
    assert done.kind == "OK"
    found = ann.feed(b"x APPEND nowhere {100}\r\n")
    assert [(s.kind, s.code.name) for s in found] == [("NO", "TRYCREATE")]
    ann.ok(b"NOOP")


def test_a_name_may_be_a_literal(ann):
    (asked,) = ann.begin(b"APPEND {5}")
    (asked,) = ann.feed(b"INBOX {3}\r\n")
    assert asked.text
    assert ann.feed(b"abc\r\n")[-1].kind == "OK"


def test_refused_literals_are_never_obeyed(ann):
    smuggled = b"x DELETE Sent\r\n"
    answer = ann.run(b"APPEND nowhere {%d+}\r\n%b" % (len(smuggled), smuggled))
    assert (answer.status.kind, answer.code) == ("NO", "TRYCREATE")
    ann.ok(b"STATUS Sent (MESSAGES)")


def test_append_refuses(tmp_path):
    world = World(tmp_path)
    ann = world.session()
    ann.no(b"APPEND INBOX {0+}\r\n")
    ann.no(b"APPEND INBOX {3+}\r\na\x00b", "CANNOT")
    ann.no(b"APPEND INBOX {99999999+}\r\n" + b"x" * 99_999_999, "TOOBIG")
    ann.no(b'APPEND "a*" {1+}\r\nx', "NONEXISTENT")
    for command in (
        b"APPEND",
        b"APPEND INBOX",
        b"APPEND INBOX x",
        b"APPEND INBOX (\\Recent) {1+}\r\nx",
        b'APPEND INBOX "32-Jan-2026 00:00:00 +0000" {1+}\r\nx',
        b"APPEND INBOX {1+}\r\nx trailing",
    ):
        ann.bad(command)
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(0)]
    assert not list((tmp_path / "accounts").rglob("*.part"))
    world.close()


def test_a_broken_connection_leaves_no_half_message(tmp_path):
    world = World(tmp_path)
    ann = world.session()
    ann.begin(b"APPEND INBOX {5000000}")
    ann.feed(b"x" * 4_000_000)
    assert list((tmp_path / "accounts").rglob("*.part"))
    ann.drop()
    assert not list((tmp_path / "accounts").rglob("*.part"))
    assert world.session().ok(b"SELECT INBOX").of(Exists) == [Exists(0)]
    world.close()


def test_others_are_told_at_their_next_command(world, ann):
    ann.ok(b"SELECT INBOX")
    other = world.session(mailbox=b"INBOX")
    ann.append(b"INBOX", MESSAGE)
    assert other.read() == []
    answer = other.ok(b"NOOP")
    assert answer.of(Exists) == [Exists(1)]
    other.ok(b"STORE 1 +FLAGS (\\Flagged)")
    (told,) = ann.ok(b"CHECK").of(Fetch)
    assert "\\Flagged" in told.items["FLAGS"]


def test_removals_wait_where_numbers_are_used(world, ann):
    world.deliver(MESSAGE, MESSAGE, MESSAGE)
    ann.ok(b"SELECT INBOX")
    other = world.session(mailbox=b"INBOX")
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    for command in (b"FETCH 1:3 UID", b"STORE 2 +FLAGS (\\Seen)", b"SEARCH ALL"):
        assert ann.ok(command).of(Expunge) == []
    assert [f.items["UID"] for f in ann.ok(b"FETCH 1:3 (UID)").of(Fetch)] == [1, 2, 3]
    assert ann.ok(b"NOOP").of(Expunge) == [Expunge(1)]
    assert [f.items["UID"] for f in ann.ok(b"FETCH 1:2 (UID)").of(Fetch)] == [2, 3]
    other.ok(b"STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok(b"EXPUNGE")
    assert ann.ok(b"UID SEARCH ALL").of(Expunge) == [Expunge(1)]


def test_idle_tells_at_once(world, ann):
    world.deliver(MESSAGE)
    ann.ok(b"SELECT INBOX")
    ann.begin(b"IDLE")
    other = world.session(mailbox=b"INBOX")
    answers: list[Answer] = []
    # Who is woken by it goes on behind it, as the loop has it.
    world.runtime.event(lambda: answers.append(other.append(b"INBOX", MESSAGE)))
    # RFC 3501 §2.3.2: the new one is recent to who is told first, and to no other.
    assert answers[0].of(Recent) == [Recent(1)]
    assert ann.read() == [Exists(2), Recent(1)]
    other.ok(b"STORE 1 +FLAGS (\\Deleted)")
    (told,) = ann.read()
    assert "\\Deleted" in told.items["FLAGS"]
    other.ok(b"EXPUNGE")
    assert ann.read() == [Expunge(1)]
    assert ann.feed(b"done\r\n")[-1].kind == "OK"
    other.append(b"INBOX", MESSAGE)
    assert ann.read() == []


def test_idle_heartbeat_and_end(world, ann):
    ann.begin(b"IDLE")
    world.runtime.advance(Limits().idle_heartbeat_seconds + 10)
    (beat,) = ann.read()
    assert (beat.kind, beat.tag) == ("OK", None)
    assert ann.feed(b"NOOP\r\n")[-1].kind == "BAD"
    ann.ok(b"NOOP")
    ann.begin(b"IDLE")
    world.runtime.advance(Limits().idle_seconds + 100)
    assert ann.read()[-1].kind == "BYE"
    assert ann.closed


def test_idle_ends_with_its_connection(world, ann):
    ann.ok(b"SELECT INBOX")
    ann.begin(b"IDLE")
    ann.drop()
    world.deliver(MESSAGE)
    assert world.session().ok(b"SELECT INBOX").of(Exists) == [Exists(1)]


def test_silence_ends_a_session(world):
    stranger, ann = world.connect(), world.session()
    world.runtime.advance(Limits().login_seconds + 1)
    assert stranger.read()[-1].kind == "BYE"
    assert not ann.closed
    world.runtime.advance(Limits().idle_seconds)
    assert ann.read()[-1].kind == "BYE"


def test_pipelined_commands_are_answered_in_order(ann):
    found = ann.feed(b"a SELECT INBOX\r\nb APPEND INBOX {1+}\r\nx\r\nc SEARCH ALL\r\n")
    assert [s.tag for s in found if isinstance(s, Status) and s.tag] == ["a", "b", "c"]
    assert SearchResult((1,)) in found


def test_inverse():
    date = InternalDate(1_769_902_200, 60)
    for name, node in (
        ("SELECT", select.Select(b"a b")),
        ("EXAMINE", select.Select(b"x", readonly=True)),
    ):
        assert reparsed(name, node) == node
    literal = Literal(3, b"abc", synchronizing=False)
    for flags, when in (((), None), (("\\Seen", "k"), date)):
        message = NewMessage(PlainData(literal), flags, when)
        added = append.Append(b"a b", (message,))
        assert reparsed("APPEND", added) == added


def test_features_are_whole():
    names = [c.name for m in (close, idle, unselect) for c in m.FEATURE.commands]
    assert names == ["CHECK", "CLOSE", "IDLE", "UNSELECT"]


def test_silence_hides_nothing_of_others(world, ann):
    world.deliver(MESSAGE)
    ann.ok(b"SELECT INBOX")
    other = world.session(mailbox=b"INBOX")
    other.ok(b"STORE 1 +FLAGS (\\Flagged)")
    (told,) = ann.ok(b"STORE 1 +FLAGS.SILENT (\\Seen)").of(Fetch)
    assert {"\\Flagged", "\\Seen"} <= set(told.items["FLAGS"])
    assert ann.ok(b"STORE 1 +FLAGS.SILENT (\\Draft)").of(Fetch) == []


def test_what_is_selected_has_that_name_now(world, ann):
    """Whatever is remembered of names ends with a commit, also within a turn."""
    for name in (b"one", b"two"):
        ann.ok(b"CREATE " + name)
        ann.ok(b"SELECT " + name)
    sent = ann.feed(
        b"a RENAME one three\r\nb RENAME two one\r\nc SELECT one\r\nd SELECT two\r\n"
        b"e DELETE one\r\nf SELECT one\r\ng SELECT three\r\n"
    )
    ends = [one.kind for one in sent if isinstance(one, Status) and one.tag]
    assert ends == ["OK", "OK", "OK", "NO", "OK", "NO", "OK"]
    other = world.session()
    other.ok(b"CREATE two")
    other.append(b"two", b"x")
    assert ann.ok(b"SELECT two").of(Exists) == [Exists(1)]
    other.append(b"two", b"x")
    assert ann.ok(b"SELECT two").of(Exists) == [Exists(2)]
