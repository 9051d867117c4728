"""PARTIAL as text, and the pages that it gives (RFC 9394)."""

import re
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.search.handler import Search
from imapd.commands.search.keys import Word
from imapd.extensions.partial import FEATURE, PartialModifier
from imapd.session.faults import Bad
from imapd.session.search_result import ReturnOption
from imapd.syntax.partial_range import PartialRange
from imapd.syntax.sequence import UidSet
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed
from tests.support.responses import Esearch


def mailbox(*uids: int) -> Peer:
    world = World()
    for uid in uids:
        world.box("INBOX").add(b"message %d" % uid, uid=uid)
    return Peer(world)


def esearch(peer: Peer, text: bytes) -> Esearch:
    (found,) = peer.ok(text).untagged
    assert isinstance(found, Esearch)
    return found


def test_the_option_is_known():
    (spec,) = FEATURE.search_returns
    node = parsed(b"UID SEARCH RETURN (partial -1:-100 count) UNDELETED")
    options = (
        ReturnOption(spec.name, PartialRange(-1, -100)),
        ReturnOption("COUNT"),
    )
    assert node == Search((Word("UNDELETED"),), None, UidSet, options)
    assert reparsed("UID SEARCH", node) == node


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (b"PARTIAL", "a space wanted"),
        (b"PARTIAL 1:*", "a range like 1:500 or -1:-100 wanted"),
        (b"PARTIAL 1:2 ALL", "return options that go together wanted"),
        (b"ALL PARTIAL 1:2", "return options that go together wanted"),
        (b"PARTIAL 1:2 PARTIAL 3:4", "return options that go together wanted"),
    ],
)
def test_what_is_no_option_is_refused(options, reason):
    """RFC 9394 §3.1: one PARTIAL, or one ALL, or neither."""
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(b"SEARCH RETURN (%b) ALL" % options)


def test_a_page_is_told_with_its_range():
    peer = mailbox(3, 4, 5, 9)
    assert peer.ok(b"UID SEARCH RETURN (PARTIAL 2:3) ALL").raw.startswith(
        b'* ESEARCH (TAG "t") UID PARTIAL (2:3 4:5)\r\n'
    )
    assert esearch(peer, b"SEARCH RETURN (PARTIAL -1:-2) ALL")["PARTIAL"] == (
        "-1:-2",
        (3, 4),
    )
    assert peer.ok(b"SEARCH RETURN (PARTIAL 5:6 COUNT) ALL").raw.startswith(
        b'* ESEARCH (TAG "t") COUNT 4 PARTIAL (5:6 NIL)\r\n'
    )
    assert esearch(peer, b"SEARCH RETURN (PARTIAL 4:9) ALL")["PARTIAL"] == ("4:9", (4,))


@given(st.sets(st.integers(1, 40)), st.integers(1, 9), st.booleans())
def test_pages_put_together_are_what_all_gives(uids, size, backwards):
    peer = mailbox(*sorted(uids))
    sign = -1 if backwards else 1
    joined: list[int] = []
    for at in range(1, len(uids) + 2, size):
        page = b"%d:%d" % (sign * at, sign * (at + size - 1))
        found = esearch(peer, b"UID SEARCH RETURN (PARTIAL %b) ALL" % page)
        _, some = cast("tuple[str, tuple[int, ...]]", found["PARTIAL"])
        joined = [*some, *joined] if backwards else [*joined, *some]
    assert joined == sorted(uids)


@pytest.mark.parametrize(
    ("options", "saved"),
    [
        (b"PARTIAL 2:3", [2, 3]),
        (b"PARTIAL 2:3 MIN", [1, 2, 3]),
        (b"PARTIAL 2:3 MAX", [2, 3, 5]),
        (b"PARTIAL 2:3 MIN MAX", [1, 2, 3, 5]),
        (b"PARTIAL 2:3 COUNT", [1, 2, 3, 4, 5]),
        (b"PARTIAL 2:3 COUNT MIN", [1, 2, 3, 4, 5]),
        (b"PARTIAL 8:9", []),
        (b"PARTIAL 8:9 MAX", [5]),
    ],
)
def test_what_is_saved_is_what_is_told(options, saved):
    """RFC 9394 §3.2, its table."""
    peer = mailbox(1, 2, 3, 4, 5)
    peer.ok(b"SEARCH RETURN (SAVE %b) ALL" % options)
    assert list(peer.view.saved) == saved


def test_the_modifier_is_known():
    node = parsed(b"UID FETCH 25900:26600 (UID FLAGS) (partial -1:-3)")
    assert node.modifiers == (PartialModifier(PartialRange(-1, -3)),)
    assert reparsed("UID FETCH", node) == node


@pytest.mark.parametrize(
    "modifiers", [b"PARTIAL", b"PARTIAL 1", b"PARTIAL 1:2 PARTIAL 3:4", b"PARTIAL 0:1"]
)
def test_what_is_no_modifier_is_refused(modifiers):
    with pytest.raises(Bad):
        parsed(b"UID FETCH 1:* FLAGS (%b)" % modifiers)


def test_a_page_of_uid_fetch_counts_the_messages_that_exist():
    """RFC 9394 §3.3."""
    peer = mailbox(3, 5, 8, 9, 12)

    def fetched(command: bytes) -> list[int]:
        return [fetch["UID"] for fetch in peer.ok(command).fetches.values()]

    assert fetched(b"UID FETCH 4:20 UID (PARTIAL -1:-3)") == [8, 9, 12]
    assert fetched(b"UID FETCH 4:20 UID (PARTIAL 1:2)") == [5, 8]
    assert fetched(b"UID FETCH 4:20 UID (PARTIAL 5:9)") == []
    assert fetched(b"UID FETCH 1:* UID (PARTIAL 9:2)") == [5, 8, 9, 12]


def test_fetch_by_number_has_no_pages():
    peer = mailbox(3, 5)
    assert peer.run(b"FETCH 1:2 UID (PARTIAL 1:1)").status.kind == "BAD"
