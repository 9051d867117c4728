"""Entries of packs, and where a digest is: as dictionaries would have it."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from mailstore.blobs import pool_list
from mailstore.blobs.pool_list import Entries, Entry, Places, read_list, write_list


def digest(number: int) -> bytes:
    """Give a digest; those of small numbers differ at their ends alone."""
    if number < 8:
        return bytes(31) + bytes([number])
    return hashlib.sha256(b"%d" % number).digest()


@given(
    st.lists(st.lists(st.integers(0, 20), max_size=6), max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=30),
    st.integers(0, 5),
)
def test_the_last_entry_of_a_digest_is_found(first, later, few):
    packs = {
        number: Entries(Entry(digest(one), at, 1) for at, one in enumerate(some))
        for number, some in enumerate(first)
    }
    wanted = {
        digest(one): (number, at)
        for number, some in enumerate(first)
        for at, one in enumerate(some)
    }
    before, pool_list._FEW = pool_list._FEW, few
    try:
        places = Places(packs)
        for number, one in later:
            if number != max(packs, default=0):
                continue  # it is the last pack that grows
            entries = packs.setdefault(number, Entries())
            at = len(entries)
            entries.append(Entry(digest(one), at, 1))
            places.add(digest(one), number, at)
            wanted[digest(one)] = number, at
    finally:
        pool_list._FEW = before
    for one in range(21):
        assert places.get(digest(one)) == wanted.get(digest(one))
    if packs:
        gone = max(packs)
        del packs[gone]
        for one in range(21):
            found = places.get(digest(one))
            assert found is None or found[0] != gone


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 2**60))))
def test_a_list_is_read_as_it_was_written(rows):
    entries = Entries(Entry(digest(one), at, at // 2) for one, at in rows)
    data = write_list(entries, 2**50)
    found = read_list(data)
    assert found is not None
    assert (list(found[0]), found[1]) == (list(entries), 2**50)
    assert [found[0][at] for at in range(len(entries))] == list(entries)
    for at in range(0, len(data), 7):
        changed = bytearray(data)
        changed[at] ^= 1
        assert read_list(bytes(changed)) is None
    assert read_list(data[:-1]) is None
    assert read_list(b"") is None


def test_a_million_digests_take_a_bounded_part_of_memory():
    """By what is kept of each; the rest are a few objects."""
    entries = Entries(Entry(digest(one), one, 1) for one in range(100, 5_100))
    places = Places({1: entries})
    kept = len(entries.octets) + sum(
        len(one) * one.itemsize for one in (places._prefixes, places._values)
    )
    assert kept == 64 * len(entries)
    assert not places._new
    assert places.get(digest(4_000)) == (1, 4_000)
    assert places.get(digest(99)) is None
