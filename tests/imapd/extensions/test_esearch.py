"""ESEARCH as text, and what it returns (RFC 4731)."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.commands.search.handler import Search
from imapd.commands.search.keys import Word
from imapd.extensions.esearch import FEATURE
from imapd.features import ALL as FEATURES
from imapd.session.faults import Bad
from imapd.session.registry import Feature, Registry, RegistryError
from imapd.session.reply import CHUNK
from imapd.session.search_result import SLICE, ReturnOption
from imapd.syntax.sequence import SequenceSet, UidSet
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed
from tests.support.responses import Esearch, SearchResult

MIN, MAX, ALL, COUNT = (ReturnOption(spec.name) for spec in FEATURE.search_returns)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b"MIN", (MIN,)),
        (b"max", (MAX,)),
        (b"ALL", (ALL,)),
        (b"Count", (COUNT,)),
        (b"COUNT ALL MAX MIN", (COUNT, ALL, MAX, MIN)),
        (b"MIN MIN COUNT MIN", (MIN, COUNT)),
        (b"", ()),
    ],
)
def test_each_option_is_known(text, options):
    for name, answer in (("SEARCH", SequenceSet), ("UID SEARCH", UidSet)):
        node = parsed(b"%b RETURN (%b) ALL" % (name.encode(), text))
        assert node == Search((Word("ALL"),), None, answer, options)
        assert reparsed(name, node) == node


def test_the_options_come_before_the_charset():
    """RFC 4466 §2.6.1."""
    node = parsed(b"SEARCH RETURN (MIN) CHARSET UTF-8 ALL")
    assert node == Search((Word("ALL"),), b"UTF-8", SequenceSet, (MIN,))
    assert reparsed("SEARCH", node) == node
    with pytest.raises(Bad, match="a search key wanted"):
        parsed(b"SEARCH CHARSET UTF-8 RETURN (MIN) ALL")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"SEARCH RETURN", "a search key wanted at octet 9"),
        (b"SEARCH RETURN MIN ALL", "'(' wanted at octet 16"),
        (b"SEARCH RETURN (MIN ALL", "')' wanted at octet 24"),
        (b"SEARCH RETURN (MIN) ", "a search key wanted at octet 22"),
        (b"SEARCH RETURN (MIN)", "a space wanted at octet 21"),
        (b"SEARCH RETURN (MEDIAN) ALL", "a return option wanted at octet 17"),
        (b"SEARCH RETURN (MIN 1) ALL", "a return option wanted at octet 21"),
        (b"SEARCH RETURN ( MIN) ALL", "a return option wanted at octet 17"),
    ],
)
def test_what_is_no_option_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


def mailbox(*uids: int) -> Peer:
    world = World()
    for uid in uids:
        world.box("INBOX").add(b"message %d" % uid, uid=uid)
    return Peer(world)


def esearch(peer: Peer, text: bytes) -> Esearch:
    answer = peer.ok(text)
    (found,) = answer.untagged
    assert isinstance(found, Esearch)
    assert found.tag == "t"
    return found


def test_each_option_returns_what_it_names():
    peer = mailbox(4, 7, 8, 9, 12)
    one = esearch(peer, b"SEARCH RETURN (COUNT MIN ALL MAX) NOT 2")
    assert one.data == (("MIN", 1), ("MAX", 5), ("ALL", (1, 3, 4, 5)), ("COUNT", 4))
    assert not one.uid
    two = esearch(peer, b"UID SEARCH RETURN (MAX MIN COUNT) NOT 2")
    assert two.data == (("MIN", 4), ("MAX", 12), ("COUNT", 4))
    assert two.uid


def test_no_option_is_the_same_as_all():
    peer = mailbox(4, 7, 8)
    assert peer.ok(b"UID SEARCH RETURN () ALL").raw == (
        b'* ESEARCH (TAG "t") UID ALL 4,7:8\r\nt OK UID SEARCH completed\r\n'
    )


def test_an_empty_result_leaves_out_all_but_the_count():
    peer = mailbox(4)
    found = esearch(peer, b"SEARCH RETURN (MIN MAX ALL COUNT) UNDRAFT DRAFT")
    assert found.data == (("COUNT", 0),)
    assert peer.ok(b"SEARCH RETURN (ALL) DRAFT").raw == (
        b'* ESEARCH (TAG "t")\r\nt OK SEARCH completed\r\n'
    )


def test_a_search_without_return_is_answered_as_ever():
    peer = mailbox(4, 7)
    assert peer.ok(b"UID SEARCH ALL").untagged == (SearchResult((4, 7)),)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(1, 60), max_size=40), st.sets(st.integers(1, 60)))
def test_all_names_the_messages_of_search(uids, wanted):
    peer = mailbox(*sorted(uids))
    keys = b"UID " + b",".join(b"%d" % uid for uid in sorted(wanted | {61}))
    for name in (b"SEARCH", b"UID SEARCH"):
        (plain,) = peer.ok(b"%b %b" % (name, keys)).untagged
        assert isinstance(plain, SearchResult)
        returns = b"RETURN (ALL MIN MAX COUNT)"
        found = esearch(peer, b"%b %b %b" % (name, returns, keys))
        data = dict(found.data)
        assert data["COUNT"] == len(plain.numbers)
        assert data.get("ALL", ()) == plain.numbers
        assert data.get("MIN") == min(plain.numbers, default=None)
        assert data.get("MAX") == max(plain.numbers, default=None)


def test_a_long_result_is_written_in_bounded_pieces():
    count = 20 * SLICE
    peer = mailbox(*range(1, 2 * count, 2))
    found = esearch(peer, b"UID SEARCH RETURN () ALL")
    assert found["ALL"] == tuple(range(1, 2 * count, 2))
    assert len(peer.wire.writes) > 3
    assert max(map(len, peer.wire.writes)) <= CHUNK


def test_the_extremes_of_many_are_told_in_few_octets():
    peer = mailbox(*range(1, 6 * SLICE, 2))
    answer = peer.ok(b"UID SEARCH RETURN (MIN MAX COUNT) ALL")
    assert len(answer.raw) < 100


def test_options_are_gone_with_the_feature():
    others = [one for one in FEATURES if one.name not in needing("ESEARCH")]
    registry = Registry.of(others)
    assert not registry.search_returns
    assert all(one.text != "ESEARCH" for one in registry.capabilities)
    with pytest.raises(RegistryError, match="claimed twice"):
        Registry.of(
            [*FEATURES, Feature("X", ("4731",), search_returns=FEATURE.search_returns)]
        )


def needing(name: str) -> set[str]:
    """Give a feature and all that need it."""
    found = {name}
    while more := {f.name for f in FEATURES if found & set(f.requires)} - found:
        found |= more
    return found
