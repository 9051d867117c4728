"""The slow, obvious answer: what messages say, and what is found in it.

And the text index of a `Home`, filled by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mailstore.mime.folding import fold
from mailstore.mime.header import fields
from mailstore.mime.scanner import scan
from mailstore.mime.text import all_header_text, body_texts, header_text
from mailstore.model import FlagChange, FlagOperation
from mailstore.query import BodyContains, HeaderContains, TextContains
from mailstore.search.textdb import Segment, TextDatabase
from tests.mailstore.stores import Home

DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))
TextTerm = HeaderContains | BodyContains | TextContains


class Said:
    """One message's texts, folded as a whole. No dataclass: its fields are long."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.fields: dict[str, list[str]] = {}
        root = scan(self.data)
        header = self.data[root.header : root.body]
        self.header = fold(all_header_text(header))
        self.body = "".join(map(fold, body_texts(self.data, root)))
        for one in fields(header):
            name = one.name.decode("ascii")
            if name not in self.fields:
                texts = header_text(header, one.name)
                self.fields[name] = [fold(text) for text in texts]

    def has(self, term: TextTerm) -> bool:
        needle = fold(term.needle)
        match term:
            case HeaderContains(name, _):
                return any(needle in text for text in self.fields.get(name.lower(), ()))
            case BodyContains():
                return needle in self.body
            case TextContains():
                return needle in self.body or needle in self.header


def bodies(*words: str) -> list[bytes]:
    """Give messages with these bodies, numbered in their subjects."""
    return [
        b"Subject: %d\r\n\r\n%b" % (n, word.encode()) for n, word in enumerate(words)
    ]


@contextmanager
def segments(home: Home) -> Iterator[tuple[TextDatabase, list[Segment]]]:
    """Open the text index, and give its segments."""
    with (
        home.account.readers.take() as index,
        home.account.indexing.reading(index) as text,
    ):
        assert text is not None
        yield text, text.segments()


def fill(home: Home, most: int = 1_000) -> int:
    """Fill the text index, with so many pieces of work at most; gives their number."""
    for done in range(most):
        worked = home.account.indexing.fill()
        assert worked is not None
        if not worked.more:
            return done
    return most


def found(home: Home, mailbox: Any, term: Any) -> list[int]:
    return list(home.run(mailbox.search(term)))


def expunge(home: Home, mailbox: Any, uid: int) -> None:
    """Remove a message; its texts stay until it is purged."""
    home.run(mailbox.store_flags([uid], DELETE, seen_at=99))
    home.run(mailbox.expunge())


def purge(home: Home) -> None:
    """Forget for good what was removed, and fill the index."""
    home.runtime.time += 40 * 86_400
    home.run(home.account.purge())
    fill(home)


def with_fish_and_meat(home: Home) -> Any:
    """Open a mailbox of two messages, which are indexed; a fish is in the first."""
    home.append("INBOX", *bodies("fish", "meat"))
    fill(home)
    mailbox = home.open()
    assert found(home, mailbox, BodyContains("fish")) == [1]
    return mailbox
