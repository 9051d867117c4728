"""Where a section's octets are: the offset tree that is kept with each message.

It maps the part numbers of RFC 3501 §6.4.5 to ranges of the stored message; it never
sees the message. Layout, little endian::

    version u8 · flags u8 · parts u16 · media types u16
    per part, parents first: header u32 · body u32 · end u32 · parts in its subtree
    u16 · kind u8 · encoding u8 · number of its media type u16
    per media type: length u8 · ``type/subtype``

A section is found by stepping over siblings by the size of their subtree: no record
is read but those of a path and of its elder siblings. Example: ``locate(packed,
(2, 1), "MIME")``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from mailstore.mime.scanner import Part

Locator = Callable[[bytes], tuple[int, int] | None]

_HEAD = struct.Struct("<BBHH")
_RECORD = struct.Struct("<IIIHBBH")
_ROOT = struct.Struct("<III")  # where the root's header, body and end are
_SUBTREE, _KIND, _ENCODING, _MEDIA = 3, 4, 5, 6  # places in a record
_VERSION = 1
_HAS_NUL = 1
_LEAF, _MULTIPART, _MESSAGE = range(3)
_ENCODINGS = (b"", b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable")
_ENCODING_ID = {name: number for number, name in enumerate(_ENCODINGS)}


def pack(part: Part) -> bytes:
    """Pack a message's offset tree; ``part`` is the root that `scan` gave."""
    types: dict[bytes, int] = {}
    pieces = [b""]
    parts = _pack(part, pieces, types)
    flags = _HAS_NUL if part.contains_nul else 0
    pieces[0] = _HEAD.pack(_VERSION, flags, parts, len(types))
    pieces += [b"%c%b" % (len(media), media) for media in types]
    return b"".join(pieces)


def _pack(node: Part, pieces: list[bytes], types: dict[bytes, int]) -> int:
    """Add the records of a part and of all below it; gives how many."""
    media = b"%b/%b" % (node.type, node.subtype)
    media_number = types.setdefault(media, len(types))
    kind, subtree, at = _LEAF, 1, len(pieces)
    pieces.append(b"")
    if node.children:
        kind = _MULTIPART if node.is_multipart else _MESSAGE
        for child in node.children:
            subtree += _pack(child, pieces, types)
    encoding = _ENCODING_ID.get(node.encoding, 0)
    pieces[at] = _RECORD.pack(
        node.header, node.body, node.end, subtree, kind, encoding, media_number
    )
    return subtree


def moved(packed: bytes, by: int) -> bytes:
    """Give the tree of the same message with ``by`` octets of fields before it."""
    version, flags, parts, types = _HEAD.unpack_from(packed)
    end = _HEAD.size + parts * _RECORD.size
    pieces = [_HEAD.pack(version, flags, parts, types)]
    # The root's header begins where it did: with the new fields.
    begins = 0
    for header, body, last, *rest in _RECORD.iter_unpack(packed[_HEAD.size : end]):
        pieces.append(_RECORD.pack(header + begins, body + by, last + by, *rest))
        begins = by
    return b"".join((*pieces, packed[end:]))


def contains_nul(packed: bytes) -> bool:
    """Tell whether the message has a NUL, which no IMAP literal may have."""
    return bool(packed[1] & _HAS_NUL)


class Record(NamedTuple):
    """One part, as it is kept."""

    header: int
    body: int
    end: int
    subtree: int  # parts, this one included
    is_message: bool  # it has an embedded message, which is the next record
    encoding: bytes  # as `encoded` gives it
    media: bytes  # ``type/subtype``, in lower case


def records(packed: bytes) -> list[Record] | None:
    """Give all parts, parents first; None when what is kept cannot be read."""
    try:
        version, _, parts, types = _HEAD.unpack_from(packed)
        at = behind = _HEAD.size + parts * _RECORD.size
        media = []
        for _ in range(types):
            start, at = at + 1, at + 1 + packed[at]
            media.append(packed[start:at])
        found = [
            Record(
                header,
                body,
                end,
                subtree,
                kind == _MESSAGE,
                _ENCODINGS[encoding],
                media[type_],
            )
            for header, body, end, subtree, kind, encoding, type_ in (
                _RECORD.iter_unpack(packed[_HEAD.size : behind])
            )
        ]
    except (struct.error, IndexError):
        return None
    return found if version == _VERSION and found else None


def locate(
    packed: bytes, path: tuple[int, ...], text: str | None = None
) -> tuple[int, int] | None:
    """Give (start, length), in octets of the stored message, of a section.

    ``path`` are part numbers from 1, ``text`` is None, ``HEADER``, ``TEXT`` or
    ``MIME``; a header includes its blank line. None: there is no such section.
    """
    if not path:
        return _OF_MESSAGE.get(text, _nowhere)(packed)
    found = _find(packed, path)
    if found is None:
        return None
    index, (header, body, end, _, kind, _, _) = found
    if text == "MIME":
        return header, body - header
    if text is not None:
        # RFC 3501 §6.4.5: HEADER and TEXT of a part are those of its message.
        if kind != _MESSAGE:
            return None
        header, body, end, *_ = _node(packed, index + 1)
    if text == "HEADER":
        return header, body - header
    return body, end - body


def locator(path: tuple[int, ...], text: str | None) -> Locator:
    """Give `locate` for one section of many messages."""
    if path:
        return partial(locate, path=path, text=text)
    return _OF_MESSAGE.get(text, _nowhere)


def _whole(packed: bytes) -> tuple[int, int]:
    return 0, _ROOT.unpack_from(packed, _HEAD.size)[2]


def _header(packed: bytes) -> tuple[int, int]:
    begins, ends, _ = _ROOT.unpack_from(packed, _HEAD.size)
    return begins, ends - begins


def _body(packed: bytes) -> tuple[int, int]:
    _, begins, ends = _ROOT.unpack_from(packed, _HEAD.size)
    return begins, ends - begins


def _nowhere(_: bytes) -> None:
    # RFC 3501 §9: MIME comes behind a part number.
    return None


_OF_MESSAGE: dict[str | None, Locator] = {
    None: _whole,
    "HEADER": _header,
    "TEXT": _body,
}


def encoded(packed: bytes, path: tuple[int, ...]) -> tuple[int, int, bytes] | None:
    """Give (start, length, encoding) of a part, found as by `locate`.

    The encoding is in lower case, and empty if RFC 2045 §6.1 doesn't know it. What is
    made of parts has none: ``binary`` (§6.4).
    """
    if not path:
        return *_whole(packed), b"binary"
    found = _find(packed, path)
    if found is None:
        return None
    _, (_, body, end, _, _, code, media) = found
    made_of_parts = _media(packed, media).startswith(b"multipart/")
    return body, end - body, b"binary" if made_of_parts else _ENCODINGS[code]


def _media(packed: bytes, number: int) -> bytes:
    at = _HEAD.size + _HEAD.unpack_from(packed)[2] * _RECORD.size
    for _ in range(number):
        at += 1 + packed[at]
    return packed[at + 1 : at + 1 + packed[at]]


# header, body, end, parts in its subtree, kind, encoding, number of its media type
_Node = tuple[int, int, int, int, int, int, int]


def _node(packed: bytes, index: int) -> _Node:
    """Read one record."""
    found: _Node = _RECORD.unpack_from(packed, _HEAD.size + index * _RECORD.size)
    return found


def _find(packed: bytes, path: tuple[int, ...]) -> tuple[int, _Node] | None:
    """Follow part numbers (RFC 3501 §6.4.5); gives a record and its place.

    A message that is no multipart has one part, number 1: its body. The next number
    enters a part that is a message.
    """
    index, node = 0, _node(packed, 0)
    is_message = True  # the node is a message itself, not yet one of its parts
    for number in path:
        if not is_message and node[_KIND] == _MESSAGE:
            index, is_message = index + 1, True
            node = _node(packed, index)
        if node[_KIND] == _MULTIPART:
            child = _child(packed, index, node, number)
            if child is None:
                return None
            (index, node), is_message = child, False
        elif is_message and number == 1:
            is_message = False
        else:
            return None
    return index, node


def _child(
    packed: bytes, index: int, node: _Node, number: int
) -> tuple[int, _Node] | None:
    """Give the n-th part of a multipart."""
    last = index + node[_SUBTREE]
    index += 1
    if number < 1:
        return None
    while index < last:
        child = _node(packed, index)
        number -= 1
        if number == 0:
            return index, child
        index += child[_SUBTREE]
    return None
