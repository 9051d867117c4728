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
from mailstore.mime.header import parameters
from mailstore.mime.scanner import Part
from mailstore.mime.wire import nstring, string

_TOKEN = re.compile(rb"[!#-'*+\-.0-9A-Z^_`a-z{|}~]+")
_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*+"|\{(\d++)\}\r\n|[()]|[^ ()"{]++')
_MAX_LANGUAGES = 100
_MAX_ENCODING = 100


def bodystructure(part: Part) -> bytes:
    """Render the extensible form."""
    if part.children:
        parts = b"".join([bodystructure(child) for child in part.children])
        return b"(%b %b %b%b)" % (
            parts,
            string(part.subtype),
            _params(part.params),
            _common(part),
        )
    params = part.params
    if part.kind == b"text" and not params:
        params = ((b"charset", b"us-ascii"),)  # RFC 2045 §5.2
    pieces = [
        string(part.kind),
        string(part.subtype),
        _params(params),
        nstring(part.value(b"content-id")),
        nstring(part.value(b"content-description")),
        string(part.encoding[:_MAX_ENCODING]),
        b"%d" % (part.end - part.body),
    ]
    if part.message is not None and part.subtype == b"rfc822":
        pieces.append(envelope(part.message.fields))
        pieces.append(bodystructure(part.message))
        pieces.append(b"%d" % part.lines)
    elif part.kind == b"text":
        pieces.append(b"%d" % part.lines)
    pieces.append(nstring(part.value(b"content-md5")))
    return b"(%b%b)" % (b" ".join(pieces), _common(part))


def body(structure: bytes) -> bytes:
    """Derive the form without extension data from what `bodystructure` gave."""
    return _Strip(structure).run()


class _Strip:
    """Walks a body structure of our own and leaves the extension data out."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.out: list[bytes] = []

    def run(self) -> bytes:
        self._body(0)
        return b"".join(self.out)

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
    return b" %b %b %b" % (
        _disposition(part.value(b"content-disposition")),
        _language(part.value(b"content-language")),
        nstring(part.value(b"content-location")),
    )


def _disposition(value: bytes | None) -> bytes:
    if value is None:
        return b"NIL"
    token = _TOKEN.match(value.partition(b";")[0].strip())
    if token is None:
        return b"NIL"
    return b"(%b %b)" % (string(token[0].lower()), _params(parameters(value)))


def _language(value: bytes | None) -> bytes:
    tags = [tag.strip() for tag in (value or b"").split(b",")][:_MAX_LANGUAGES]
    tags = [tag for tag in tags if tag]
    if not tags:
        return b"NIL"
    if len(tags) == 1:
        return string(tags[0])
    return b"(%b)" % b" ".join(map(string, tags))
