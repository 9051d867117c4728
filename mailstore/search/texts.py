"""What a message says: header fields, body, the day it was sent.

Fields that are kept beside the index are read from there, everything else from the
message. A message whose bytes are damaged matches no text: it must not keep the
others from being found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from mailstore.errors import Corrupt, NotFound
from mailstore.mime.folding import fold
from mailstore.mime.header import Buffer, unfold, values
from mailstore.mime.packed import PackedFields
from mailstore.mime.scanner import Part, scan
from mailstore.mime.text import (
    all_header_text,
    body_texts,
    contains,
    field_text,
    header_text,
)
from mailstore.mime.textual import kept_records, textual_of
from mailstore.query import (
    BodyContains,
    Collation,
    HeaderContains,
    SentOn,
    TextContains,
)
from mailstore.search.bodies import BodySearch
from mailstore.search.finding import Finder
from mailstore.search.planes import matches

_DAY = 86_400
_ASCII_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
FORMS: Mapping[Collation, Callable[[str], str]] = {
    Collation.UNICODE_CASEMAP: fold,
    Collation.ASCII_CASEMAP: lambda text: text.translate(_ASCII_UPPER),
    Collation.OCTET: lambda text: text,
}
"""How texts are brought into the form in which a collation finds one in another."""

_ALONE = re.compile("[!-9;-~]+")  # no space, which folding of lines makes, no colon
_LOWER = bytes(range(256)).lower()
_LINE_ENDS = b"\r\n"
_SHORT = 512  # octets of lines whose answer is kept for the next message with them
_MOST_KNOWN = 2_048
_STEP = 16  # messages of which kept lines are looked at, some 50 microseconds

TextTerm = SentOn | HeaderContains | BodyContains | TextContains


class MessageText(NamedTuple):
    """What the index keeps of one message's text, and where the rest is."""

    at: int  # index in the columns
    header: bytes  # packed fields (mailstore.mime.packed)
    sent: int | None
    sent_zone: int
    blob: str
    parts: bytes  # where its parts are (mailstore.mime.sections)


class Texts(Protocol):
    """Reads messages for a search; on a thread of a pool."""

    def messages(self, indexes: Sequence[int]) -> Iterator[MessageText]:
        """Give what the index keeps, ascending; purged ones are left out."""
        ...

    def content(self, blob: str) -> AbstractContextManager[Buffer]:
        """Open a message's bytes. Raises `NotFound`, `Corrupt`, `Unavailable`."""
        ...


def _is_plain(header: bytes) -> bool:
    """Tell whether nothing of a header is encoded."""
    return header.isascii() and b"=?" not in header


class TextTest:
    """One text term, ready to be asked about many messages."""

    def __init__(self, term: TextTerm, texts: Texts) -> None:
        self._term = term
        self._texts = texts
        self._form: Callable[[str], str] = fold
        self._needle = ""
        self._finder: Finder | None = None  # of what is looked for as folded
        self._bodies: BodySearch | None = None
        if not isinstance(term, SentOn):
            self._form = FORMS[term.collation]
            self._needle = self._form(term.needle)
            if self._form is fold:
                self._finder = finder = Finder(term.needle)
                if finder.skimmer is not None:
                    self._bodies = BodySearch(finder, finder.skimmer)
        self._lined = b""  # the needle, where it is in no header whose lines lack it
        self._name = b""
        self._plain = b""  # the needle, where octets can be compared
        self._fields: PackedFields | None = None
        # Many messages have the same sender, or subject.
        self._known: dict[bytes, bool] = {}
        if isinstance(term, HeaderContains):
            # A name that isn't ASCII is no field's: it matches nothing.
            self._name = term.name.encode("utf-8")
            self._fields = PackedFields((self._name,))
            if self._form is fold and self._needle.isascii():
                self._plain = self._needle.encode("ascii")
        if self._form is fold and _ALONE.fullmatch(self._needle):
            self._lined = self._needle.encode("ascii")

    def __call__(self, message: MessageText) -> bool:
        """Tell whether a message matches."""
        match self._term:
            case SentOn(compare, day):
                if message.sent is None:
                    return False
                local = message.sent + message.sent_zone * 60
                return matches(compare, local // _DAY, day)
            case HeaderContains():
                assert self._fields is not None
                return self._in_field(message, self._fields.render(message.header))
            case _:
                return self._in_content(message)

    def among(
        self, messages: Iterable[MessageText], step: Callable[[int], None]
    ) -> list[int]:
        """Give the indexes of the messages that match.

        ``step`` is told how many were come to, often enough to end in between.
        """
        found: list[int] = []
        if self._fields is not None:
            for message, header in self._with_field(messages, self._fields, step):
                if self._in_field(message, header):
                    found.append(message.at)
            return found
        for message in messages:
            step(1)
            if self(message):
                found.append(message.at)
        return found

    def _with_field(
        self,
        messages: Iterable[MessageText],
        fields: PackedFields,
        step: Callable[[int], None],
    ) -> Iterator[tuple[MessageText, bytes | None]]:
        """Give messages, with their kept lines, that may have such a value.

        Others are nearly all: what a message costs here is what such a search costs.
        """
        render, lined = fields.render, self._lined
        count = 0
        for message in messages:
            count += 1
            header = render(message.header)
            if header is None or b"=?" in header or not header.isascii():
                likely = True
            elif lined:
                likely = lined in header.translate(_LOWER, _LINE_ENDS)
            else:
                likely = not self._lacks(header)
            if likely or count == _STEP:
                step(count)
                count = 0
            if likely:
                yield message, header
        step(count)

    def _in_field(self, message: MessageText, header: bytes | None) -> bool:
        """Look at the lines of the field; None: they have to be read."""
        if header is None:
            try:
                with self._texts.content(message.blob) as data:
                    root = scan(data)
                    header = bytes(data[root.header : root.body])
            except (NotFound, Corrupt):
                return False
        found = self._known.get(header)
        if found is None:
            found = self._has(header)
            if len(header) <= _SHORT and len(self._known) < _MOST_KNOWN:
                self._known[header] = found
        return found

    def _has(self, header: bytes) -> bool:
        if _is_plain(header) and self._lacks(header):
            return False  # what no line says, no value does
        return any(self._within((text,)) for text in header_text(header, self._name))

    def _lacks(self, header: bytes) -> bool:
        if self._lined:
            return self._lined not in header.translate(_LOWER, _LINE_ENDS)
        return self._plain not in unfold(header.lower())

    def _in_content(self, message: MessageText) -> bool:
        try:
            with self._texts.content(message.blob) as data:
                found = kept_records(message.parts, len(data))
                root = scan(data) if found is None else found[0]
                if isinstance(self._term, TextContains) and self._in_header(
                    bytes(data[root.header : root.body])
                ):
                    return True
                if isinstance(root, Part):
                    return self._within(body_texts(data, root))
                assert found is not None
                if self._bodies is not None:
                    return self._bodies.has(data, found, message.header)
                return self._within(body_texts(data, textual_of(data, found)))
        except (NotFound, Corrupt):
            return False

    def _in_header(self, header: bytes) -> bool:
        if self._lined and self._lined not in header.translate(_LOWER, _LINE_ENDS):
            # Then it can be in such values alone as are encoded.
            return any(
                self._within([field_text(raw)])
                for _, raw in values(header)
                if b"=?" in raw or not raw.isascii()
            )
        return self._within([all_header_text(header)])

    def _within(self, pieces: Iterable[str]) -> bool:
        if self._finder is not None:
            return self._finder.within(pieces)
        return contains(pieces, self._needle, self._form)
