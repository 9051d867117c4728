"""Maildir++: a folder with ``cur`` and ``new``, subfolders beside them as ``.a.b``.

Flags stand behind ``:2,`` in the name of a file; lower-case letters are keywords by
the file ``dovecot-keywords``. A file's time is the message's date.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailstore.mailformats.found import Found, Skipped, with_crlf, with_lf
from mailstore.model import InternalDate

_FLAGS = {
    "D": "\\Draft",
    "F": "\\Flagged",
    "P": "$Forwarded",
    "R": "\\Answered",
    "S": "\\Seen",
    "T": "\\Deleted",
}
_LETTERS = {flag: letter for letter, flag in _FLAGS.items()}
_KEYWORDS = "dovecot-keywords"


def is_maildir(path: Path) -> bool:
    """Tell whether a folder is a Maildir."""
    return (path / "cur").is_dir() and (path / "new").is_dir()


def messages(root: Path, most: int) -> Iterator[Found | Skipped]:
    """Give the messages of a Maildir and of its subfolders, folder by folder."""
    yield from _folder(root, (), most)
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") and is_maildir(path):
            yield from _folder(path, tuple(path.name[1:].split(".")), most)


def _folder(
    path: Path, folder: tuple[str, ...], most: int
) -> Iterator[Found | Skipped]:
    letters = {**_FLAGS, **_keywords(path)}
    for part in ("cur", "new"):
        for file in sorted((path / part).iterdir()):
            if not file.name.startswith("."):
                yield read(file, folder, _flags(file.name, letters), most)


def read(
    file: Path, folder: tuple[str, ...], flags: tuple[str, ...], most: int
) -> Found | Skipped:
    """Read one file that is one message of at most ``most`` octets."""
    try:
        status = file.stat()
        if status.st_size > most:
            return Skipped(str(file), f"larger than {most} octets")
        data = file.read_bytes()
    except OSError as error:
        return Skipped(str(file), error.strerror or str(error))
    if not data:
        return Skipped(str(file), "empty")
    date = InternalDate(int(status.st_mtime))
    return Found(str(file), with_crlf(data), folder, flags, date)


def _flags(name: str, letters: Mapping[str, str]) -> tuple[str, ...]:
    _, marker, info = name.rpartition(":2,")
    if not marker:
        return ()
    return tuple(dict.fromkeys(letters[letter] for letter in info if letter in letters))


def _keywords(path: Path) -> dict[str, str]:
    """Read which letters are which keywords: lines of ``0 Name`` (Dovecot)."""
    try:
        text = (path / _KEYWORDS).read_text(encoding="ascii", errors="replace")
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in text.splitlines():
        number, _, name = line.partition(" ")
        if number.isdecimal() and int(number) < 26 and name:
            found[chr(ord("a") + int(number))] = name
    return found


@dataclass(slots=True)
class MaildirWriter:
    """Writes the messages of one mailbox into one folder of a Maildir++."""

    root: Path
    folder: Sequence[str]
    keywords: Sequence[str]
    written: int = 0

    def begin(self) -> None:
        """Make the folder."""
        for part in ("cur", "new", "tmp"):
            (self._path / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.folder:
            (self._path / "maildirfolder").touch()
        if self.keywords:
            lines = [f"{at} {name}\n" for at, name in enumerate(self.keywords[:26])]
            text = "".join(lines)
            (self._path / _KEYWORDS).write_text(text, encoding="ascii")

    @property
    def _path(self) -> Path:
        return self.root / ("." + ".".join(self.folder)) if self.folder else self.root

    def add(
        self, uid: int, content: bytes, flags: Sequence[str], date: InternalDate
    ) -> None:
        """Write one message; its file appears whole."""
        letters = {
            **_LETTERS,
            **{name: chr(ord("a") + at) for at, name in enumerate(self.keywords[:26])},
        }
        info = "".join(sorted(letters[flag] for flag in flags if flag in letters))
        name = f"{date.epoch}.U{uid}.imapd,S={len(content)}"
        temporary = self._path / "tmp" / name
        temporary.write_bytes(with_lf(content))
        os.utime(temporary, (date.epoch, date.epoch))
        temporary.rename(self._path / "cur" / f"{name}:2,{info}")
        self.written += 1
