"""What the text index keeps of a message: its texts, folded, as octets.

They say the same as `mailstore.mime.text`, in a form that is compared octet by octet:
UTF-8 of folded text. UTF-8 synchronizes itself, so that a string of octets is found
where the string of characters would be, and nowhere else. Layout:

* a listed field: its values, each ended by a NUL; nothing when there is no such field;
* the header: ``name: value`` for each field, each ended by a NUL. No value has one;
  where a needle has a line feed, the NULs are read as line feeds;
* the body: the text of `body_texts`, as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailstore.mime.folding import folded
from mailstore.mime.header import Buffer
from mailstore.mime.scanner import scan
from mailstore.mime.text import body_texts, folded_fields
from mailstore.mime.textual import textual

FIELDS = (b"from", b"to", b"cc", b"bcc", b"subject", b"message-id")
"""Fields that are kept apart: people look for them, clients for the last one."""

LONGEST_HEADER = 1 << 18  # octets; a message with more is looked through as it is
SLICE = 1 << 20  # of a body, about


@dataclass(frozen=True, slots=True)
class HeaderTexts:
    """A header's texts: the listed fields in their order, and all of it."""

    fields: tuple[bytes, ...]
    whole: bytes


def header_texts(header: bytes) -> HeaderTexts | None:
    """Give a raw header's texts; None when they are too long to be kept."""
    if len(header) > LONGEST_HEADER:
        return None
    listed: dict[bytes, list[bytes]] = {name: [] for name in FIELDS}
    lines: list[bytes] = []
    size = 0
    for name, value in folded_fields(header):
        octets = value + b"\x00"
        size += len(octets)
        if size > LONGEST_HEADER:
            return None
        lines.append(name + b": " + octets)
        if name in listed:
            listed[name].append(octets)
    return HeaderTexts(
        tuple([b"".join(values) for values in listed.values()]), b"".join(lines)
    )


def message_texts(
    data: Buffer, structure: bytes = b""
) -> tuple[HeaderTexts | None, Iterator[bytes]]:
    """Give a message's texts, the body in slices: joined they are all of it.

    ``structure`` is what is kept of its parts; without it the message is scanned.
    """
    root = textual(structure, data) or scan(data)
    header = header_texts(bytes(data[root.header : root.body]))
    return header, _slices(folded(piece) for piece in body_texts(data, root))


def _slices(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join pieces to slices of about a mebibyte; at least one."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= SLICE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
