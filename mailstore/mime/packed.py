"""The header fields that listings ask for, kept beside the index.

Layout: version (0: incomplete, look into the blob), number of fields, their ids,
their lengths, then their raw lines in the message's order.
"""

from __future__ import annotations

import struct
from collections.abc import Collection

from mailstore.mime.scanner import Buffer, Part

# What Thunderbird, Apple Mail, K-9, Roundcube, mutt and mbsync ask for in lists.
KEPT = (
    b"date", b"from", b"to", b"cc", b"bcc", b"subject", b"message-id", b"references",
    b"in-reply-to", b"reply-to", b"content-type", b"priority", b"x-priority",
    b"newsgroups", b"sender", b"importance", b"list-id", b"list-post",
    b"list-subscribe", b"list-unsubscribe", b"disposition-notification-to",
    b"x-label", b"x-tuid", b"x-draft-info", b"x-mozilla-draft-info", b"mail-reply-to",
    b"mail-followup-to", b"followup-to", b"x-forwarded-message-id", b"x-spam-flag",
    b"content-transfer-encoding", b"content-description", b"content-language",
    b"lines", b"x-original-to", b"x-uid", b"x-keywords", b"mime-version",
)  # fmt: skip
_ID = {name: number for number, name in enumerate(KEPT)}
MAX_PACKED = 16_384


def pack_header(data: Buffer, part: Part) -> bytes:
    """Pack the kept fields of a message's header."""
    header = data[part.header : part.body]
    chosen = [f for f in part.fields if f.name in _ID]
    lengths = [f.end - f.start for f in chosen]
    if len(chosen) > 255 or sum(lengths) > MAX_PACKED:
        return b"\x00"
    lines = b"".join([header[f.start : f.end] for f in chosen])
    if lines and not lines.endswith(b"\n"):
        return b"\x00"  # a header that ends in the middle of a line is rare
    return b"".join(
        (
            bytes((1, len(chosen))),
            bytes([_ID[f.name] for f in chosen]),
            struct.pack(f"<{len(chosen)}H", *lengths),
            lines,
        )
    )


def covers(names: Collection[bytes]) -> bool:
    """Tell whether all these fields (lower case) are among the kept ones."""
    return all(name in _ID for name in names)


class PackedFields:
    """HEADER.FIELDS for one list of names, compiled once a command."""

    __slots__ = ("_wanted", "possible")

    def __init__(self, names: Collection[bytes]) -> None:
        lower = {name.lower() for name in names}
        self.possible = covers(lower)
        self._wanted = bytes(sorted(_ID[n] for n in lower if n in _ID))

    def render(self, packed: bytes) -> bytes | None:
        """Give the raw lines and a blank line; None: the blob must be read."""
        if not self.possible or packed[0] != 1:
            return None
        count = packed[1]
        ids = packed[2 : 2 + count]
        start = 2 + 3 * count
        if not ids.translate(None, self._wanted):
            return packed[start:] + b"\r\n"
        pieces = []
        wanted = self._wanted
        for field, length in zip(
            ids, struct.unpack_from(f"<{count}H", packed, 2 + count), strict=True
        ):
            if field in wanted:
                pieces.append(packed[start : start + length])
            start += length
        pieces.append(b"\r\n")
        return b"".join(pieces)


def unpack_header(packed: bytes) -> bytes | None:
    """Give all kept lines as a header block, None when they are incomplete."""
    if packed[0] != 1:
        return None
    return packed[2 + 3 * packed[1] :]
