"""INPROGRESS: what a client hears during a long command, and how often (RFC 9585)."""

from typing import Any

import pytest

from imapd.extensions.inprogress import tell
from mailstore.query import Following
from tests.support.responses import Esearch, Status
from tests.support.session import World


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
    answer = ann.ok(b"SEARCH RETURN (COUNT) TEXT a")
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
