"""A message's octets as POP3 sends them (RFC 1939 §3), a piece at a time.

The octets are those that IMAP gives, bare line ends and all. A dot is doubled at the
beginning of each line, behind a bare LF too: most clients read lines that end in LF,
and a message must not end its own answer, or speak for the server behind it. Example::

    Dots().stuff(b"hi\\r\\n.\\r\\n") == b"hi\\r\\n..\\r\\n"
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imapd.session.reply import CHUNK
from mailstore.blobs import BlobReader
from mailstore.errors import Corrupt

_HEADER_END = re.compile(rb"\n\r?\n")


class Dots:
    """Doubles the dots at the beginnings of lines, however the octets are cut."""

    def __init__(self) -> None:
        self._last = b"\r\n"  # the octets before the next piece, two at most

    def stuff(self, data: bytes) -> bytes:
        """Give the next octets of the message as they are sent."""
        if not data:
            return b""
        made = data.replace(b"\n.", b"\n..")
        if data[:1] == b"." and self._last.endswith(b"\n"):
            made = b"." + made
        self._last = (self._last + data[-2:])[-2:]
        return made

    def end(self) -> bytes:
        """Give what ends the answer; the last line gets its end if it has none."""
        return b".\r\n" if self._last == b"\r\n" else b"\r\n.\r\n"


def pieces(reader: BlobReader) -> Iterator[bytes]:
    """Read a message. Raises `Corrupt` when it ends too early, `Unavailable`."""
    for start in range(0, reader.size, CHUNK):
        count = min(CHUNK, reader.size - start)
        data = reader.pread(start, count)
        if len(data) != count:
            raise Corrupt(detail="the message ends too early")
        yield data


def top(octets: Iterator[bytes], lines: int) -> Iterator[bytes]:
    """Give the header, the empty line, and so many lines behind it (RFC 1939 §7)."""
    before = b"\n"
    for data in octets:
        seen = before + data
        match = _HEADER_END.search(seen)
        if match is None:
            yield data
            before = seen[-2:]
            continue
        at = match.end() - len(before)
        yield data[:at]
        yield from _lines(data[at:], octets, lines)
        return


def _lines(data: bytes, octets: Iterator[bytes], lines: int) -> Iterator[bytes]:
    while lines > 0:
        count = data.count(b"\n")
        if count >= lines:
            at = 0
            for _ in range(lines):
                at = data.index(b"\n", at) + 1
            yield data[:at]
            return
        yield data
        lines -= count
        following = next(octets, None)
        if following is None:
            return
        data = following
