"""What a path holds: one message, an mbox, a Maildir++, or folders of these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mailstore.mailformats import maildir, mbox
from mailstore.mailformats.found import Found, Skipped

_SUFFIXES = (".eml", ".msg", ".txt")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")  # RFC 5322 §2.2


def messages(path: Path, most: int) -> Iterator[Found | Skipped]:
    """Give all messages below a path, each of at most ``most`` octets.

    A folder's subfolders become folders of the result; so do mbox files in it, by
    their names without ``.mbox``. Files that are no messages are passed over.
    """
    if path.is_dir():
        yield from _folder(path, (), most)
    else:
        yield from _file(path, (), most, named=False)


def _folder(
    path: Path, folder: tuple[str, ...], most: int
) -> Iterator[Found | Skipped]:
    if maildir.is_maildir(path):
        for found in maildir.messages(path, most):
            if isinstance(found, Found) and folder:
                yield Found(
                    found.source,
                    found.content,
                    folder + found.folder,
                    found.flags,
                    found.date,
                )
            else:
                yield found
        return
    try:
        entries = sorted(path.iterdir(), key=lambda entry: (entry.is_dir(), entry.name))
    except OSError as error:
        yield Skipped(str(path), error.strerror or str(error))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _folder(entry, (*folder, entry.name), most)
        else:
            yield from _file(entry, folder, most, named=True)


def _file(
    path: Path, folder: tuple[str, ...], most: int, *, named: bool
) -> Iterator[Found | Skipped]:
    try:
        with path.open("rb") as opened:
            head = opened.read(1024)
    except OSError as error:
        yield Skipped(str(path), error.strerror or str(error))
        return
    if not head and path.suffix.lower() == ".mbox":
        return  # a folder of a mail program that has no messages
    message = path.suffix.lower() in _SUFFIXES
    if mbox.is_mbox(head):
        # A message that was saved with the separator of its mbox is still one file.
        own = named and not message
        inside = (*folder, path.name.removesuffix(".mbox")) if own else folder
        yield from mbox.messages(path, inside, most)
    elif not named or message or (not path.suffix and _FIELD.match(head)):
        # What somebody names is a message, whatever it is called.
        yield maildir.read(path, folder, (), most)
    else:
        yield Skipped(str(path), "not a message: neither .eml nor an mbox")
