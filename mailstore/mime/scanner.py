"""Finds the parts of a message by offset, in one pass over its bytes.

Only lines that begin with ``--`` are looked at; each is compared with all boundaries
that are open by one dictionary lookup (RFC 2046 §5.1), whatever the nesting. It
knows MIME's structure and none of its meaning: no IMAP, no decoding. Lines may end
in CRLF or LF.

Invariants: every part lies inside its parent, parts never overlap, a multipart has
at least one part, a message/rfc822 or message/global part has exactly one child, and
the work is linear in the size. Example::

    scan(b"Content-Type: multipart/mixed; boundary=b\\r\\n\\r\\n"
         b"--b\\r\\n\\r\\nhi\\r\\n--b--\\r\\n").children[0].size == 2
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, cast

from mailstore.mime.content import (
    Pairs,
    content_type,
    disposition,
    encoding,
    kept_text,
    languages,
)
from mailstore.mime.header import Buffer, Field, parameter, unfold, wanted_fields
from mailstore.mime.names import CONTENT, MESSAGE, TOP
from mailstore.mime.outline import DELIMITER, Outline

_BLANK = re.compile(rb"\n\r?\n")
_EMPTY = re.compile(rb"\r?\n")
_CHUNK = 1 << 20
_PIECE = 1 << 15  # stays near the processor while its lines are counted
_SMALL = 1 << 12
_SAMPLE = 256
_RARE = 32  # octets for each line from which on it pays not to count
_EMBEDDED = frozenset({b"rfc822", b"global"})


@dataclass(frozen=True, slots=True)
class MimeLimits:
    """Beyond these, the rest of a message is an opaque part of the last one."""

    depth: int = 100
    parts: int = 10_000
    boundary: int = 200  # octets
    header: int = 10 << 20  # octets that are looked into, of one header
    headers: int = 50 << 20  # and of all headers of a message
    fields: int = 10_000  # fields kept of one header

    def __post_init__(self) -> None:
        # `sections` numbers parts in 16 bits; a walk down is a recursion.
        if not (0 < self.parts < 1 << 16 and 0 < self.depth <= 200):
            msg = "parts must be below 65,536, depth at most 200"
            raise ValueError(msg)


DEFAULT_LIMITS = MimeLimits()


class Part(NamedTuple):
    """One entity: header at [header, body), body at [body, end).

    ``children`` are the parts of a multipart, or the one embedded message of a
    message/rfc822 or message/global part. ``fields`` are kept for messages only.
    ``type`` and ``subtype`` are lower case.
    """

    header: int
    body: int
    end: int
    type: bytes
    subtype: bytes
    params: Pairs
    encoding: bytes  # lower case, 7bit by default (RFC 2045 §6.1)
    lines: int  # of the body, for text and embedded messages
    children: tuple[Part, ...]
    id: bytes | None
    description: bytes | None
    md5: bytes | None
    disposition: tuple[bytes, Pairs] | None
    language: tuple[bytes, ...]
    location: bytes | None
    fields: tuple[Field, ...]
    whole_header: bool  # nothing of the header was beyond a limit
    contains_nul: bool  # somewhere in the message; told by its root alone

    @property
    def size(self) -> int:
        """The octets of the body, as BODY[n] returns it."""
        return self.end - self.body

    @property
    def is_multipart(self) -> bool:
        """Whether ``children`` are parts."""
        return self.type == b"multipart"

    @property
    def message(self) -> Part | None:
        """The embedded message."""
        return None if self.is_multipart or not self.children else self.children[0]

    def value(self, name: bytes) -> bytes | None:
        """Give the unfolded value of a message's first field of a name."""
        for found in self.fields:
            if found.name == name:
                return unfold(found.value)
        return None

    def walk(self) -> list[Part]:
        """List this part and all below it, parents first, in the message's order."""
        found, todo = [], [self]
        while todo:
            part = todo.pop()
            found.append(part)
            todo.extend(reversed(part.children))
        return found


_made = cast("Callable[[tuple[object, ...]], Part]", partial(tuple.__new__, Part))


def scan(
    data: Buffer, limits: MimeLimits = DEFAULT_LIMITS, outline: Outline | None = None
) -> Part:
    """Find the parts of a message. Never raises, whatever the bytes.

    ``outline`` is what was found in them as they came, if somebody looked.
    """
    return _Scan(data, limits, outline).run()


class _Entity:
    """A part while its end is not known; ``body`` is -1 while its header is open."""

    body = end = -1
    type, subtype = b"text", b"plain"
    params: Pairs = ()
    default = (b"text", b"plain")
    fields: Sequence[Field] = ()
    values: Mapping[bytes, bytes] = MappingProxyType({})  # the first of each name
    whole = True
    boundary: bytes | None = None
    lines = 0
    has_nul = False

    def __init__(self, header: int, depth: int, names: frozenset[bytes]) -> None:
        self.header = header
        self.depth = depth
        self.names = names  # the fields to keep
        self.children: list[_Entity] = []


class _Scan:
    def __init__(
        self, data: Buffer, limits: MimeLimits, outline: Outline | None
    ) -> None:
        self.data = data
        self.limits = limits
        self.outline = outline
        self.size = len(data)
        self.header_room = limits.headers
        root = _Entity(0, 0, TOP)
        self.order = [root]  # all entities, parents first
        self.stack = [root]  # the open ones, outermost first
        self.boundaries: dict[bytes, list[int]] = {}  # -> indexes in the stack
        self.blank_from, self.blank_at, self.blank_end = 0, -1, 0
        self.header_end = self._header_end(0)

    def run(self) -> Part:
        root = self.order[0]
        self._settle(self.header_end)
        if len(self.stack) == 1 and not self.boundaries:
            return self._only(root)
        at = self._delimiter(max(root.body - 1, 0))
        while at >= 0:
            line = at + 1
            if self.stack[-1].body < 0 and line >= self.header_end:
                self._settle(self.header_end)
                continue
            if self.boundaries:
                self._line(line)
            elif self.stack[-1].body >= 0:
                break  # no boundary is open, and none can open any more
            at = self._delimiter(line)
        while self.stack[-1].body < 0:
            self._settle(self.header_end)
        self._close(0, self.size)
        return self._freeze()

    def _only(self, root: _Entity) -> Part:
        """Give a message that is one part."""
        root.end = self.size
        if root.type == b"multipart":
            root.type, root.subtype, root.params = b"text", b"plain", ()
        if root.type == b"text":
            root.lines = count_lines(self.data, root.body, root.end)
        root.has_nul = self._has_nul()
        return _part(root, ())

    def _delimiter(self, start: int) -> int:
        """Find the end of a line before one that may be a boundary's; -1: none.

        Piece by piece: others have Python's lock in between.
        """
        if self.outline is not None and start < self.outline.end:
            known = self.outline.next(start)
            if known >= 0:
                return known
            start = self.outline.end
        while start < self.size:
            # At half the cost of `find`, in maps too.
            found = DELIMITER.search(self.data, start, start + _CHUNK)
            if found is not None:
                return found.start()
            start += _CHUNK - 2
        return -1

    # -- headers

    def _header_end(self, start: int) -> int:
        """Give where the body of the entity that begins at ``start`` begins."""
        empty = _EMPTY.match(self.data, start)
        if empty is not None:
            return empty.end()
        # A search that began earlier and ended later has the same answer: without
        # this, many parts before one distant blank line would cost their square.
        if self.blank_from <= start <= self.blank_at:
            return self.blank_end
        found = _BLANK.search(self.data, start)
        self.blank_from = start
        self.blank_at, end = (self.size, self.size) if found is None else found.span()
        self.blank_end = end
        return end

    def _settle(self, body: int) -> None:
        """The innermost header is known: read it, open what it opens."""
        part = self.stack[-1]
        part.body = body
        start, limits = part.header, self.limits
        looked = min(body - start, limits.header, self.header_room)
        self.header_room -= looked
        part.fields = fields = wanted_fields(
            self.data, start, start + looked, part.names, limits.fields
        )
        if looked < body - start or len(fields) >= limits.fields:
            part.whole = False
        known = part.default
        if fields:
            names, found, _ = zip(*reversed(fields), strict=True)
            part.values = values = dict(zip(names, found, strict=True))
            if (value := values.get(b"content-type")) is not None:
                known, part.params = content_type(value)
        part.type, part.subtype = kind, subtype = known
        if kind == b"multipart":
            self._open_multipart(part)
        elif kind == b"message" and subtype in _EMBEDDED:
            self._open_message(part)

    def _room(self, part: _Entity) -> bool:
        return (
            part.depth < self.limits.depth
            and len(self.order) < self.limits.parts
            and len(self.stack) <= self.limits.depth
        )

    def _open_multipart(self, part: _Entity) -> None:
        boundary = parameter(part.params, b"boundary")
        if boundary is None or not self._room(part):
            return
        boundary = boundary.rstrip(b" \t")
        if boundary and len(boundary) <= self.limits.boundary:
            part.boundary = boundary
            self.boundaries.setdefault(boundary, []).append(len(self.stack) - 1)

    def _open_message(self, part: _Entity) -> None:
        if self._room(part):
            self._push(_Entity(part.body, part.depth + 1, MESSAGE), part)
        else:
            part.type, part.subtype = b"application", b"octet-stream"
            part.params = ()

    def _push(self, part: _Entity, parent: _Entity) -> None:
        parent.children.append(part)
        self.order.append(part)
        self.stack.append(part)
        self.header_end = self._header_end(part.header)

    # -- boundaries

    def _line(self, start: int) -> None:
        """Look at a line that begins with two hyphens."""
        most = start + self.limits.boundary + 80
        stop = self.data.find(b"\n", start, most)
        if stop < 0:
            if most < self.size:
                return  # longer than any boundary
            stop = self.size
        text = self.data[start + 2 : stop].rstrip(b" \t\r")
        indexes = self.boundaries.get(text)
        closes = indexes is None
        if indexes is None:
            if text[-2:] != b"--":
                return
            indexes = self.boundaries.get(text[:-2])
            if indexes is None:
                return
        index = indexes[-1]  # of two that are alike, the inner one
        if not closes and len(self.order) >= self.limits.parts:
            return
        self._close(index + 1, self._before(start))
        # Closing what had no body yet may have opened and closed more: the parent
        # itself is as it was.
        parent = self.stack[index]
        if closes:
            self._forget(index)
            return
        child = _Entity(min(stop + 1, self.size), parent.depth + 1, CONTENT)
        if parent.subtype == b"digest":  # RFC 2046 §5.1.5
            child.default = (b"message", b"rfc822")
        self._push(child, parent)

    def _before(self, start: int) -> int:
        """Give the end of what stands before a boundary line.

        The line end in front of it belongs to the boundary (RFC 2046 §5.1.1), but
        not when it is the header's own blank line, or the boundary before.
        """
        end = start - 1
        if end > 0 and self.data[end - 1 : end] == b"\r":
            end -= 1
        part = self.stack[-1]
        return max(end, part.body if part.body >= 0 else part.header)

    def _forget(self, index: int) -> None:
        part = self.stack[index]
        if part.boundary is not None:
            indexes = self.boundaries[part.boundary]
            indexes.pop()  # it is the innermost: all within were closed before
            if not indexes:
                del self.boundaries[part.boundary]
            part.boundary = None

    def _close(self, index: int, end: int) -> None:
        """Close the entities from ``index`` inwards at an offset."""
        stack = self.stack
        while len(stack) > index:
            part = stack[-1]
            if part.body < 0:
                self._settle(end)  # the boundary came before the blank line
                if stack[-1] is not part:
                    continue
            if part.boundary is not None:
                self._forget(len(stack) - 1)
            stack.pop()
            part.end = end
            if part.type == b"multipart" and not part.children:
                # RFC 3501 §9: a multipart has at least one part.
                part.type, part.subtype, part.params = b"text", b"plain", ()

    # -- what was found

    def _freeze(self) -> Part:
        self._count_lines()
        root = self.order[0]
        root.has_nul = self._has_nul()
        made: dict[_Entity, Part] = {}
        for part in reversed(self.order):
            children = [made.pop(child) for child in part.children]
            made[part] = _part(part, tuple(children))
        return made[root]

    def _has_nul(self) -> bool:
        if self.outline is not None:
            return self.outline.has_nul
        return self.data.find(b"\x00") >= 0

    def _count_lines(self) -> None:
        """Count the lines of texts and of embedded messages.

        The ranges of messages enclose others: each stretch between two edges is
        counted once, however deep it lies.
        """
        counted = [
            part
            for part in self.order
            if part.type == b"text" or (part.children and part.type == b"message")
        ]
        if len(counted) == 1:
            part = counted[0]
            part.lines = count_lines(self.data, part.body, part.end)
            return
        edges = sorted(
            [(part.body, 1) for part in counted] + [(part.end, -1) for part in counted]
        )
        total, depth, last = 0, 0, 0
        lines_to: dict[int, int] = {}
        for at, change in edges:
            if depth and at > last:
                total += count_lines(self.data, last, at)
            last = at
            depth += change
            lines_to[at] = total
        for part in counted:
            part.lines = lines_to[part.end] - lines_to[part.body]


def count_lines(data: Buffer, start: int, end: int) -> int:
    """Count line ends.

    Where they are rare, to take them out and compare lengths is several times as fast
    as `bytes.count`. Who sends lines of few octets can't make it slow: from the first
    piece on where it would be, they are counted.
    """
    if end - start < _SMALL:
        return data[start:end].count(b"\n")
    total, dense = 0, False
    for at in range(start, end, _PIECE):
        piece = data[at : min(at + _PIECE, end)]
        if not dense:
            dense = piece.count(b"\n", 0, _SAMPLE) * _RARE > _SAMPLE
        if dense:
            total += piece.count(b"\n")
        else:
            found = len(piece) - len(piece.replace(b"\n", b""))
            dense = found * _RARE > len(piece)
            total += found
    return total


def _part(entity: _Entity, children: tuple[Part, ...]) -> Part:
    """Make a part of what was found, with the values of its Content-* fields."""
    get = entity.values.get
    id_, description = get(b"content-id"), get(b"content-description")
    md5, location = get(b"content-md5"), get(b"content-location")
    where, language = get(b"content-disposition"), get(b"content-language")
    return _made(
        (
            entity.header,
            entity.body,
            entity.end,
            entity.type,
            entity.subtype,
            entity.params,
            encoding(get(b"content-transfer-encoding")),
            entity.lines,
            children,
            id_ and kept_text(id_),
            description and kept_text(description),
            md5 and kept_text(md5),
            None if where is None else disposition(where),
            () if language is None else languages(language),
            location and kept_text(location),
            tuple(entity.fields) if entity.names is not CONTENT else (),
            entity.whole,
            entity.has_nul,
        )
    )
