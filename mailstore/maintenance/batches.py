"""Parts of a long list that are worked on together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar


class Sized(Protocol):
    """Something with a size in octets."""

    @property
    def size(self) -> int:
        """Give its octets."""
        ...


T = TypeVar("T", bound=Sized)


def batches(items: Sequence[T], count: int, octets: int) -> Iterator[Sequence[T]]:
    """Part items in their order: so many and so many octets at most, one at least."""
    some: list[T] = []
    size = 0
    for one in items:
        if some and (len(some) >= count or size + one.size > octets):
            yield some
            some, size = [], 0
        some.append(one)
        size += one.size
    if some:
        yield some
