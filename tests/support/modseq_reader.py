"""Reads mod-sequences and VANISHED, strictly (RFC 7162 §7)."""

from __future__ import annotations

from tests.support import responses as r
from tests.support.body_reader import BodyReader


def modseq(reader: BodyReader) -> int:
    """``mod-sequence-value``."""
    found = reader.number64()
    if found == 0:
        reader.refuse("a positive mod-sequence")
    return found


def message_modseq(reader: BodyReader) -> int:
    """``fetch-mod-resp`` behind its name."""
    reader.take(b"(")
    found = modseq(reader)
    reader.take(b")")
    return found


def vanished(reader: BodyReader) -> r.Vanished:
    """``expunged-resp``: ascending, disjoint ranges, never spelt out."""
    earlier = reader.accept(b" (EARLIER)")
    reader.take(b" ")
    found: list[tuple[int, int]] = []
    while not found or reader.accept(b","):
        low = reader.nz_number()
        high = reader.nz_number() if reader.accept(b":") else low
        if low > high or (found and low <= found[-1][1]):
            reader.refuse("ascending UIDs")
        found.append((low, high))
    return r.Vanished(tuple(found), earlier)
