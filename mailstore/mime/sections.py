"""Where a section's octets are: the offset tree that is kept with each message.

Layout: version, flags, then one record a part in pre-order: header start, body
start, end, size of the subtree in records, kind. Finding a section walks siblings
by subtree size and touches no other record.
"""

from __future__ import annotations

import struct

from mailstore.mime.scanner import Part

_HEAD = struct.Struct("<BB")
_RECORD = struct.Struct("<IIIIB")
_VERSION = 1
HAS_NUL = 1

_LEAF, _MULTIPART, _MESSAGE = 0, 1, 2


def pack(root: Part) -> bytes:
    """Pack a message's offsets."""
    order: list[Part] = root.walk()
    sizes: dict[int, int] = {}
    for part in reversed(order):
        below = list(part.children)
        if part.message is not None:
            below.append(part.message)
        sizes[id(part)] = 1 + sum(sizes[id(child)] for child in below)
    pieces = [_HEAD.pack(_VERSION, HAS_NUL if root.contains_nul else 0)]
    for part in order:
        kind = _LEAF
        if part.is_multipart:
            kind = _MULTIPART
        elif part.message is not None:
            kind = _MESSAGE
        pieces.append(
            _RECORD.pack(part.header, part.body, part.end, sizes[id(part)], kind)
        )
    return b"".join(pieces)


def contains_nul(packed: bytes) -> bool:
    """Tell whether the message has a NUL, which no IMAP literal may have."""
    return bool(packed[1] & HAS_NUL)


class _Node:
    __slots__ = ("body", "end", "header", "index", "kind", "size")

    def __init__(self, packed: bytes, index: int) -> None:
        self.index = index
        self.header, self.body, self.end, self.size, self.kind = _RECORD.unpack_from(
            packed, _HEAD.size + index * _RECORD.size
        )


def _child(packed: bytes, node: _Node, number: int) -> _Node | None:
    """Give the n-th part of a multipart."""
    index, last = node.index + 1, node.index + node.size
    while index < last:
        child = _Node(packed, index)
        number -= 1
        if number == 0:
            return child
        index += child.size
    return None


def _find(packed: bytes, path: tuple[int, ...]) -> _Node | None:
    """Follow part numbers (RFC 3501 §6.4.5).

    A message that is no multipart has one part, number 1: its body. A part that is
    a message is entered by the next number.
    """
    node = _Node(packed, 0)
    entered = True  # node is a message's own entity, not yet one of its parts
    for number in path:
        if not entered and node.kind == _MESSAGE:
            node, entered = _Node(packed, node.index + 1), True
        if node.kind == _MULTIPART:
            child = _child(packed, node, number)
            if child is None:
                return None
            node, entered = child, False
        elif entered and number == 1:
            entered = False
        else:
            return None
    return node


def locate(
    packed: bytes, path: tuple[int, ...], text: str | None
) -> tuple[int, int] | None:
    """Give (start, length) of a section in the stored message.

    ``text`` is None, ``HEADER``, ``TEXT`` or ``MIME``. None: there is no such
    section. A header includes its blank line.
    """
    node = _find(packed, path)
    if node is None:
        return None
    if not path:
        if text is None:
            return 0, node.end
        if text == "HEADER":
            return node.header, node.body - node.header
        return node.body, node.end - node.body
    if text is None:
        return node.body, node.end - node.body
    if text == "MIME":
        return node.header, node.body - node.header
    if node.kind != _MESSAGE:
        return None
    inner = _Node(packed, node.index + 1)
    if text == "HEADER":
        return inner.header, inner.body - inner.header
    return inner.body, inner.end - inner.body
