"""CATENATE: a new message of pieces, some of which the server has (RFC 4469).

::

    append-data     =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"
    cat-part        = "TEXT" SP literal / "URL" SP astring

    C: A003 APPEND Drafts CATENATE (URL "/Drafts;UIDVALIDITY=385759045/;UID=20"
    C:  TEXT {42}
    …
    C: )
    S: A003 OK [APPENDUID 385759045 45] APPEND completed

URLs are relative: what they name is in the account that is logged in. Each text is
spooled by itself, and the whole is put together when all is here: however much it is,
it is not in memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from imapd.session.appending import AppendData, AppendDataSpec
from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.registry import Capability, Feature, Registry
from imapd.session.url_content import NoSuchContent, UrlContent, open_own
from imapd.syntax.url import InvalidUrl, parse_url
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_string
from imapd.wire.framing import Literal
from mailstore.errors import TooBig
from mailstore.lanes import Pool, in_pool
from mailstore.model import Arrival, MessageSink

_WORD = re.compile(rb"[A-Za-z][A-Za-z0-9.-]{0,63}")
_URL_LITERAL = re.compile(rb"URL ~?\{[0-9]+\+?\}\r\n\Z", re.IGNORECASE)
MAX_PARTS = 250
_Pieces = Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class TextPart:
    """Octets that the client sends."""

    text: Literal

    def unparse(self) -> bytes:
        """Write the part as a client would."""
        binary = b"~" if self.text.binary else b""
        octets = self.text.data or b""
        return b"TEXT %b{%d+}\r\n%b" % (binary, self.text.size, octets)


@dataclass(frozen=True, slots=True)
class UrlPart:
    """Octets that the server has; the URL is as it was written."""

    url: bytes

    def unparse(self) -> bytes:
        """Write the part as a client would."""
        return b"URL " + client_string(self.url)


Part = TextPart | UrlPart | AppendData


@dataclass(frozen=True, slots=True)
class Catenate:
    """A message in parts. A part may also be data of another extension."""

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.parts) <= MAX_PARTS:
            raise ValueError(f"CATENATE takes 1 to {MAX_PARTS} parts")

    def unparse(self) -> bytes:
        """Write the data as a client would."""
        return b"CATENATE (%b)" % b" ".join([part.unparse() for part in self.parts])

    async def arrive(self, context: Context, mailbox: str) -> Arrival:
        """Put the message together. Raises `No` BADURL, store errors."""
        joined = _Joined()
        try:
            for part in self.parts:
                await joined.add(context, mailbox, part)
                # Before the next one is opened: what they hold is bounded by this.
                if joined.size > context.account.options.max_message:
                    raise TooBig
            if joined.size == 0:
                raise No("an empty message cannot be kept")
            # Its command may replace a message: the quota is looked at when it is done.
            sink = await context.account.admit(mailbox, joined.size, bounded=False)
            try:
                await in_pool(
                    context.services.runtime, Pool.READ, lambda: joined.copy(sink)
                )
            except BaseException:
                sink.abort()
                raise
            return Arrival(sink, encode_nul=joined.encode_nul)
        finally:
            joined.close()


class _Joined:
    """What the parts are made of, while they are put together."""

    def __init__(self) -> None:
        self._pieces: list[_Pieces] = []
        self._open: list[UrlContent] = []
        self._texts: list[MessageSink] = []
        self.size = 0
        self.encode_nul = False

    async def add(self, context: Context, mailbox: str, part: Part) -> None:
        """Take a part. Raises `No`, store errors."""
        match part:
            case UrlPart():
                content = await _open_url(context, part.url)
                self._open.append(content)
                self._pieces.append(content.pieces)
                self.size += content.size
            case TextPart():
                self._add_octets(part.text.data, part.text.sink)
                self.encode_nul = self.encode_nul or part.text.binary
            case _:
                arrival = await part.arrive(context, mailbox)
                if isinstance(arrival.content, bytes):
                    self._add_octets(arrival.content, None)
                else:
                    self._add_octets(None, arrival.content)
                self.encode_nul = self.encode_nul or arrival.encode_nul

    def _add_octets(self, data: bytes | None, sink: object) -> None:
        if data is not None:
            self._pieces.append(lambda: iter((data,)))
            self.size += len(data)
            return
        text: MessageSink = sink  # type: ignore[assignment]  # the one `admit` gave
        self._texts.append(text)
        self._pieces.append(text.pieces)
        self.size += text.size

    def copy(self, sink: MessageSink) -> None:
        """Write everything, in order. Raises store errors."""
        for pieces in self._pieces:
            for piece in pieces():
                sink.write(piece)
        sink.finish()

    def close(self) -> None:
        for content in self._open:
            content.close()
        for text in self._texts:
            text.abort()


async def _open_url(context: Context, url: bytes) -> UrlContent:
    """Find what a URL names. Raises `No` with the URL that was wrong (§4.1)."""
    try:
        return await open_own(context, parse_url(url))
    except (InvalidUrl, NoSuchContent):
        # Missing and forbidden are one: what it is would tell what is there.
        shown = url.decode("latin-1").replace("]", "%5D").replace('"', "%22")
        raise No("the URL names nothing here", f'BADURL "{shown}"') from None


def parse(cursor: Cursor, registry: Registry) -> Catenate:
    """Take the parts, from the space before them on. Raises `Malformed`."""
    cursor.sp()
    cursor.expect(b"(")
    parts = [_parse_part(cursor, registry)]
    while cursor.peek() == b" ":
        cursor.sp()
        if len(parts) >= MAX_PARTS:
            raise cursor.fail(f"at most {MAX_PARTS} parts", "LIMIT")
        parts.append(_parse_part(cursor, registry))
    cursor.expect(b")")
    return Catenate(tuple(parts))


def _parse_part(cursor: Cursor, registry: Registry) -> Part:
    start = cursor.at
    word = cursor.need(_WORD, "TEXT or URL")[0].upper()
    if word == b"TEXT":
        cursor.sp()
        return TextPart(cursor.literal())
    if word == b"URL":
        cursor.sp()
        return UrlPart(cursor.astring())
    spec = registry.append_data.get(word.decode("ascii"))
    if spec is None or spec.parse is parse:
        cursor.at = start
        raise cursor.fail("TEXT or URL")
    return spec.parse(cursor, registry)


def brings_content(text: bytes) -> bool:
    """Tell whether a literal is a text, and not a URL."""
    return _URL_LITERAL.search(text[-200:]) is None


FEATURE = Feature(
    name="CATENATE",
    rfc=("4469",),
    capabilities=(Capability("CATENATE"),),
    append_data=(AppendDataSpec("CATENATE", parse, "RFC 4469 §3", brings_content),),
    requires=("APPEND",),
)
