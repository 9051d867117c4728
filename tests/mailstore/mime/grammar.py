"""A strict reader of `envelope` and `body`, straight from RFC 3501 §9.

It shares nothing with the renderer, and refuses all that the grammar doesn't allow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_QUOTED = re.compile(
    rb'"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]|\\["\\])*)"'
)
_LITERAL = re.compile(rb"\{([0-9]+)\}\r\n")
_NUMBER = re.compile(rb"[0-9]+")

Address = tuple[bytes | None, bytes | None, bytes | None, bytes | None]
Pairs = tuple[tuple[bytes, bytes], ...]


class NotGrammatical(Exception):
    pass


@dataclass(frozen=True)
class Envelope:
    date: bytes | None
    subject: bytes | None
    from_: tuple[Address, ...]
    sender: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    in_reply_to: bytes | None
    message_id: bytes | None


@dataclass(frozen=True)
class Extension:
    md5: bytes | None
    disposition: tuple[bytes, Pairs] | None
    language: tuple[bytes, ...]
    location: bytes | None


@dataclass(frozen=True)
class Leaf:
    type: bytes
    subtype: bytes
    params: Pairs
    id: bytes | None
    description: bytes | None
    encoding: bytes
    size: int
    lines: int | None
    envelope: Envelope | None
    body: Leaf | Multipart | None
    extension: Extension | None


@dataclass(frozen=True)
class Multipart:
    parts: tuple[Leaf | Multipart, ...]
    subtype: bytes
    params: Pairs
    extension: Extension | None


def read_envelope(data: bytes) -> Envelope:
    reader = _Reader(data)
    found = reader.envelope()
    reader.end()
    return found


def read_body(data: bytes, *, rev2: bool = False) -> Leaf | Multipart:
    """Read a structure; with ``rev2`` by the grammar of RFC 9051 §9."""
    reader = _Reader(data, rev2=rev2)
    found = reader.body()
    reader.end()
    return found


class _Reader:
    def __init__(self, data: bytes, *, rev2: bool = False) -> None:
        self.data = data
        self.at = 0
        self.messages = (b"rfc822", b"global") if rev2 else (b"rfc822",)

    # -- terminals

    def refuse(self, wanted: str) -> None:
        near = self.data[max(self.at - 40, 0) : self.at + 40]
        raise NotGrammatical(f"{wanted} expected at {self.at}: {near!r}")

    def end(self) -> None:
        if self.at != len(self.data):
            self.refuse("end")

    def peek(self, text: bytes) -> bool:
        return self.data.startswith(text, self.at)

    def take(self, text: bytes) -> None:
        if not self.peek(text):
            self.refuse(repr(text))
        self.at += len(text)

    def string(self) -> bytes:
        quoted = _QUOTED.match(self.data, self.at)
        if quoted is not None:
            self.at = quoted.end()
            return re.sub(rb"\\(.)", rb"\1", quoted[1], flags=re.DOTALL)
        literal = _LITERAL.match(self.data, self.at)
        if literal is None:
            self.refuse("string")
            raise AssertionError
        start = literal.end()
        self.at = start + int(literal[1])
        found = self.data[start : self.at]
        if len(found) != int(literal[1]) or b"\0" in found:
            self.refuse("literal of CHAR8")
        return found

    def nstring(self) -> bytes | None:
        if self.peek(b"NIL"):
            self.at += 3
            return None
        return self.string()

    def number(self) -> int:
        found = _NUMBER.match(self.data, self.at)
        if found is None or int(found[0]) > 4_294_967_295:
            self.refuse("number")
            raise AssertionError
        self.at = found.end()
        return int(found[0])

    # -- envelope

    def envelope(self) -> Envelope:
        self.take(b"(")
        date = self.nstring()
        self.take(b" ")
        subject = self.nstring()
        lists = []
        for _ in range(6):
            self.take(b" ")
            lists.append(self.addresses())
        self.take(b" ")
        in_reply_to = self.nstring()
        self.take(b" ")
        message_id = self.nstring()
        self.take(b")")
        from_, sender, reply_to, to, cc, bcc = lists
        return Envelope(
            date,
            subject,
            from_,
            sender,
            reply_to,
            to,
            cc,
            bcc,
            in_reply_to,
            message_id,
        )

    def addresses(self) -> tuple[Address, ...]:
        if self.peek(b"NIL"):
            self.at += 3
            return ()
        self.take(b"(")
        found = [self.address()]
        while not self.peek(b")"):
            found.append(self.address())
        self.take(b")")
        in_group = False
        for _, _, mailbox, host in found:
            if host is None:
                # §7.4.2: groups begin and end, and don't nest
                if in_group is (mailbox is not None):
                    self.refuse("balanced groups")
                in_group = mailbox is not None
        if in_group:
            self.refuse("end of group")
        return tuple(found)

    def address(self) -> Address:
        self.take(b"(")
        pieces = [self.nstring()]
        for _ in range(3):
            self.take(b" ")
            pieces.append(self.nstring())
        self.take(b")")
        name, route, mailbox, host = pieces
        return name, route, mailbox, host

    # -- body

    def body(self) -> Leaf | Multipart:
        self.take(b"(")
        found = self.multipart() if self.peek(b"(") else self.leaf()
        self.take(b")")
        return found

    def multipart(self) -> Multipart:
        parts = []
        while self.peek(b"("):
            parts.append(self.body())
        self.take(b" ")
        subtype = self.string()
        params: Pairs = ()
        extension = None
        if self.peek(b" "):
            self.take(b" ")
            params = self.params()
            self.take(b" ")
            extension = self.extension(None)
        return Multipart(tuple(parts), subtype, params, extension)

    def leaf(self) -> Leaf:
        kind = self.string()
        self.take(b" ")
        subtype = self.string()
        if not kind or not subtype or kind.lower() == b"multipart":
            self.refuse("media type of a leaf")
        self.take(b" ")
        params = self.params()
        self.take(b" ")
        part_id = self.nstring()
        self.take(b" ")
        description = self.nstring()
        self.take(b" ")
        encoding = self.string()
        if not encoding:
            self.refuse("encoding")
        self.take(b" ")
        size = self.number()
        lines, envelope, body = None, None, None
        if kind.lower() == b"message" and subtype.lower() in self.messages:
            self.take(b" ")
            envelope = self.envelope()
            self.take(b" ")
            body = self.body()
        if body is not None or kind.lower() == b"text":
            self.take(b" ")
            lines = self.number()
        extension = None
        if self.peek(b" "):
            self.take(b" ")
            md5 = self.nstring()
            self.take(b" ")
            extension = self.extension(md5)
        return Leaf(
            kind,
            subtype,
            params,
            part_id,
            description,
            encoding,
            size,
            lines,
            envelope,
            body,
            extension,
        )

    def params(self) -> Pairs:
        if self.peek(b"NIL"):
            self.at += 3
            return ()
        self.take(b"(")
        pairs = []
        while True:
            name = self.string()
            self.take(b" ")
            pairs.append((name, self.string()))
            if self.peek(b")"):
                break
            self.take(b" ")
        self.take(b")")
        return tuple(pairs)

    def extension(self, md5: bytes | None) -> Extension:
        disposition = None
        if self.peek(b"NIL"):
            self.at += 3
        else:
            self.take(b"(")
            kind = self.string()
            self.take(b" ")
            disposition = kind, self.params()
            self.take(b")")
        self.take(b" ")
        language = self.language()
        self.take(b" ")
        return Extension(md5, disposition, language, self.nstring())

    def language(self) -> tuple[bytes, ...]:
        if not self.peek(b"("):
            one = self.nstring()
            return () if one is None else (one,)
        self.take(b"(")
        tags = [self.string()]
        while self.peek(b" "):
            self.take(b" ")
            tags.append(self.string())
        self.take(b")")
        return tuple(tags)
