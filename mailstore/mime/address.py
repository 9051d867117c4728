"""Address lists as ENVELOPE shows them (RFC 5322 §3.4, RFC 3501 §7.4.2).

Broken addresses give the best structure there is; the time is linear.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mailstore.mime.header import unfold

MAX_ADDRESSES = 10_000
MAX_OCTETS = 1 << 20
_TOKEN = re.compile(
    rb'(?P<space>[\s\x00]++)|(?P<quoted>"(?:[^"\\]|\\.)*+"?)'
    rb"|(?P<literal>\[[^\]\\]*+\]?)|(?P<special>[<>,:;@()\\])"
    rb'|(?P<atom>[^\s\x00"\[<>,:;@()\\]++)',
    re.DOTALL,
)


class Address(NamedTuple):
    """One address; a group begins with a mailbox alone and ends with nothing."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


class _Token(NamedTuple):
    kind: str
    text: bytes
    spaced: bool  # white space or a comment stood before it


def parse_addresses(value: bytes) -> list[Address]:
    """Read an address list; gives at most 10,000 addresses."""
    return _Parser(unfold(value[:MAX_OCTETS])).run()


def _unquote(text: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", text[1:].removesuffix(b'"'), flags=re.DOTALL)


def _tokens(value: bytes) -> list[_Token]:
    """Cut a value into tokens; comments are replaced by ``comment`` tokens."""
    tokens: list[_Token] = []
    depth, start, spaced = 0, 0, False
    for match in _TOKEN.finditer(value):
        kind, text = match.lastgroup or "", match[0]
        if kind == "special" and text == b"(":
            if depth == 0:
                start = match.end()
            depth += 1
        elif kind == "special" and text == b")" and depth:
            depth -= 1
            if depth == 0:
                comment = value[start : match.start()]
                tokens.append(_Token("comment", comment, spaced))
                spaced = True
        elif depth:
            continue
        elif kind == "space":
            spaced = True
        else:
            tokens.append(_Token(kind, text, spaced))
            spaced = False
    return tokens


class _Parser:
    def __init__(self, value: bytes) -> None:
        self.tokens = _tokens(value)
        self.found: list[Address] = []
        self.phrase: list[_Token] = []
        self.comment: bytes | None = None
        self.angle: list[_Token] | None = None
        self.in_angle = False
        self.in_group = False

    def run(self) -> list[Address]:
        for token in self.tokens:
            if len(self.found) >= MAX_ADDRESSES:
                break
            self._take(token)
        self._flush()
        if self.in_group:
            self.found.append(Address(None, None, None, None))
        return self.found

    def _take(self, token: _Token) -> None:
        special = token.text if token.kind == "special" else b""
        if token.kind == "comment":
            self.comment = token.text.strip() or self.comment
        elif self.in_angle:
            if special == b">":
                self.in_angle = False
            elif self.angle is not None:
                self.angle.append(token)
        elif special == b"<":
            self.in_angle, self.angle = True, []
        elif special == b",":
            self._flush()
        elif special == b";":
            self._flush()
            if self.in_group:
                self.found.append(Address(None, None, None, None))
                self.in_group = False
        elif special == b":" and not self.in_group and self._may_be_group():
            name = _phrase(self.phrase) or b""
            self.found.append(Address(None, None, name, None))
            self.in_group = True
            self.phrase = []
            self.comment = None
        elif special in (b"", b"@"):
            self.phrase.append(token)

    def _may_be_group(self) -> bool:
        return bool(self.phrase) and self.angle is None

    def _flush(self) -> None:
        phrase, self.phrase = self.phrase, []
        angle, self.angle = self.angle, None
        comment, self.comment = self.comment, None
        self.in_angle = False
        if angle is not None:
            route, mailbox, host = _angle(angle)
            name = _phrase(phrase) or comment
            self.found.append(Address(name, route, mailbox, host))
        elif phrase:
            _, mailbox, host = _angle(phrase)
            self.found.append(Address(comment, None, mailbox, host))


def _phrase(tokens: list[_Token]) -> bytes | None:
    """Join a display name: quoted strings unquoted, white space made single."""
    pieces: list[bytes] = []
    for token in tokens:
        if pieces and token.spaced:
            pieces.append(b" ")
        pieces.append(_unquote(token.text) if token.kind == "quoted" else token.text)
    return b"".join(pieces) or None


def _angle(tokens: list[_Token]) -> tuple[bytes | None, bytes, bytes]:
    """Split ``@route:local@host``; what is missing is empty, never None.

    A host of NIL would make the address a group (RFC 3501 §7.4.2).
    """
    route = None
    if tokens and tokens[0].text == b"@" and tokens[0].kind == "special":
        for at, token in enumerate(tokens):
            if token.kind == "special" and token.text == b":":
                route = b"".join(t.text for t in tokens[:at])
                tokens = tokens[at + 1 :]
                break
    last = None
    for at, token in enumerate(tokens):
        if token.kind == "special" and token.text == b"@":
            last = at
    if last is None:
        return route, _phrase(tokens) or b"", b""
    local = _phrase([t._replace(spaced=False) for t in tokens[:last]]) or b""
    host = b"".join(t.text for t in tokens[last + 1 :])
    return route, local, host
