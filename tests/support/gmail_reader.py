"""Reads what X-GM-EXT-1 adds to FETCH."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _labels(reader: Any) -> tuple[bytes, ...]:
    """Labels as strings: Gmail's own begin with a backslash, which no atom has."""
    reader.take(b"(")
    found: list[bytes] = []
    while not reader.accept(b")"):
        if found:
            reader.take(b" ")
        found.append(reader.astring())
    if len(set(found)) < len(found):
        reader.refuse("each label once")
    return tuple(found)


ITEMS: dict[str, Callable[[Any], object]] = {
    "X-GM-MSGID": lambda reader: reader.number64(),
    "X-GM-THRID": lambda reader: reader.number64(),
    "X-GM-LABELS": _labels,
}
