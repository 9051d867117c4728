"""What a searching command found, rendered, and what its options chose."""

from array import array
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.session.plugs import SearchDataSpec, SearchReturnSpec
from imapd.session.search_result import (
    SLICE,
    ReturnOption,
    Searching,
    SearchResult,
    set_pieces,
    with_gaps,
)
from imapd.session.search_returns import RETURNS
from imapd.session.searching import parse_returns, run_searching, unparse_returns
from imapd.syntax.sequence import UidSet
from imapd.wire.cursor import Cursor
from mailstore.query import All
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import REGISTRY, Peer
from tests.support.esearch_reader import ESEARCH_DATA
from tests.support.response_parser import ResponseReader

SPECS = {spec.name: spec for spec in RETURNS}
NOTHING = cast("Any", None)


def spelt_out(text: bytes) -> list[int]:
    return list(ResponseReader(text).uid_set())


@given(
    st.lists(st.integers(1, 50), unique=True, min_size=1),
    st.integers(1, 7),
    st.booleans(),
)
def test_pieces_join_to_a_set_in_the_order_of_the_numbers(numbers, size, ascending):
    if ascending:
        numbers.sort()
    slices = [numbers[at : at + size] for at in range(0, len(numbers), size)]
    text = b"".join(set_pieces(slices, ascending=ascending))
    assert spelt_out(text) == numbers
    # RFC 5267 §3.2: a range ascends.
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        assert not high or int(low) < int(high)


def test_a_range_goes_on_over_the_border_of_a_slice():
    assert list(set_pieces([[1, 2], [3, 4], [5, 9]], ascending=True)) == [
        b"1:5",
        b",9",
    ]
    assert b"".join(set_pieces([[7, 6, 1], [2, 3]], ascending=False)) == b"7,6,1:3"


def result(uids: list[int], *options: str, ascending: bool = True) -> SearchResult:
    returns = tuple(ReturnOption(name) for name in options)
    searching = Searching(
        NOTHING, (), None, returns, SPECS, by_uid=True, ascending=ascending
    )
    return SearchResult(searching, NOTHING, NOTHING, All(), uids)


def test_what_is_chosen_is_what_the_options_tell_of():
    """RFC 5182 §2.4."""
    uids = [3, 5, 8, 9]
    assert list(result(uids).chosen()) == uids
    assert list(result(uids, "MIN").chosen()) == [3]
    assert list(result(uids, "MAX").chosen()) == [9]
    assert list(result(uids, "MAX", "MIN").chosen()) == [3, 9]
    assert list(result(uids, "MAX", "COUNT").chosen()) == uids
    assert list(result(uids, "MIN", "ALL").chosen()) == uids
    assert list(result([], "MIN", "MAX").chosen()) == []


def test_what_is_chosen_of_another_order_ascends():
    uids = [8, 3, 9, 5]
    assert list(result(uids, ascending=False).chosen()) == [3, 5, 8, 9]
    assert list(result(uids, "MIN", "MAX", ascending=False).chosen()) == [5, 8]


def ready(peer: Peer, *options: str, **how: Any) -> Searching:
    returns = tuple(ReturnOption(name) for name in options) if options else None
    return Searching(peer.context, (), None, returns, SPECS, **how)


def answer(peer: Peer, searching: Searching) -> bytes:
    peer.context.tag = b"t"
    peer.wire.writes.clear()
    peer.runtime.run(run_searching(searching, "completed"))
    peer.context.reply.flush()
    return b"".join(peer.wire.writes)


async def backwards(mailbox: Any, *_: object) -> list[int]:
    return [*list(mailbox.uids)[::-1], 4_000_000_000]


def peer_of(*uids: int) -> Peer:
    world = World()
    for uid in uids:
        world.box("INBOX").add(b"x", uid=uid)
    return Peer(world)


def test_another_order_is_kept_and_its_first_message_is_the_lowest():
    """RFC 5267 §3.1. A message that the client wasn't told of is left out."""
    peer = peer_of(4, 5, 9)
    how = {"word": b"SORT", "find": backwards, "ascending": False}
    assert answer(peer, ready(peer, **how)) == b"* SORT 3 2 1\r\n"
    assert answer(peer, ready(peer, "MIN", "MAX", "ALL", **how)) == (
        b'* ESEARCH (TAG "t") MIN 3 MAX 1 ALL 3,2,1\r\n'
    )
    assert answer(peer, ready(peer, "ALL", by_uid=True, **how)) == (
        b'* ESEARCH (TAG "t") UID ALL 9,5,4\r\n'
    )


def with_data(peer: Peer, *, wanted: bool) -> None:
    async def value(_: object, uids: Any) -> int:
        return sum(uids)

    spec = SearchDataSpec("SUM", "RFC 7162 §3.1.5", lambda _: wanted, value)
    registry = replace(peer.context.registry, search_data={"SUM": spec})
    peer.context.services = replace(peer.context.services, registry=registry)


def test_a_key_may_ask_for_data_of_the_messages_that_are_told():
    """RFC 4731 §3.2: of those that MIN and MAX pick, else of all."""
    peer = peer_of(4, 5, 9)
    with_data(peer, wanted=True)
    assert answer(peer, ready(peer)) == b"* SEARCH 1 2 3 (SUM 18)\r\n"
    assert answer(peer, ready(peer, "MIN")) == b'* ESEARCH (TAG "t") MIN 1 SUM 4\r\n'
    assert answer(peer, ready(peer, "MIN", "MAX")) == (
        b'* ESEARCH (TAG "t") MIN 1 MAX 3 SUM 13\r\n'
    )
    assert answer(peer, ready(peer, "MIN", "COUNT")) == (
        b'* ESEARCH (TAG "t") MIN 1 COUNT 3 SUM 18\r\n'
    )
    with_data(peer, wanted=False)
    assert answer(peer, ready(peer)) == b"* SEARCH 1 2 3\r\n"


def test_nothing_found_has_no_data():
    peer = peer_of()
    with_data(peer, wanted=True)
    assert answer(peer, ready(peer, "COUNT")) == b'* ESEARCH (TAG "t") COUNT 0\r\n'
    assert answer(peer, ready(peer)) == b"* SEARCH\r\n"


def test_an_option_with_an_argument_is_read_and_written_by_its_spec():
    spec = SearchReturnSpec(
        "TOP",
        "RFC 4466 §2.6.1",
        parse=lambda cursor, _: UidSet.parse(cursor),
        group="list",
    )
    specs = {**SPECS, "TOP": spec}
    cursor = Cursor(b" RETURN (TOP 5 MIN)")
    found = parse_returns(cursor, REGISTRY, specs)
    assert found == (ReturnOption("TOP", UidSet(((5, 5),))), ReturnOption("MIN"))
    assert unparse_returns(found) == b" RETURN (TOP 5 MIN)"
    assert unparse_returns(None) == b""
    assert parse_returns(Cursor(b" ALL"), REGISTRY, specs) is None
    assert parse_returns(Cursor(b" RETURN ()"), REGISTRY, {}) is None


def test_every_item_of_esearch_can_be_read():
    assert set(SPECS) <= set(ESEARCH_DATA)


@given(st.sets(st.integers(1, 2**32 - 1), max_size=40), st.data())
def test_numbers_with_gaps(numbers, data):
    column = array("I", sorted(numbers))
    # A column may go on behind the plane's end.
    size = data.draw(st.integers(0, len(column)))
    plane = bytes(data.draw(st.sampled_from([0, 1])) for _ in range(size))
    meant = [one for one, mark in zip(column, plane, strict=False) if mark]
    wanted = b"".join([b" %d" % one for one in meant])
    assert b"".join(with_gaps(column, plane)) == wanted
    assert b"".join(with_gaps(column, plane)) == wanted


@pytest.mark.parametrize("unit", [b"\1", b"\0", b"\0\0\0\1", b"\1" + 4_000 * b"\0"])
def test_long_ones_with_gaps_come_in_pieces(unit):
    column = array("I", range(5, 60_000, 7))
    plane = (unit * 9_000)[:8_123]
    pieces = list(with_gaps(column, plane))
    assert b"".join(pieces) == b"".join(
        [b" %d" % one for one, mark in zip(column, plane, strict=False) if mark]
    )
    assert all(0 < piece.count(b" ") <= SLICE for piece in pieces)
