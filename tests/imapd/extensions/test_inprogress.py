"""INPROGRESS: what a client hears during a long command, and how often (RFC 9585)."""

from typing import Any

import pytest

from imapd.extensions.inprogress import tell
from mailstore.query import Following
from tests.support.responses import Esearch, Status
from tests.support.session import Answer, World


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.deliver(b"Subject: a\r\n\r\n", b"Subject: b\r\n\r\n")
    yield made
    made.close()


def slowly(world: World, monkeypatch: Any, *moments: tuple[float, int, int]) -> None:
    """Let a search of the store pass these moments: seconds, steps, steps in all."""
    from mailstore.service import Mailbox

    search = Mailbox.search

    async def slow(self: Mailbox, predicate: Any, following: Following) -> Any:
        for seconds, done, total in moments:
            world.runtime.advance(seconds)
            assert following.progress is not None
            following.progress(done, total)
        return await search(self, predicate, following)

    monkeypatch.setattr(Mailbox, "search", slow)


def told(untagged: tuple[Any, ...]) -> list[object]:
    return [
        one.code.value
        for one in untagged
        if isinstance(one, Status) and one.code is not None
        if one.code.name == "INPROGRESS"
    ]


def test_a_long_search_is_told_now_and_then(world, monkeypatch):
    ann = world.session(mailbox=b"INBOX")
    slowly(world, monkeypatch, (9, 1, 9), (2, 2, 9), (1, 3, 9), (10, 5, 9), (3, 9, 9))
    answers: list[Answer] = []
    search = b"SEARCH RETURN (COUNT) TEXT a"
    world.runtime.event(lambda: answers.append(ann.ok(search)))
    (answer,) = answers
    tag = answer.status.tag
    assert told(answer.untagged) == [(tag, 2, 9), (tag, 5, 9)]
    assert answer.of(Esearch)[0]["COUNT"] == 1


def test_each_command_begins_anew(world, monkeypatch):
    ann = world.session(mailbox=b"INBOX")
    slowly(world, monkeypatch, (6, 1, 2))
    for _ in range(3):
        assert told(ann.ok(b"UID SEARCH TEXT a").untagged) == []


def test_a_short_search_says_nothing(world):
    ann = world.session(mailbox=b"INBOX")
    assert told(ann.ok(b"SEARCH TEXT a").untagged) == []


def test_counts_that_are_not_known_are_nil(world, monkeypatch):
    ann = world.session(mailbox=b"INBOX")
    slowly(world, monkeypatch, (10, 0, 0), (10, 3, 2), (10, 1, 2**40))
    answer = ann.ok(b"SEARCH TEXT a")
    assert told(answer.untagged) == [(answer.status.tag, None, None)] * 3


def test_a_search_of_many_mailboxes_counts_them(world, monkeypatch):
    ann = world.session()
    slowly(world, monkeypatch, (11, 1, 2))
    answer = ann.ok(b"ESEARCH IN (mailboxes (INBOX Sent Trash)) TEXT a")
    tag = answer.status.tag
    assert told(answer.untagged) == [(tag, 0, 3), (tag, 1, 3), (tag, 2, 3)]


def test_the_feature_hears_of_every_progress(world):
    assert world.services.registry.progress == (tell,)


@pytest.mark.parametrize(
    ("command", "method"),
    [
        (b"COPY 1 Sent", "copy"),
        (b"UID MOVE 1 Sent", "move"),
        (b"STORE 1 FLAGS (\\Seen)", "store_flags"),
        (b"EXPUNGE", "expunge"),
        (b"UID EXPUNGE 1", "expunge"),
        (b"CLOSE", "expunge"),
        (b"SORT (SUBJECT) UTF-8 ALL", "sort"),
        (b"UID THREAD REFERENCES UTF-8 ALL", "thread"),
    ],
)
def test_who_waits_for_the_store_hears_of_it(world, monkeypatch, command, method):
    """One step has no progress, but who waits for long hears that it goes on."""
    from mailstore.service import Mailbox

    gate = world.runtime.future()
    work = getattr(Mailbox, method)

    async def slow(self: Mailbox, *given: Any, **named: Any) -> Any:
        await gate
        return await work(self, *given, **named)

    monkeypatch.setattr(Mailbox, method, slow)
    ann = world.session(mailbox=b"INBOX")
    assert ann.feed(b"long " + command + b"\r\n") == []
    world.runtime.advance(9)
    assert ann.read() == []
    world.runtime.advance(2)
    assert told(tuple(ann.read())) == [("long", None, None)]
    world.runtime.advance(25)
    assert told(tuple(ann.read())) == [("long", None, None)] * 2
    gate.succeed(None)
    assert ann.read()[-1].tag == "long"
    world.runtime.advance(100)
    assert ann.read() == []


def test_a_long_fetch_tells_how_far_it_is(world, monkeypatch):
    """Between two batches, never within a response."""
    world.deliver(*[b"Subject: x\r\n\r\n"] * 1_100)
    ann = world.session(mailbox=b"INBOX")
    from imapd.session.fetch_sender import Sender

    send = Sender.send

    async def slow(self: Sender, answers: Any) -> frozenset[int]:
        world.runtime.time += 6
        return await send(self, answers)

    monkeypatch.setattr(Sender, "send", slow)
    answer = ann.ok(b"FETCH 1:* (UID)")
    assert told(answer.untagged) == [(answer.status.tag, 1_024, 1_102)]
