"""ENVELOPE and BODYSTRUCTURE as a strict client reads them.

It knows no response around them. RFC 3501 §9: envelope, address, body and what they
are made of. Beyond the grammar, groups of addresses must begin before they end
(§7.4.2), and nesting is bounded: no client follows a thousand levels.
"""

from __future__ import annotations

from tests.support import responses as r
from tests.support.reader import Reader

DEEPEST = 210


class BodyReader(Reader):
    """Reads descriptions of messages."""

    _depth = 0

    def envelope(self) -> r.Envelope:
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
        return r.Envelope(
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

    def addresses(self) -> tuple[r.Address, ...]:
        if self.accept_word(b"NIL"):
            return ()
        self.take(b"(")
        found = [self.address()]
        while not self.accept(b")"):
            found.append(self.address())
        inside = False
        for address in found:
            if address.host is None:
                if inside is (address.mailbox is not None):
                    self.refuse("groups that begin before they end")
                inside = not inside
        if inside:
            self.refuse("the end of a group")
        return tuple(found)

    def address(self) -> r.Address:
        self.take(b"(")
        pieces = [self.nstring()]
        for _ in range(3):
            self.take(b" ")
            pieces.append(self.nstring())
        self.take(b")")
        return r.Address(*pieces)

    def body(self, *, extensible: bool) -> r.Body:
        self._depth += 1
        if self._depth > DEEPEST:
            self.refuse(f"at most {DEEPEST} levels")
        self.take(b"(")
        found: r.Body
        if self.peek(b"("):
            found = self._multipart(extensible=extensible)
        else:
            found = self._part(extensible=extensible)
        self.take(b")")
        self._depth -= 1
        return found

    def _multipart(self, *, extensible: bool) -> r.Multipart:
        parts = []
        while self.peek(b"("):
            parts.append(self.body(extensible=extensible))
        self.take(b" ")
        subtype = self.name()
        parameters: r.Parameters = ()
        extension = None
        if extensible and self.accept(b" "):
            parameters = self._parameters()
            extension = self._extension(None)
        return r.Multipart(tuple(parts), subtype, parameters, extension)

    def _part(self, *, extensible: bool) -> r.Part:
        kind = self.name()
        self.take(b" ")
        subtype = self.name()
        if kind == "MULTIPART":
            self.refuse("a type that is not multipart")
        self.take(b" ")
        parameters = self._parameters()
        self.take(b" ")
        part_id = self.nstring()
        self.take(b" ")
        description = self.nstring()
        self.take(b" ")
        encoding = self.name()
        self.take(b" ")
        size = self.number()
        lines, envelope, body = None, None, None
        if (kind, subtype) == ("MESSAGE", "RFC822") or (
            (kind, subtype) == ("MESSAGE", "GLOBAL") and self.peek(b" (")
        ):
            self.take(b" ")
            envelope = self.envelope()
            self.take(b" ")
            body = self.body(extensible=extensible)
        if body is not None or kind == "TEXT":
            self.take(b" ")
            lines = self.number()
        extension = None
        if extensible and self.accept(b" "):
            extension = self._extension(self.nstring())
        return r.Part(
            kind,
            subtype,
            parameters,
            part_id,
            description,
            encoding,
            size,
            lines,
            envelope,
            body,
            extension,
        )

    def _parameters(self) -> r.Parameters:
        if self.accept_word(b"NIL"):
            return ()
        self.take(b"(")
        found = []
        while True:
            name = self.name()
            self.take(b" ")
            found.append((name, self.string()))
            if self.accept(b")"):
                return tuple(found)
            self.take(b" ")

    def _extension(self, md5: bytes | None) -> r.Extension:
        """Read body-ext-1part or -mpart from disposition on; each may be the last."""
        if not self.accept(b" "):
            return r.Extension(md5)
        disposition = self._disposition()
        if not self.accept(b" "):
            return r.Extension(md5, disposition)
        language = self._language()
        if not self.accept(b" "):
            return r.Extension(md5, disposition, language)
        location = self.nstring()
        more = []
        while self.accept(b" "):
            more.append(self._more(0))
        return r.Extension(md5, disposition, language, location, tuple(more))

    def _disposition(self) -> tuple[str, r.Parameters] | None:
        if self.accept_word(b"NIL"):
            return None
        self.take(b"(")
        kind = self.name()
        self.take(b" ")
        parameters = self._parameters()
        self.take(b")")
        return kind, parameters

    def _language(self) -> tuple[str, ...]:
        if self.peek(b"("):
            tags = self.strings()
        else:
            one = self.nstring()
            tags = () if one is None else (one,)
        return tuple(tag.decode("latin-1") for tag in tags)

    def _more(self, depth: int) -> r.Extra:
        if depth > DEEPEST:
            self.refuse(f"at most {DEEPEST} levels")
        if self.accept(b"("):
            found = [self._more(depth + 1)]
            while self.accept(b" "):
                found.append(self._more(depth + 1))
            self.take(b")")
            return tuple(found)
        return self.number() if self.peek_digit() else self.nstring()
