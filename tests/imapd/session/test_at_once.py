"""Commands that wait for nothing are answered in the call that brings their octets."""

from __future__ import annotations

import pytest

from imapd.session.turns import COMMANDS
from tests.support.session import Session, World


@pytest.fixture
def world(tmp_path) -> World:
    made = World(tmp_path)
    made.deliver(b"Subject: one\r\n\r\nx\r\n")
    return made


@pytest.fixture
def session(world: World) -> Session:
    return world.session(mailbox=b"INBOX")


def sending(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Give what is sent from here on, piece by piece."""
    pieces: list[bytes] = []
    monkeypatch.setattr(session, "write", pieces.append)
    return pieces


def test_nothing_is_made_that_could_wait(world, session, monkeypatch):
    """No future, as nobody is woken: the session goes on resting."""
    pieces = sending(session, monkeypatch)
    made: list[object] = []
    plain = world.runtime.future

    def future() -> object:
        made.append(plain())
        return made[-1]

    monkeypatch.setattr(world.runtime, "future", future)
    session.connection.receive(b"a NOOP\r\nb STATUS INBOX (MESSAGES)\r\nc NO")
    session.connection.receive(b"OP\r\n")
    status = b"* STATUS INBOX (MESSAGES 1)\r\nb OK STATUS completed\r\n"
    assert pieces == [
        b"a OK NOOP completed\r\n" + status,
        b"c OK NOOP completed\r\n",
    ]
    session.connection.receive(
        b"d FETCH 1 FLAGS\r\ne SEARCH SEEN\r\nf SELECT INBOX\r\n"
    )
    assert b"\r\nf OK " in pieces[-1]
    assert made == []


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"FETCH 1 BODY.PEEK[TEXT]", b"* 1 FETCH (BODY[TEXT] {3}\r\nx\r\n)\r\n"),
        (b"FETCH 1 (RFC822.SIZE)", b"* 1 FETCH (RFC822.SIZE 19)\r\n"),
        (b"UID FETCH 1 BODY.PEEK[7]", b"* 1 FETCH (UID 1 BODY[7] NIL)\r\n"),
        (b"FETCH 2 BODY.PEEK[]", None),
    ],
)
def test_one_message_that_is_at_hand_waits_for_nothing(
    world, session, monkeypatch, command, answer
):
    session.ok(b"FETCH 1 BODY.PEEK[]")
    pieces = sending(session, monkeypatch)
    monkeypatch.setattr(world.runtime, "future", None)
    session.connection.receive(b"a " + command + b"\r\n")
    sent = b"".join(pieces)
    if answer is None:
        assert sent.startswith(b"a BAD ")
    else:
        assert sent.startswith(answer + b"a OK ")


def test_a_message_that_gets_seen_by_it_is_told_so(session):
    """What is changed is changed in the session's own context."""
    answer = session.ok(b"FETCH 1 BODY[TEXT]").raw
    assert b"* 1 FETCH (BODY[TEXT] {3}\r\nx\r\n)\r\n" in answer
    assert b"* 1 FETCH (FLAGS (\\Seen \\Recent))\r\n" in answer


def test_who_has_begun_to_watch_is_told_at_rest(world, session, monkeypatch):
    """NOTIFY waits for nothing either (RFC 5465 §3.1)."""
    pieces = sending(session, monkeypatch)
    watched = b"(selected (MessageNew MessageExpunge))"
    session.connection.receive(b"a NOTIFY SET " + watched + b"\r\n")
    world.deliver(b"Subject: two\r\n\r\nx\r\n")
    assert b"".join(pieces).endswith(b"* 2 EXISTS\r\n* 2 RECENT\r\n")


def test_what_comes_while_an_answer_is_sent_is_answered_too(session, monkeypatch):
    """A transport may bring octets while it takes others: TLS does, and DEFLATE."""
    pieces: list[bytes] = []

    def write(data: bytes) -> None:
        pieces.append(data)
        if len(pieces) == 1:
            session.connection.receive(b"b NOOP\r\n")

    monkeypatch.setattr(session, "write", write)
    session.connection.receive(b"a NOOP\r\n")
    session.connection.receive(b"c NOOP\r\n")
    assert pieces == [b"%b OK NOOP completed\r\n" % tag for tag in (b"a", b"b", b"c")]


def test_who_goes_while_he_is_answered_is_gone(world, session, monkeypatch):
    monkeypatch.setattr(session, "write", lambda _: session.connection.closed())
    session.connection.receive(b"a NOOP\r\n")
    assert world.log.events[-1][0] == "disconnect"


def test_a_wake_meanwhile_is_not_lost_nor_harmful(session, monkeypatch):
    pieces = sending(session, monkeypatch)
    session.connection.wake()
    session.connection.receive(b"a NOOP\r\nb IDLE\r\n")
    session.connection.wake()
    session.connection.receive(b"DONE\r\nc NOOP\r\n")
    tags = [line.partition(b" ")[0] for line in b"".join(pieces).splitlines()]
    assert tags == [b"a", b"+", b"b", b"c"]


def test_what_has_to_wait_leaves_the_rest_in_its_order(session, monkeypatch):
    pieces = sending(session, monkeypatch)
    many = b"".join([b"n%d NOOP\r\n" % number for number in range(COMMANDS + 2)])
    session.connection.receive(b"a NOOP\r\nb CREATE x\r\n" + many)
    tags = [line.partition(b" ")[0] for line in b"".join(pieces).splitlines()]
    assert tags == [b"a", b"b", *[b"n%d" % number for number in range(COMMANDS + 2)]]


def test_a_bye_ends_the_session(world, monkeypatch):
    stranger = world.connect()
    pieces = sending(stranger, monkeypatch)
    stranger.connection.receive(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"".join(pieces).endswith(b"* BYE this is an IMAP server\r\n")
    assert world.log.events[-1][0] == "disconnect"


def test_a_defect_of_what_is_answered_at_once_is_an_answer(world, session, monkeypatch):
    pieces = sending(session, monkeypatch)
    monkeypatch.setattr(world.log, "failure", lambda _, **__: "e1", raising=False)
    monkeypatch.setattr(
        "imapd.commands.status.existing_name", lambda *_: (_ for _ in ()).throw(OSError)
    )
    session.connection.receive(b"a STATUS INBOX (MESSAGES)\r\nb NOOP\r\n")
    assert b"".join(pieces) == (
        b"a NO [SERVERBUG] internal error e1; the log tells more\r\n"
        b"b OK NOOP completed\r\n"
    )


@pytest.mark.parametrize(
    "where",
    [
        "imapd.session.view.View.tell",
        "imapd.session.dispatch.quiet",
        "imapd.session.dispatch.response_text",
        "imapd.session.connection.literal_sink",
    ],
)
def test_a_defect_behind_a_command_leaves_no_socket_open(
    world, session, monkeypatch, where
):
    """What the client knows then nobody can say: it begins anew."""
    logged: list[BaseException] = []

    def failure(error: BaseException, **_: object) -> str:
        logged.append(error)
        return "e1"

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    world.deliver(b"Subject: two\r\n\r\nx\r\n")
    monkeypatch.setattr(world.log, "failure", failure, raising=False)
    monkeypatch.setattr(where, fail)
    session.raw = b""
    session.connection.receive(b"a CREATE {3+}\r\nbox\r\nb CREATE {3+}\r\nbox\r\n")
    assert session.raw.splitlines()[-1] == (
        b"* BYE internal error e1; the log tells more"
    )
    assert session.closed
    assert list(map(type, logged)) == [ZeroDivisionError]
    assert world.log.events[-1][0] == "disconnect"


def test_waiting_in_the_queue_is_no_part_of_a_command(world, session):
    """Its time counts from when it begins, not from when its octets came."""
    session.feed(b"a IDLE\r\n")
    world.runtime.advance(5)
    session.feed(b"DONE\r\nb NOOP\r\n")
    told = {facts["command"]: facts["ms"] for _, facts in world.log.events[-2:]}
    assert told == {"IDLE": 5_000.0, "NOOP": 0.0}
