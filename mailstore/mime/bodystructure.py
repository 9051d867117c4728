"""BODYSTRUCTURE and BODY, wire-ready (RFC 3501 §7.4.2).

Every field has the type that the grammar wants, whatever the message says, so that
no strict parser breaks on it. It knows parts and offsets, and no command. Example::

    ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 12 1 NIL NIL NIL NIL)

A message/global part is shown like any other leaf: the grammar of RFC 3501 gives an
envelope to message/rfc822 alone (RFC 9051 §9 to both).
"""

from __future__ import annotations

import re

from mailstore.mime.envelope import envelope
from mailstore.mime.scanner import Part
from mailstore.mime.wire import nstring, string

_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*+"|\{(\d++)\}\r\n|[()]|[^ ()"{]++')


def bodystructure(part: Part) -> bytes:
    """Render the extensible form."""
    if part.is_multipart:
        parts = b"".join([bodystructure(child) for child in part.children])
        kind, params = string(part.subtype), _params(part.params)
        return b"(%b %b %b%b)" % (parts, kind, params, _common(part))
    params = _params(part.params)
    if part.type == b"text" and not part.params:
        params = b'("charset" "us-ascii")'  # RFC 2045 §5.2
    last = b""
    if part.type == b"text":
        last = b" %d" % part.lines
    elif part.subtype == b"rfc822" and part.message is not None:
        inner = part.message
        last = b" %b %b %d" % (envelope(inner.fields), bodystructure(inner), part.lines)
    return b"(%b %b %b %b %b %b %d%b %b%b)" % (
        string(part.type),
        string(part.subtype),
        params,
        nstring(part.id),
        nstring(part.description),
        string(part.encoding),
        part.size,
        last,
        nstring(part.md5),
        _common(part),
    )


def body(structure: bytes) -> bytes:
    """Derive the form without extension data from what `bodystructure` gave."""
    return _Strip(structure).run()


def of_part(structure: bytes, path: tuple[int, ...]) -> bytes | None:
    """Give the structure of one part (RFC 3501 §6.4.5); None: there is none."""
    walk = _Strip(structure)
    at, is_message = 0, True  # not yet one of its parts
    for number in path:
        if not is_message and structure.startswith(_EMBEDDED, at):
            # Behind seven fields and the envelope stands the message itself.
            at, is_message = walk.skip(at, 8) + 1, True
        if structure[at + 1 : at + 2] == b"(":
            at += 1
            for _ in range(number - 1):
                if structure[at : at + 1] == b"(":
                    at = walk.end(at)
            if structure[at : at + 1] != b"(":
                return None
            is_message = False
        elif is_message and number == 1:
            is_message = False
        else:
            return None
    return structure[at : walk.end(at)]


_EMBEDDED = b'("message" "rfc822" '


class _Strip:
    """Walks a body structure of our own and leaves the extension data out."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.out: list[bytes] = []

    def run(self) -> bytes:
        self._body(0)
        return b"".join(self.out)

    def end(self, at: int) -> int:
        """Give the end of the value that begins at ``at``."""
        return self._value(at)

    def skip(self, at: int, count: int) -> int:
        """Give the end of the n-th value within the list that begins at ``at``."""
        return self._values(at, count)

    def _body(self, at: int) -> int:
        data = self.data
        if data[at + 1 : at + 2] == b"(":
            self.out.append(b"(")
            at += 1
            while data[at : at + 1] == b"(":
                at = self._body(at)
            start, at = at, self._value(at + 1)  # the subtype
        else:
            start = at
            text = data.startswith(b'("text" ', at)
            message = data.startswith(b'("message" "rfc822" ', at)
            at = self._values(at, 8 if text or message else 7)
            if message:
                self.out.append(data[start : at + 1])  # with the envelope
                start = self._body(at + 1)
                at = self._value(start + 1)  # the lines
        self.out.append(data[start:at] + b")")
        return self._close(at)

    def _values(self, at: int, count: int) -> int:
        for _ in range(count):
            at = self._value(at + 1)
        return at

    def _value(self, at: int) -> int:
        """Give the end of the value that begins at ``at``."""
        depth = 0
        while True:
            found = _VALUE.match(self.data, at)
            assert found is not None, "not a body structure of ours"
            at = found.end() + int(found[1] or 0)
            token = found[0]
            depth += (token == b"(") - (token == b")")
            if depth == 0:
                return at
            if self.data[at : at + 1] == b" ":
                at += 1

    def _close(self, at: int) -> int:
        """Give the end of the list whose next value is extension data."""
        while self.data[at : at + 1] != b")":
            at = self._value(at + 1)
        return at + 1


def _params(pairs: tuple[tuple[bytes, bytes], ...]) -> bytes:
    if not pairs:
        return b"NIL"
    return b"(%b)" % b" ".join(
        string(name) + b" " + string(value) for name, value in pairs
    )


def _common(part: Part) -> bytes:
    """Render disposition, language and location, a space before each."""
    if part.disposition is None and not part.language and part.location is None:
        return b" NIL NIL NIL"
    disposition = b"NIL"
    if part.disposition is not None:
        kind, params = part.disposition
        disposition = b"(%b %b)" % (string(kind), _params(params))
    language = b"NIL"
    if len(part.language) == 1:
        language = string(part.language[0])
    elif part.language:
        language = b"(%b)" % b" ".join(map(string, part.language))
    return b" %b %b %b" % (disposition, language, nstring(part.location))
