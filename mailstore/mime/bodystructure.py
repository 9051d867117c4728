"""BODYSTRUCTURE and BODY, wire-ready (RFC 3501 §7.4.2).

Every field has the type that the grammar wants, whatever the message says, so that
no strict parser breaks on it. It knows parts and offsets, and no command. Example::

    ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 12 1 NIL NIL NIL NIL)

A message/global part (RFC 6532 §3.7) has an envelope as message/rfc822 has one: by
the grammar of RFC 9051 §9. `leaves` tells it by that of RFC 3501. Rows that an older
program made have it as a leaf, and stay so.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mailstore.mime.content import Pairs
from mailstore.mime.envelope import envelope
from mailstore.mime.scanner import Part
from mailstore.mime.wire import nstring, string

_SHORT = 32  # octets of a parameter that comes again and again: a charset
_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*+"|\{(\d++)\}\r\n|[()]|[^ ()"{]++')


def bodystructure(part: Part) -> bytes:
    """Render the extensible form."""
    if part.is_multipart:
        parts = b"".join([bodystructure(child) for child in part.children])
        kind, params = string(part.subtype), _params(part.params)
        return b"(%b %b %b%b)" % (parts, kind, params, _common(part))
    last = b""
    if part.type == b"text":
        last = b" %d" % part.lines
    elif part.message is not None:
        inner = part.message
        last = b" %b %b %d" % (envelope(inner.fields), bodystructure(inner), part.lines)
    pairs = part.params
    often = not pairs or (len(pairs) == 1 and len(pairs[0][1]) <= _SHORT)
    return b"(%b %b %b %b %d%b %b%b)" % (
        (_known if often else _kind)(part.type, part.subtype, pairs),
        nstring(part.id),
        nstring(part.description),
        string(part.encoding),
        part.end - part.body,
        last,
        nstring(part.md5),
        _common(part),
    )


def _kind(type_: bytes, subtype: bytes, pairs: Pairs) -> bytes:
    """Render the first three fields of a leaf."""
    params = _params(pairs)
    if type_ == b"text" and not pairs:
        params = b'("charset" "us-ascii")'  # RFC 2045 §5.2
    return b"%b %b %b" % (string(type_), string(subtype), params)


_known = lru_cache(maxsize=256)(_kind)


def body(structure: bytes, *, nested: bool = True) -> bytes:
    """Derive the form without extension data from what `bodystructure` gave.

    Without ``nested`` a message/global part is told as `leaves` tells it.
    """
    return _Rewritten(structure, nested=nested, extensions=False).run()


def leaves(structure: bytes) -> bytes:
    """Tell message/global parts as leaves, for clients of the older grammar.

    RFC 3501 §9 gives an envelope and lines to message/rfc822 alone.
    """
    if _GLOBAL not in structure:
        return structure
    return _Rewritten(structure, nested=False, extensions=True).run()


def has_attachment(structure: bytes) -> bool:
    """Tell whether a part says that it is an attachment (RFC 2183).

    Parts of messages within the message do not count, these messages do.
    """
    if b"attachment" not in structure.lower():
        return False
    walk = _Walk(structure)
    at = 0
    while at < len(structure):
        if walk.is_multipart(at):
            at += 1  # its first part
            continue
        if structure[at : at + 1] == b"(":
            if walk.disposition(at).lower().startswith(b'("attachment" '):
                return True
            at = walk.value(at)
            continue
        # Behind the parts of a multipart, or of the whole.
        at = walk.last(at) + 1
    return False


def of_part(structure: bytes, path: tuple[int, ...]) -> bytes | None:
    """Give the structure of one part (RFC 3501 §6.4.5); None: there is none."""
    walk = _Walk(structure)
    at, is_message = 0, True  # not yet one of its parts
    for number in path:
        if not is_message and walk.is_message(at):
            # Behind seven fields and the envelope stands the message itself.
            at, is_message = walk.values(at, 8) + 1, True
        if walk.is_multipart(at):
            at += 1
            for _ in range(number - 1):
                if structure[at : at + 1] == b"(":
                    at = walk.value(at)
            if structure[at : at + 1] != b"(":
                return None
            is_message = False
        elif is_message and number == 1:
            is_message = False
        else:
            return None
    return structure[at : walk.value(at)]


_RFC822 = b'("message" "rfc822" '
_GLOBAL = b'("message" "global" '
_TEXT = b'("text" '


class _Walk:
    """Finds its way in a body structure of our own."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def is_multipart(self, at: int) -> bool:
        """Tell whether the list that begins at ``at`` begins with a part."""
        return self.data[at + 1 : at + 2] == b"("

    def is_message(self, at: int) -> bool:
        """Tell whether the part that begins at ``at`` has another message.

        Rows of older programs have a message/global as a leaf.
        """
        if self.data.startswith(_RFC822, at):
            return True
        if not self.data.startswith(_GLOBAL, at):
            return False
        end = self.values(at, 7)
        return self.data[end : end + 2] == b" ("

    def disposition(self, at: int) -> bytes:
        """Give the disposition of a leaf, or of a message, that begins at ``at``."""
        more = 3 if self.is_message(at) else int(self.data.startswith(_TEXT, at))
        end = self.values(at, 8 + more)  # with the digest of the content
        return self.data[end + 1 : self.value(end + 1)]

    def values(self, at: int, count: int) -> int:
        """Give the end of the n-th value within the list that begins at ``at``."""
        for _ in range(count):
            at = self.value(at + 1)
        return at

    def value(self, at: int) -> int:
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

    def last(self, at: int) -> int:
        """Give where the list ends whose next value begins behind ``at``."""
        while self.data[at : at + 1] != b")":
            at = self.value(at + 1)
        return at


class _Rewritten(_Walk):
    """A structure without its extension data, or with fewer nested messages."""

    def __init__(self, data: bytes, *, nested: bool, extensions: bool) -> None:
        super().__init__(data)
        self._nested = nested
        self._extensions = extensions
        self._out: list[bytes] = []

    def run(self) -> bytes:
        self._body(0)
        return b"".join(self._out)

    def _body(self, at: int) -> int:
        """Write the part that begins at ``at``; gives its end."""
        data = self.data
        if self.is_multipart(at):
            self._out.append(b"(")
            at += 1
            while data[at : at + 1] == b"(":
                at = self._body(at)
            start, at = at, self.value(at + 1)  # the subtype
        else:
            start, at = self._leaf(at)
        last = self.last(at)
        self._out.append(data[start : last if self._extensions else at] + b")")
        return last + 1

    def _leaf(self, at: int) -> tuple[int, int]:
        """Write a part as far as its message; gives (from where it goes on, its end).

        The end is that of what is no extension data.
        """
        start = at
        if not self.is_message(at):
            text = self.data.startswith(b'("text" ', at)
            return start, self.values(at, 8 if text else 7)
        if not self._nested and self.data.startswith(_GLOBAL, at):
            at = self.values(at, 7)
            self._out.append(self.data[start:at])
            at = self.values(at, 3)  # envelope, structure, lines
            return at, at
        at = self.values(at, 8)
        self._out.append(self.data[start : at + 1])  # with the envelope
        start = self._body(at + 1)
        return start, self.value(start + 1)  # the lines


def _params(pairs: Pairs) -> bytes:
    if not pairs:
        return b"NIL"
    return b"(%b)" % b" ".join(
        [b"%b %b" % (string(name), string(value)) for name, value in pairs]
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
