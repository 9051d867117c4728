"""Address lists as ENVELOPE shows them (RFC 5322 §3.4, RFC 3501 §7.4.2).

Phrases, comments, groups, routes and quoted local parts, and whatever else is found
in the wild: a broken list gives the best structure there is. It decodes nothing.
Time is linear and nesting costs no stack. Example::

    parse_addresses(b'"A. B" <a@b.c>') == [Address(b"A. B", None, b"a", b"b.c")]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from mailstore.mime.header import unfold

MAX_ADDRESSES = 10_000
MAX_LIST = 1 << 20  # octets of a list that are looked at
_MAX_TOKENS = 10_000  # of one address
_MAX_PIECE = 1_000  # octets kept of a name, a mailbox, a host

# The common case in one step: ``a@b``, ``<a@b>``, ``A B <a@b>``, ``"A, B" <a@b>``.
_ATOM = rb"[^\s\x00\"(),:;<>@\[\]\\]"
_SIMPLE = re.compile(
    rb"[ \t]*+(?:(?:\"([^\"\\\x00]*+)\"|("
    + _ATOM + rb"++(?:[ \t]++" + _ATOM + rb"++)*+))?[ \t]*+<("
    + _ATOM + rb"++)@(" + _ATOM + rb"++)>|("
    + _ATOM + rb"++)@(" + _ATOM + rb"++))[ \t]*+(?:,|\Z)"
)  # fmt: skip
_QUOTED = rb'(?P<quoted>"(?:[^"\\]|\\.)*+")|'
_UNQUOTED = (
    rb"(?P<space>[\s\x00]++)"
    rb"|(?P<atom>[^\s\x00\"()<>,:;@\\\[]++|\[[^\[\]\\\s<>]*+\]?)"
    rb"|(?P<special>.)"
)
_TOKEN = re.compile(_QUOTED + _UNQUOTED, re.DOTALL)
_TOKEN_NO_QUOTE = re.compile(_UNQUOTED, re.DOTALL)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)


class Address(NamedTuple):
    """One address, as raw octets.

    A group begins with an address that has a mailbox, the group's name, and no
    host, and ends with one that has neither. Of any other, mailbox and host are
    never None: what is missing is empty.
    """

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


_GROUP_END = Address(None, None, None, None)


class _Token(NamedTuple):
    kind: str
    text: bytes
    spaced: bool  # white space or a comment stood before it


def parse_addresses(value: bytes) -> list[Address]:
    """Read an address list; gives about 10,000 addresses at most."""
    value = unfold(value[:MAX_LIST])
    found: list[Address] = []
    at = 0
    while at < len(value) and len(found) < MAX_ADDRESSES:
        match = _SIMPLE.match(value, at)
        if match is None:
            # Whatever it is may reach over any number of commas.
            return _Parser(found).run(value[at:])
        found.append(_of_match(match))
        at = match.end()
    return found


def first_address(value: bytes) -> Address | None:
    """Give what `parse_addresses` would give first, mostly without reading it all."""
    value = value[:MAX_LIST].strip(b" \t\r\n\x00")
    match = _SIMPLE.match(value)
    if match is not None and b"\n" not in match[0] and b"\r" not in match[0]:
        return _of_match(match)
    found = parse_addresses(value)
    return found[0] if found else None


def _of_match(match: re.Match[bytes]) -> Address:
    quoted, phrase, local, host, bare, bare_host = match.groups()
    name = quoted or phrase
    if name is phrase and name is not None:
        name = b" ".join(name.split())
    return _address(name, None, local or bare or b"", host or bare_host or b"")


def _address(
    name: bytes | None, route: bytes | None, mailbox: bytes, host: bytes
) -> Address:
    return Address(
        name[:_MAX_PIECE] if name else None,
        route[:_MAX_PIECE] if route else None,
        mailbox[:_MAX_PIECE],
        host[:_MAX_PIECE],
    )


def _tokens(value: bytes) -> Iterator[_Token]:
    """Cut a list into tokens; a comment is one, whatever it nests.

    A parenthesis or a quotation mark that is never closed is left out, and after it
    none of its kind is looked for again: else each would read the rest in vain.
    """
    at, comments, pattern = 0, True, _TOKEN
    spaced = False
    while at < len(value):
        match = pattern.match(value, at)
        assert match is not None, "the last alternative is any octet"
        kind, text = match.lastgroup or "", match[0]
        at = match.end()
        if kind == "space":
            spaced = True
            continue
        if text == b"(" and comments:
            end = _comment_end(value, at)
            comments = end is not None
            if end is not None:
                yield _Token("comment", value[at : end - 1], spaced)
                spaced, at = True, end
            continue
        if text == b'"':
            pattern = _TOKEN_NO_QUOTE
            continue
        yield _Token(kind, text, spaced)
        spaced = False


_PARENTHESIS = re.compile(rb"[()]|\\.", re.DOTALL)


def _comment_end(value: bytes, at: int) -> int | None:
    """Give where the comment whose inside begins at ``at`` is over."""
    depth = 1
    for match in _PARENTHESIS.finditer(value, at):
        text = match[0]
        depth += (text == b"(") - (text == b")")
        if depth == 0:
            return match.end()
    return None


class _Parser:
    """Collects tokens up to the end of an address, then reads them."""

    def __init__(self, found: list[Address]) -> None:
        self.found = found
        self.phrase: list[_Token] = []  # outside angle brackets
        self.angle: list[_Token] | None = None  # inside
        self.in_angle = False
        self.in_route = False
        self.comment: bytes | None = None
        self.in_group = False

    def run(self, value: bytes) -> list[Address]:
        for token in _tokens(value):
            if len(self.found) >= MAX_ADDRESSES:
                break
            if token.kind == "comment":
                self.comment = self.comment or token.text.strip() or None
            elif token.kind != "special":
                self._add(token)
            else:
                self._special(token)
        self._end()
        if self.in_group:
            self.found.append(_GROUP_END)
        return self.found

    def _add(self, token: _Token) -> None:
        if self.in_angle and self.angle is not None:
            if not self.angle:
                self.in_route = token.text == b"@"  # RFC 5322 §4.4: <@a,@b:c@d>
            tokens = self.angle
        else:
            tokens = self.phrase
        if len(tokens) < _MAX_TOKENS:
            tokens.append(token)

    def _special(self, token: _Token) -> None:
        text = token.text
        if text == b"@":
            self._add(token)
        elif text == b"<":
            self._open()
        elif text == b">":
            self.in_angle = False
        elif text == b":":
            self._colon(token)
        elif text == b"," and self.in_angle and self.in_route:
            self._add(token)
        elif text == b",":
            self._end()
        elif text == b";":
            self._end()
            if self.in_group:
                self.found.append(_GROUP_END)
                self.in_group = False

    def _open(self) -> None:
        if self.in_angle:
            return
        if self.angle is not None:
            self._end()  # ``<a@b> <c@d>``: the comma is missing
        self.in_angle, self.angle = True, []

    def _colon(self, token: _Token) -> None:
        if self.in_angle:
            self.in_route = False
            self._add(token)
        elif self.phrase and self.angle is None and not self.in_group:
            name = _join(self.phrase)[:_MAX_PIECE]
            self.found.append(Address(None, None, name, None))
            self.in_group = True
            self.phrase, self.comment = [], None

    def _end(self) -> None:
        phrase, self.phrase = self.phrase, []
        angle, self.angle = self.angle, None
        comment, self.comment = self.comment, None
        self.in_angle = False
        if angle is not None:
            route, angle = _route(angle)
            local, host, _ = _split(angle, whole=True)
            name = _join(phrase) or comment
            self.found.append(_address(name, route, local, host))
        elif phrase:
            local, host, rest = _split(phrase, whole=False)
            self.found.append(_address(_join(rest) or comment, None, local, host))


def _join(tokens: list[_Token]) -> bytes:
    """Join a phrase: quoted strings unquoted, white space made single."""
    pieces: list[bytes] = []
    for token in tokens:
        if pieces and token.spaced:
            pieces.append(b" ")
        text = token.text
        if token.kind == "quoted":
            text = text[1:-1]
            if b"\\" in text:
                text = _PAIR.sub(rb"\1", text)
        pieces.append(text)
    return b"".join(pieces)


def _is(token: _Token, special: bytes) -> bool:
    return token.kind == "special" and token.text == special


def _route(tokens: list[_Token]) -> tuple[bytes | None, list[_Token]]:
    """Split a source route off (RFC 5322 §4.4)."""
    if tokens and _is(tokens[0], b"@"):
        for at, token in enumerate(tokens):
            if _is(token, b":"):
                route = b"".join([t.text for t in tokens[:at]])
                return route, tokens[at + 1 :]
    return None, tokens


def _split(tokens: list[_Token], *, whole: bool) -> tuple[bytes, bytes, list[_Token]]:
    """Give local part, host, and what belongs to neither: a name without brackets.

    Without an at sign all is the local part.
    """
    at = len(tokens) - 1
    while at >= 0 and not _is(tokens[at], b"@"):
        at -= 1
    if at < 0:
        return _join(tokens), b"", []
    first, last = 0, len(tokens)
    if not whole:
        # ``A B a@b.c D``: white space parts the address from the rest, but for
        # the dots of the obsolete ``a . b @ c . d``.
        first, last = max(at - 1, 0), min(at + 2, len(tokens))
        while first > 0 and _sticks(tokens[first - 1], tokens[first]):
            first -= 1
        while last < len(tokens) and _sticks(tokens[last - 1], tokens[last]):
            last += 1
    local = _join([token._replace(spaced=False) for token in tokens[first:at]])
    host = b"".join([token.text for token in tokens[at + 1 : last]])
    return local, host, tokens[:first] + tokens[last:]


def _sticks(left: _Token, right: _Token) -> bool:
    return not right.spaced or left.text.endswith(b".") or right.text.startswith(b".")
