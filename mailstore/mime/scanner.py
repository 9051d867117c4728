"""Finds the parts of a message by offset, in one pass over its bytes.

Lines that begin with ``--`` are the only ones looked at; each is compared with the
boundaries that are open (RFC 2046 §5.1). Invariants: every part lies inside its
parent, parts never overlap, a multipart has children, and work is linear.
"""

from __future__ import annotations

import mmap
import re
from dataclasses import dataclass, field

from mailstore.mime.header import (
    Field,
    fields,
    media_type,
    parameter,
    parameters,
    unfold,
)

Buffer = bytes | mmap.mmap
_BLANK = re.compile(rb"\n\r?\n")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class MimeLimits:
    """Beyond these, the rest of a message is one opaque part."""

    depth: int = 100
    parts: int = 10_000
    boundary: int = 200
    header: int = 10 << 20  # octets of one header that are looked into


DEFAULT_LIMITS = MimeLimits()


@dataclass(slots=True)
class Part:
    """One entity: header at [header, body), body at [body, end).

    ``message`` is the embedded message of a message/rfc822 part; ``children`` are
    the parts of a multipart, never empty for one.
    """

    header: int
    body: int
    end: int
    depth: int
    kind: bytes = b"text"
    subtype: bytes = b"plain"
    params: tuple[tuple[bytes, bytes], ...] = ()
    fields: tuple[Field, ...] = ()
    children: list[Part] = field(default_factory=list)
    message: Part | None = None
    lines: int = 0
    contains_nul: bool = False  # kept for the message as a whole
    default: tuple[bytes, bytes] = (b"text", b"plain")

    @property
    def is_multipart(self) -> bool:
        """Whether it has parts of its own."""
        return bool(self.children)

    def value(self, name: bytes) -> bytes | None:
        """Give the unfolded value of its first field of a name (lower case)."""
        for found in self.fields:
            if found.name == name:
                return unfold(found.value)
        return None

    @property
    def encoding(self) -> bytes:
        """The content transfer encoding, lower case (RFC 2045 §6)."""
        value = self.value(b"content-transfer-encoding") or b""
        token = value.split(b";")[0].strip().lower()
        return token.split(b" ")[0] or b"7bit"

    def walk(self) -> list[Part]:
        """List this part and all below it, parents first."""
        found, todo = [], [self]
        while todo:
            part = todo.pop()
            found.append(part)
            if part.message is not None:
                todo.append(part.message)
            todo.extend(reversed(part.children))
        return found


def count_lines(data: Buffer, start: int, end: int) -> int:
    """Count line ends."""
    if isinstance(data, bytes):
        return data.count(b"\n", start, end)
    return sum(
        data[at : min(at + _CHUNK, end)].count(b"\n")
        for at in range(start, end, _CHUNK)
    )


def scan(data: Buffer, limits: MimeLimits = DEFAULT_LIMITS) -> Part:
    """Find the parts of a message. Never raises, whatever the bytes."""
    root = _Scan(data, limits).run()
    root.contains_nul = data.find(b"\x00") >= 0
    return root


class _Scan:
    def __init__(self, data: Buffer, limits: MimeLimits) -> None:
        self.data = data
        self.limits = limits
        self.size = len(data)
        self.count = 1
        root = Part(0, -1, -1, 0)
        self.root = root
        self.stack = [root]  # open entities, outermost first
        self.boundaries: dict[bytes, list[int]] = {}  # -> indexes in the stack
        self.names: list[bytes | None] = [None]  # boundary of each open entity
        self.blank_from = self.blank_at = -1
        self.header_end = self._header_end(0)

    def run(self) -> Part:
        at = self.data.find(b"\n--")
        while at >= 0:
            line = at + 1
            if self.stack[-1].body < 0 and line >= self.header_end:
                self._settle()
                continue
            if self.boundaries:
                self._line(line)
            elif self.stack[-1].body >= 0:
                break  # no boundary is open, and none can open any more
            at = self.data.find(b"\n--", line)
        while self.stack[-1].body < 0:
            self._settle()
        self._close(0, self.size)
        return self.root

    # -- headers

    def _header_end(self, start: int) -> int:
        """Give where the body of the entity that begins at ``start`` begins."""
        first = self.data[start : start + 2]
        if first == b"\r\n":
            return start + 2
        if first[:1] == b"\n":
            return start + 1
        # A search that began earlier and ended later has the same answer.
        if not (self.blank_from >= 0 and self.blank_from <= start <= self.blank_at):
            found = _BLANK.search(self.data, start)
            self.blank_from = start
            self.blank_at = found.start() if found is not None else self.size
            self.blank_end = found.end() if found is not None else self.size
        return self.blank_end

    blank_end = 0

    def _settle(self, end: int | None = None) -> None:
        """The innermost header is known: read it, open what it opens."""
        part = self.stack[-1]
        part.body = min(self.header_end, self.size) if end is None else end
        stop = min(part.body, part.header + self.limits.header)
        part.fields = tuple(fields(self.data[part.header : stop]))
        value = part.value(b"content-type")
        known = media_type(value) if value is not None else part.default
        part.kind, part.subtype = known or (b"text", b"plain")
        part.params = parameters(value) if value is not None and known else ()
        if part.kind == b"multipart":
            self._open_multipart(part)
        elif part.kind == b"message" and part.subtype in (b"rfc822", b"global"):
            self._open_message(part)

    def _room(self, part: Part) -> bool:
        return part.depth < self.limits.depth and self.count < self.limits.parts

    def _open_multipart(self, part: Part) -> None:
        boundary = parameter(part.params, b"boundary")
        if boundary:
            boundary = boundary.rstrip(b" \t")
        if boundary and len(boundary) <= self.limits.boundary and self._room(part):
            self.names[-1] = boundary
            self.boundaries.setdefault(boundary, []).append(len(self.stack) - 1)

    def _open_message(self, part: Part) -> None:
        if not self._room(part) or part.encoding not in (b"7bit", b"8bit", b"binary"):
            part.kind, part.subtype = b"application", b"octet-stream"
            part.params = ()
            return
        child = Part(part.body, -1, -1, part.depth + 1)
        part.message = child
        self._push(child)

    def _push(self, part: Part) -> None:
        self.count += 1
        self.stack.append(part)
        self.names.append(None)
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
        closes = False
        indexes = self.boundaries.get(text)
        if not indexes and text.endswith(b"--"):
            indexes = self.boundaries.get(text[:-2])
            closes = True
        if not indexes:
            return
        index = indexes[-1]
        parent = self.stack[index]
        if not closes and self.count >= self.limits.parts:
            return
        self._close(index + 1, self._before(start, parent))
        if closes:
            self._forget(index)
            return
        child = Part(min(stop + 1, self.size), -1, -1, parent.depth + 1)
        if parent.subtype == b"digest":
            child.default = (b"message", b"rfc822")
        parent.children.append(child)
        self._push(child)

    def _before(self, start: int, parent: Part) -> int:
        """Give the end of what stands before a boundary line (RFC 2046 §5.1.1).

        The line end in front of the boundary belongs to the boundary.
        """
        end = start - 1
        if end > parent.body and self.data[end - 1 : end] == b"\r":
            end -= 1
        return max(end, parent.body)

    def _forget(self, index: int) -> None:
        name, self.names[index] = self.names[index], None
        if name is not None:
            indexes = self.boundaries[name]
            indexes.remove(index)
            if not indexes:
                del self.boundaries[name]

    def _close(self, index: int, end: int) -> None:
        """Close the entities from ``index`` inwards at an offset."""
        while len(self.stack) > index:
            part = self.stack[-1]
            if part.body < 0:
                # A boundary came before the header's blank line.
                self._settle(max(part.header, min(end, self.header_end)))
                if self.stack[-1] is not part:
                    continue
            self._forget(len(self.stack) - 1)
            self.stack.pop()
            self.names.pop()
            self._end(part, end)

    def _end(self, part: Part, end: int) -> None:
        part.header = min(part.header, end)
        part.body = min(part.body, end)
        part.end = end
        if part.kind == b"multipart" and not part.children:
            # RFC 3501 §9: a multipart body has at least one part.
            part.kind, part.subtype, part.params = b"text", b"plain", ()
        if part.kind == b"text" or part.message is not None:
            part.lines = count_lines(self.data, part.body, part.end)
