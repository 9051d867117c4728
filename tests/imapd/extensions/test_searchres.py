"""SEARCHRES: what ``$`` stands for, and where (RFC 5182)."""

import re
from array import array

import pytest

from imapd.commands.fetch.handler import Fetch
from imapd.commands.search.handler import Search
from imapd.commands.search.keys import OrKey
from imapd.extensions.searchres import FEATURE
from imapd.features import ALL as FEATURES
from imapd.session.dispatch import parse_command
from imapd.session.faults import Bad
from imapd.session.registry import Registry
from imapd.session.search_program import NumberKey
from imapd.session.search_result import ReturnOption
from imapd.syntax.sequence import SequenceSet, UidSet
from mailstore.errors import Unavailable
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed
from tests.support.responses import Esearch, SearchResult
from tests.support.session import World as Server

NUMBERS, UIDS = SequenceSet((), saved=True), UidSet((), saved=True)


def mailbox(*uids: int) -> Peer:
    world = World()
    for uid in uids:
        world.box("INBOX").add(b"message %d" % uid, ("\\Seen",), uid=uid)
    world.box("Trash")
    return Peer(world)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("FETCH", b"FETCH $ (FLAGS)"),
        ("UID FETCH", b"UID FETCH $ (FLAGS)"),
        ("STORE", b"STORE $ FLAGS (\\Seen)"),
        ("UID STORE", b"UID STORE $ FLAGS (\\Seen)"),
        ("COPY", b"COPY $ Trash"),
        ("UID COPY", b"UID COPY $ Trash"),
        ("MOVE", b"MOVE $ Trash"),
        ("UID MOVE", b"UID MOVE $ Trash"),
        ("UID EXPUNGE", b"UID EXPUNGE $"),
    ],
)
def test_it_is_a_set_in_every_command_that_has_one(name, text):
    node = parsed(text)
    assert node.messages == (UIDS if name.startswith("UID") else NUMBERS)
    assert reparsed(name, node) == node


def test_it_is_a_search_key_alone_and_behind_uid():
    node = parsed(b"SEARCH OR $ 1,3000:3021 UID $")
    both = OrKey(NumberKey(NUMBERS), NumberKey(SequenceSet(((1, 1), (3000, 3021)))))
    assert node == Search((both, NumberKey(UIDS)))
    assert reparsed("SEARCH", node) == node
    saving = parsed(b"UID SEARCH RETURN (SAVE) $")
    assert saving.returns == (ReturnOption("SAVE"),)
    assert reparsed("UID SEARCH", saving) == saving


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"FETCH $,1 FLAGS", "a space wanted"),
        (b"FETCH 1,$ FLAGS", "a message sequence set wanted"),
        (b"FETCH $:5 FLAGS", "a space wanted"),
        (b"FETCH $$ FLAGS", "a space wanted"),
        (b"SEARCH $5", "the end of the command wanted"),
        (b"SEARCH RETURN (SAVE 1) ALL", "a return option wanted"),
    ],
)
def test_it_stands_alone(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


def test_without_the_feature_it_means_nothing():
    registry = Registry.of(
        [one for one in FEATURES if FEATURE.name not in (one.name, *one.requires)]
    )
    for name, text in (("FETCH", b" $ FLAGS"), ("SEARCH", b" $")):
        with pytest.raises(Bad):
            parse_command(registry, registry.commands[name], text, 0)


def test_saving_alone_answers_nothing():
    peer = mailbox(3, 5, 8)
    answer = peer.ok(b"SEARCH RETURN (SAVE) 2:3")
    assert answer.untagged == ()
    assert peer.view.saved == array("I", (5, 8))
    assert set(peer.ok(b"FETCH $ UID").fetches) == {2, 3}


@pytest.mark.parametrize(
    ("options", "saved"),
    [
        (b"SAVE", [3, 5, 8]),
        (b"SAVE MIN", [3]),
        (b"MAX SAVE", [8]),
        (b"MAX SAVE MIN", [3, 8]),
        (b"SAVE ALL MIN", [3, 5, 8]),
        (b"COUNT SAVE", [3, 5, 8]),
        (b"COUNT MAX SAVE MIN", [3, 5, 8]),
    ],
)
def test_what_is_saved_is_what_is_told(options, saved):
    """RFC 5182 §2.4, its table."""
    peer = mailbox(3, 5, 8)
    peer.ok(b"SEARCH RETURN (%b) ALL" % options)
    assert list(peer.view.saved) == saved
    (found,) = peer.ok(b"UID SEARCH $").of(SearchResult)
    assert list(found.numbers) == saved


def test_an_empty_result_is_a_set_that_names_nothing():
    peer = mailbox(3, 5)
    for command in (b"FETCH $ FLAGS", b"UID STORE $ +FLAGS (x)", b"COPY $ Trash"):
        assert peer.ok(command).untagged == ()
    peer.ok(b"SEARCH RETURN (SAVE) ALL")
    peer.ok(b"SEARCH RETURN (SAVE) DRAFT")
    assert peer.ok(b"MOVE $ Trash").untagged == ()
    assert peer.ok(b"SEARCH $").of(SearchResult) == [SearchResult(())]


def test_the_next_search_may_use_what_it_replaces():
    peer = mailbox(3, 5, 8, 9)
    peer.ok(b"SEARCH RETURN (SAVE) 2:4")
    peer.ok(b"UID SEARCH RETURN (SAVE MAX) $ NOT 4")
    assert list(peer.view.saved) == [8]
    (found,) = peer.ok(b"SEARCH RETURN (ALL) NOT $").of(Esearch)
    assert found["ALL"] == (1, 2, 4)


def test_a_search_that_does_not_save_changes_nothing():
    peer = mailbox(3, 5)
    peer.ok(b"SEARCH RETURN (SAVE) 2")
    peer.ok(b"SEARCH RETURN (ALL) ALL")
    peer.ok(b"SEARCH ALL")
    assert peer.run(b"SEARCH CHARSET NONE ALL").status.kind == "NO"
    assert peer.run(b"SEARCH RETURN (SAVE) 0").status.kind == "BAD"
    assert peer.run(b"SEARCH RETURN (SAVE) WORDS").status.kind == "BAD"
    assert list(peer.view.saved) == [5]


def test_a_saving_search_that_is_refused_saves_nothing():
    """RFC 5182 §2.1, example 5."""
    peer = mailbox(3, 5)
    peer.ok(b"SEARCH RETURN (SAVE) 2")
    refused = peer.run(b"SEARCH RETURN (SAVE) CHARSET NONE ALL")
    assert refused.status.kind == "NO"
    assert list(peer.view.saved) == []


def test_a_saving_search_that_fails_saves_nothing(monkeypatch):
    peer = mailbox(3, 5)
    peer.ok(b"SEARCH RETURN (SAVE) 2")

    async def search(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(peer.mailbox, "search", search)
    assert peer.run(b"SEARCH RETURN (SAVE) ALL").status.kind == "NO"
    assert list(peer.view.saved) == []


def test_what_is_expunged_leaves_it():
    peer = mailbox(3, 5, 8, 9)
    peer.ok(b"SEARCH RETURN (SAVE) 2:4")
    peer.ok(b"UID STORE 8 +FLAGS.SILENT (\\Deleted)")
    peer.ok(b"EXPUNGE")
    assert list(peer.view.saved) == [5, 9]
    assert set(peer.ok(b"FETCH $ UID").fetches) == {2, 3}
    peer.ok(b"MOVE $ Trash")
    assert list(peer.view.saved) == []


def test_selecting_forgets_it(tmp_path):
    """RFC 5182 §2.1: with the SELECT or EXAMINE that succeeds."""
    server = Server(tmp_path)
    server.deliver(b"one", b"two")
    ann = server.session(mailbox=b"INBOX")
    for again in (b"SELECT INBOX", b"EXAMINE INBOX"):
        ann.ok(b"SEARCH RETURN (SAVE) ALL")
        ann.ok(again)
        (found,) = ann.ok(b"SEARCH RETURN (COUNT) $").of(Esearch)
        assert found["COUNT"] == 0
    server.close()


def test_fetch_takes_it_as_numbers_or_uids():
    assert parsed(b"FETCH $ FLAGS") == Fetch(NUMBERS, parsed(b"FETCH 1 FLAGS").items)
    peer = mailbox(3, 5, 8)
    peer.ok(b"UID SEARCH RETURN (SAVE) UID 5:8")
    assert peer.ok(b"FETCH $ UID").fetches == peer.ok(b"UID FETCH $ UID").fetches
