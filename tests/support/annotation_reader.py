"""Reads annotations of messages, strictly (RFC 5257 §5).

``()`` is taken too: it answers wildcards where a message has nothing that fits.
"""

from __future__ import annotations

import re

from tests.support.body_reader import BodyReader

_ATTRIBUTE = re.compile(rb"(?:value|size)\.(?:priv|shared)")
_ENTRY = re.compile(rb"(?:/[^/*%\x00-\x1f\x7f-\xff]+)+")

Annotations = dict[str, dict[str, bytes | None] | None]


def annotation_data(reader: BodyReader) -> Annotations:
    """``msg-att-dynamic``: entries with attributes, or all of them without."""
    reader.take(b"(")
    found: Annotations = {}
    while not reader.accept(b")"):
        if found:
            reader.take(b" ")
        entry = reader.astring()
        if not _ENTRY.fullmatch(entry) or entry.decode() in found:
            reader.refuse("an entry, each once")
        found[entry.decode()] = _attributes(reader) if reader.accept(b" (") else None
    if len({value is None for value in found.values()}) > 1:
        reader.refuse("names alone, or all with attributes")
    return found


def _attributes(reader: BodyReader) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    while not found or not reader.accept(b")"):
        if found:
            reader.take(b" ")
        name = reader.match(_ATTRIBUTE, "an attribute").decode()
        reader.take(b" ")
        if name in found:
            reader.refuse("each attribute once")
        found[name] = reader.nstring8()
    return found


def failure(reader: BodyReader) -> str:
    """``ANNOTATE``'s argument."""
    return reader.match(re.compile(rb"TOOBIG|TOOMANY"), "TOOBIG or TOOMANY").decode()


def support(reader: BodyReader) -> str:
    """``ann-size``."""
    pattern = rb"NONE|(?:READ-ONLY|[1-9][0-9]*)(?: NOPRIVATE)?"
    return reader.match(re.compile(pattern), "ann-size").decode()
