"""UIDBATCHES as text, and the batches that it gives (RFC 10022)."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.uidbatches import UidBatches
from imapd.session.faults import Bad
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed


@pytest.mark.parametrize(
    ("text", "node"),
    [
        (b"UIDBATCHES 2000", UidBatches(2000)),
        (b"uidbatches 500 10:20", UidBatches(500, 10, 20)),
    ],
)
def test_each_form_is_known(text, node):
    assert parsed(text) == node
    assert reparsed("UIDBATCHES", node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"UIDBATCHES", "a space wanted"),
        (b"UIDBATCHES x", "a number above 0 wanted"),
        (b"UIDBATCHES 0", "a number above 0 wanted"),
        (b"UIDBATCHES 500 10", "':' wanted"),
        (b"UIDBATCHES 500 0:10", "a number above 0 wanted"),
        (b"UIDBATCHES 500 1:*", "a number above 0 wanted"),
        (b"UIDBATCHES 500 1:2 x", "the end of the command wanted"),
    ],
)
def test_what_is_no_uidbatches_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


def test_a_range_has_two_ends():
    with pytest.raises(ValueError, match="two ends"):
        UidBatches(500, 1)


def mailbox(*uids: int) -> Peer:
    world = World()
    for uid in uids:
        world.box("INBOX").add(b"x", uid=uid)
    return Peer(world)


def batches(peer: Peer, arguments: bytes) -> list[tuple[int, int]]:
    raw = peer.ok(b"UIDBATCHES " + arguments).raw
    found = re.match(rb'\* UIDBATCHES \(TAG "t"\)(?: ([0-9:,]+))?\r\n', raw)
    assert found is not None, raw
    pairs = [pair.split(b":") for pair in found[1].split(b",")] if found[1] else []
    return [(int(high), int(low)) for high, low in pairs]


def test_an_empty_mailbox_has_no_batch():
    assert batches(mailbox(), b"500") == []


def test_a_small_mailbox_is_one_batch_down_to_the_first_uid():
    assert batches(mailbox(7, 9, 30), b"500") == [(30, 1)]


def test_batches_outside_are_passed_over():
    peer = mailbox(*range(2, 2402, 2))
    assert batches(peer, b"500") == [(2400, 1402), (1401, 402), (401, 1)]
    assert batches(peer, b"500 2:2") == [(1401, 402)]
    assert batches(peer, b"500 3:9") == [(401, 1)]
    assert batches(peer, b"500 4:9") == []


@given(st.integers(1, 1_700), st.integers(500, 900), st.integers(1, 5))
def test_batches_cover_every_uid_and_have_their_size(count, size, step):
    uids = range(step, (count + 1) * step, step)
    peer = mailbox(*uids)
    found = batches(peer, b"%d" % size)
    assert found[0][0] == uids[-1]
    assert found[-1][1] == 1
    assert all(low == high + 1 for (_, low), (high, _) in itertools.pairwise(found))
    sizes = [sum(low <= uid <= high for uid in uids) for high, low in found]
    assert all(one == size for one in sizes[:-1])
    assert 1 <= sizes[-1] <= size


def test_small_batches_are_refused():
    answer = mailbox(1).run(b"UIDBATCHES 499")
    assert (answer.status.kind, answer.status.code) != ("OK", None)
    assert answer.raw.startswith(b"t NO [TOOFEW] ")


def test_a_range_that_descends_is_a_fault_of_the_client():
    assert mailbox(1).run(b"UIDBATCHES 500 20:10").raw.startswith(b"t BAD [CLIENTBUG] ")
