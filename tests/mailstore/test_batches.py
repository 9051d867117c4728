"""Batches are bounded by number and by octets, and leave nothing out."""

from __future__ import annotations

from dataclasses import dataclass

from mailstore.maintenance.batches import batches


@dataclass(frozen=True)
class Item:
    size: int


def sizes(*items: int) -> list[list[int]]:
    found = batches([Item(size) for size in items], 3, 10)
    return [[one.size for one in some] for some in found]


def test_a_batch_has_so_many_and_so_many_octets_at_most():
    assert sizes(1, 1, 1, 1) == [[1, 1, 1], [1]]
    assert sizes(6, 4, 1) == [[6, 4], [1]]


def test_what_is_larger_than_a_batch_is_one():
    assert sizes(2, 50, 3) == [[2], [50], [3]]
    assert sizes() == []
