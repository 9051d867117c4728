"""mbox: messages one after the other, each behind a line ``From ``.

Read is what all of its kinds have in common: a separator is a line ``From `` at the
beginning or behind an empty line; one ``>`` is taken off a line ``>From `` (mboxo,
mboxrd). ``Status`` and ``X-Status`` are flags, and no part of the message. Written is
mboxrd.
"""

from __future__ import annotations

import calendar
import mmap
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mailstore.mailformats.found import Found, Skipped, with_crlf, with_lf
from mailstore.model import InternalDate

_SEPARATOR = re.compile(rb"(?:\A|\r?\n\r?\n|\n\n)(From [^\r\n]*)\r?\n")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_TO_QUOTE = re.compile(rb"^(>*From )", re.MULTILINE)
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\s+([A-Z][a-z]{2}\s+\d{1,2}\s+"
    r"\d{1,2}:\d{2}(?::\d{2})?)\s+(?:[A-Z]{3,4}\s+)?(\d{4})"
)
_STATUS = re.compile(
    rb"^(X-Status|Status|X-Keywords):[ \t]*([^\r\n]*)\r?\n",
    re.MULTILINE | re.IGNORECASE,
)
_LETTERS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "T": "\\Draft"}
_OF_FLAG = {flag: letter for letter, flag in _LETTERS.items()} | {"\\Deleted": "D"}


def is_mbox(head: bytes) -> bool:
    """Tell whether a file that begins so is an mbox."""
    return head.startswith(b"From ")


def messages(
    file: Path, folder: tuple[str, ...], most: int
) -> Iterator[Found | Skipped]:
    """Give the messages of a file; it may be larger than memory."""
    try:
        with (
            file.open("rb") as opened,
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            yield from _messages(data, str(file), folder, most)
    except OSError as error:
        yield Skipped(str(file), error.strerror or str(error))


def _messages(
    data: mmap.mmap, source: str, folder: tuple[str, ...], most: int
) -> Iterator[Found | Skipped]:
    number = 0
    begin: tuple[int, bytes] | None = None
    for found in _SEPARATOR.finditer(data):
        if begin is not None:
            number += 1
            end = found.start(1)
            yield _one(data, begin, end, f"{source}:{number}", folder, most)
        begin = found.end(), found[1]
    if begin is not None:
        number += 1
        yield _one(data, begin, len(data), f"{source}:{number}", folder, most)


def _one(
    data: mmap.mmap,
    begin: tuple[int, bytes],
    end: int,
    source: str,
    folder: tuple[str, ...],
    most: int,
) -> Found | Skipped:
    start, line = begin
    if end - start > most:
        return Skipped(source, f"larger than {most} octets")
    content = data[start:end]
    if content.endswith((b"\n\n", b"\r\n\r\n")):  # the empty line behind each message
        content = content.removesuffix(b"\n").removesuffix(b"\r")
    content, flags = _take_status(content)
    content = with_crlf(_QUOTED.sub(rb"\1", content))
    if not content:
        return Skipped(source, "empty")
    return Found(source, content, folder, flags, _date(line))


def _take_status(content: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Take the fields that hold flags off the header."""
    blank = re.search(rb"\r?\n\r?\n", content)
    end = blank.start() + 2 if blank is not None else len(content)
    flags: dict[str, None] = {}
    for match in _STATUS.finditer(content, 0, end):
        value = match[2].decode("latin-1")
        if match[1].lower() == b"x-keywords":
            flags.update(dict.fromkeys(value.split()))
        else:
            flags.update(dict.fromkeys(_LETTERS[c] for c in value if c in _LETTERS))
            if match[1].lower() == b"x-status" and "D" in value:
                flags["\\Deleted"] = None
    if not flags and not _STATUS.search(content, 0, end):
        return content, ()
    return _STATUS.sub(b"", content[:end]) + content[end:], tuple(flags)


def _date(line: bytes) -> InternalDate | None:
    """Read the date of a separator, which has no zone: UTC."""
    found = _DATE.search(line.decode("latin-1"))
    if found is None:
        return None
    clock = found[1] if found[1].count(":") == 2 else found[1] + ":00"
    try:
        parsed = time.strptime(f"{clock} {found[2]}", "%b %d %H:%M:%S %Y")
    except ValueError:
        return None
    return InternalDate(calendar.timegm(parsed))


@dataclass(slots=True)
class MboxWriter:
    """Writes the messages of one mailbox into one file, as mboxrd."""

    file: BinaryIO
    written: int = 0

    def add(
        self, uid: int, content: bytes, flags: Sequence[str], date: InternalDate
    ) -> None:
        """Append one message; ``uid`` has no place in an mbox."""
        del uid
        day = time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(date.epoch))
        body = _TO_QUOTE.sub(rb">\1", with_lf(content))
        self.file.write(b"From imapd@localhost %b\n" % day.encode("ascii"))
        self.file.write(_with_status(body, flags))
        self.file.write(b"\n" if body.endswith(b"\n") else b"\n\n")
        self.written += 1


def _with_status(body: bytes, flags: Sequence[str]) -> bytes:
    status = b"Status: %bO\n" % (b"R" if "\\Seen" in flags else b"")
    letters = "".join(
        sorted(_OF_FLAG[f] for f in flags if f in _OF_FLAG and f != "\\Seen")
    )
    if letters:
        status += b"X-Status: %b\n" % letters.encode("ascii")
    keywords = " ".join(flag for flag in flags if not flag.startswith("\\"))
    if keywords:
        status += b"X-Keywords: %b\n" % keywords.encode("ascii")
    blank = re.search(rb"\r?\n\r?\n", body)
    at = blank.start() + 1 if blank is not None and body[blank.start()] == 10 else None
    if at is None:
        # No header that a field could be put behind with LF: in front of it.
        return status + body
    return body[:at] + status + body[at:]
