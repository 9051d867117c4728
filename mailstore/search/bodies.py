"""Looks for a string in a message's body, part by part.

It says what `Finder.within` says of `body_texts`, of which it brings no part into the
form that is compared unless its octets may have the string. Where the parts are is read
from the tree that is kept beside the index, a charset from the few octets of a header
that many parts share, and names of attachments only where their octets may be those
that are looked for. Example::

    BodySearch(finder, finder.skimmer).has(data, kept_records(parts, len(data)), header)
"""

from __future__ import annotations

from collections.abc import Sequence

from mailstore.mime.header import Buffer
from mailstore.mime.packed import PackedFields
from mailstore.mime.sections import Record
from mailstore.mime.text import part_name, part_texts
from mailstore.mime.textual import codec_said, textual_part
from mailstore.mime.transfer import PIECE, decoded_whole
from mailstore.search.finding import Finder
from mailstore.search.skimming import Skimmer

_TEXT = b"text/"


class BodySearch:
    """One string, looked for in many bodies; used by one thread at a time."""

    def __init__(self, finder: Finder, skimmer: Skimmer) -> None:
        self._finder = finder
        self._skimmer = skimmer
        self._type = PackedFields((b"content-type",))

    def has(self, data: Buffer, found: Sequence[Record], header: bytes) -> bool:
        """Tell whether a message's body has the string.

        ``found`` are its parts, as `mailstore.mime.textual.kept_records` gives them,
        ``header`` are its kept fields (`mailstore.mime.packed`).
        """
        for at, record in enumerate(found):
            if at and self._in_name(data, found, at):
                return True
            if (
                record.media.startswith(_TEXT)
                and self._may_be_in(data, found, at, header)
                and self._finder.within(part_texts(data, textual_part(data, found, at)))
            ):
                return True
        return False

    def _in_name(self, data: Buffer, found: Sequence[Record], at: int) -> bool:
        """Tell whether a part's name, or an embedded message's header, has it."""
        record = found[at]
        header = data[record.header : record.body]
        if not self._skimmer.may_be_in_header(header):
            return False
        part = textual_part(data, found, at)
        return self._finder.within((part_name(data, part),))

    def _may_be_in(
        self, data: Buffer, found: Sequence[Record], at: int, header: bytes
    ) -> bool:
        record = found[at]
        body, end, media = record.body, record.end, record.media
        if end - body > PIECE:
            return True
        lines = data[record.header : body] if at else self._type.render(header)
        if lines is None:
            lines = data[record.header : body]
        codec = codec_said(lines, media)
        octets = decoded_whole(data, body, end, record.encoding)
        return self._skimmer.may_be_in(octets, codec, is_page=media == b"text/html")
