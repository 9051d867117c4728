"""What a URL names, as octets (RFC 5092, RFC 4469 §3: as FETCH BODY would give them).

CATENATE and URLFETCH share it. It must not decide who may read: that is what the opened
mailbox stands for. Nothing sets \\Seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.reply import CHUNK
from imapd.syntax.section import Section, SectionText
from imapd.syntax.url import MessageUrl
from mailstore.blobs import BlobReader
from mailstore.errors import Corrupt, NotFound, NotPermitted
from mailstore.lanes import Pool, Runtime, in_pool
from mailstore.mime.header import select_fields
from mailstore.mime.sections import contains_nul, locate
from mailstore.model import Column
from mailstore.service import Mailbox

_FIELDS = (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT)


class NoSuchContent(Exception):
    """The URL names nothing that can be read here, for whatever reason."""


@dataclass(slots=True)
class UrlContent:
    """Octets of a message, open for reading; `close` when they are not wanted more.

    ``parts`` is the message's offset tree, ``structure`` its description.
    """

    reader: BlobReader
    start: int
    size: int
    parts: bytes
    structure: bytes
    whole: bytes | None = None  # the octets, where they stand nowhere as they are

    def pieces(self, *, nul: bool = False) -> Iterator[bytes]:
        """Read the octets, with ``nul`` as they are.

        Raises `Corrupt`, `Unavailable`.
        """
        if self.whole is not None:
            yield self.whole[self.start : self.start + self.size]
            return
        hide = contains_nul(self.parts) and not nul
        for at in range(0, self.size, CHUNK):
            count = min(CHUNK, self.size - at)
            data = self.reader.pread(self.start + at, count)
            if len(data) != count:
                raise Corrupt(detail="a blob ends too early")
            # RFC 3501 §9: no literal has a NUL; FETCH sends the same.
            yield data.replace(b"\x00", b"\x80") if hide else data

    def close(self) -> None:
        """Let go of the message."""
        self.reader.close()


async def open_content(
    runtime: Runtime, mailbox: Mailbox, url: MessageUrl
) -> UrlContent:
    """Find what a URL names in its mailbox. Raises `NoSuchContent`, store errors."""
    if url.uidvalidity not in (None, mailbox.uidvalidity):
        raise NoSuchContent
    if mailbox.flags(url.uid) is None:
        raise NoSuchContent
    columns = (Column.BLOB, Column.PARTS, Column.BODYSTRUCTURE)
    async for batch in mailbox.fetch((url.uid,), columns):
        found = {column: batch.columns[column][0] for column in columns}
        break
    else:
        raise NoSuchContent
    parts = found[Column.PARTS]
    section = url.section
    text = None if section.text is None else section.text.value
    if section.text in _FIELDS:
        text = "HEADER"
    place = locate(parts, section.path, text)
    if place is None:
        raise NoSuchContent
    try:
        await mailbox.prove(found[Column.BLOB])
        reader = mailbox.blob(found[Column.BLOB])
    except NotFound as error:
        raise Corrupt(detail=str(error)) from error
    content = UrlContent(reader, *place, parts, found[Column.BODYSTRUCTURE])
    if section.text in _FIELDS:
        # A header may be as large as a message: others go on meanwhile.
        content.whole = await in_pool(
            runtime, Pool.READ, lambda: _fields(content, section)
        )
        content.start, content.size = 0, len(content.whole)
    skipped = min(url.offset, content.size)
    content.start += skipped
    content.size -= skipped
    if url.count is not None:
        content.size = min(content.size, url.count)
    if content.whole is not None:
        # Only what is wanted is kept: a command may name hundreds of such ranges.
        content.whole = content.whole[content.start : content.start + content.size]
        content.start = 0
    return content


def _fields(content: UrlContent, section: Section) -> bytes:
    """Read the fields that a section names."""
    header = b"".join(content.pieces())
    names = frozenset(name.lower() for name in section.fields)
    negate = section.text is SectionText.HEADER_FIELDS_NOT
    return select_fields(header, names, negate)


async def open_own(context: Context, url: MessageUrl) -> UrlContent:
    """Find what a relative URL names, in the account that is logged in (RFC 4469 §3).

    Raises `NoSuchContent`, store errors.
    """
    selected, runtime = context.session.selected, context.services.runtime
    if url.authority is not None or url.auth is not None:
        raise NoSuchContent
    if url.mailbox is None:
        if selected is None:
            raise NoSuchContent
        return await open_content(runtime, selected.mailbox, url)
    try:
        mailbox = await context.account.open(url.mailbox, readonly=True)
    except (NotFound, NotPermitted):
        raise NoSuchContent from None
    try:
        return await open_content(runtime, mailbox, url)
    finally:
        await mailbox.close()


async def read_whole(context: Context, content: UrlContent) -> bytes:
    """Read octets that are to be in memory, beside the sessions of others."""
    runtime = context.services.runtime
    return await in_pool(runtime, Pool.READ, lambda: b"".join(content.pieces()))
