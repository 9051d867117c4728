"""OLDER and YOUNGER as text, and what they find (RFC 5032)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.search.handler import Search
from imapd.extensions.within import FEATURE, WithinKey
from imapd.session.faults import Bad
from mailstore.model import InternalDate
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed
from tests.support.responses import SearchResult


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b"OLDER 1", WithinKey(1, younger=False)),
        (b"younger 259200", WithinKey(259_200, younger=True)),
        (b"YOUNGER 4294967295", WithinKey(4_294_967_295, younger=True)),
    ],
)
def test_each_key_is_known(text, key):
    node = parsed(b"SEARCH " + text)
    assert node == Search((key,))
    assert reparsed("SEARCH", node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"OLDER", "a space wanted"),
        (b"OLDER 0", "a number above 0 wanted"),
        (b"YOUNGER -5", "a number above 0 wanted"),
        (b"YOUNGER 4294967296", "a number up to 4294967295 wanted"),
    ],
)
def test_what_is_no_interval_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(b"SEARCH " + text)


def test_an_interval_is_a_second_or_more():
    with pytest.raises(ValueError, match="one second"):
        WithinKey(0, younger=True)


@given(st.integers(1, 0xFFFF_FFFF), st.booleans())
def test_parse_is_the_inverse_of_unparse(seconds, younger):
    node = Search((WithinKey(seconds, younger),))
    assert reparsed("SEARCH", node) == node


def test_both_keys_match_the_moment_itself(monkeypatch):
    """RFC 5032 §2: to the resolution of a second, in whatever zone."""
    world = World()
    for uid, (epoch, zone) in enumerate([(899, 0), (900, 120), (901, -60)], 1):
        world.box("INBOX").add(b"x", uid=uid, date=InternalDate(epoch, zone))
    peer = Peer(world)
    monkeypatch.setattr(peer.runtime, "now", lambda: 1_000.7)

    def found(keys: bytes) -> tuple[int, ...]:
        (result,) = peer.ok(b"SEARCH " + keys).of(SearchResult)
        return result.numbers

    assert found(b"OLDER 100") == (1, 2)
    assert found(b"YOUNGER 100") == (2, 3)
    assert found(b"OLDER 100 YOUNGER 100") == (2,)
    assert found(b"NOT OLDER 100") == (3,)
    assert found(b"YOUNGER 4294967295") == (1, 2, 3)


def test_the_feature_brings_both_keys():
    assert [spec.name for spec in FEATURE.search_keys] == ["OLDER", "YOUNGER"]
