"""The specs that a feature hands in for fetch items, search keys and status items.

Fetch items and search keys are open unions: the commands FETCH and SEARCH know
only these ports, never an item's name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from imapd.wire.cursor import Cursor
from mailstore.model import Batch, Column, MailboxEntry, MailboxStatus
from mailstore.query import Predicate
from mailstore.service import Mailbox

if TYPE_CHECKING:
    from imapd.session.registry import Registry
    from imapd.session.view import View


class FetchEnvironment(Protocol):
    """What compiling a fetch item may ask for, once per command."""

    @property
    def mailbox(self) -> Mailbox:
        """The selected mailbox."""
        ...

    @property
    def view(self) -> View:
        """The session's view of it."""
        ...


@dataclass(frozen=True, slots=True)
class Literal:
    """A piece of an answer that is read from the blob while it is sent.

    ``start`` and ``length`` are octets of the stored message named by ``ref``.
    """

    ref: str
    start: int
    length: int


Value = bytes | tuple[bytes | Literal, ...]
"""One item of one message: ready bytes, or bytes mixed with blob ranges."""

Render = Callable[[Batch], Sequence[Value]]
"""Gives ``NAME SP value`` for each message of a batch, aligned with its UIDs."""


class FetchItem(Protocol):
    """A parsed fetch item; a frozen value."""

    @property
    def columns(self) -> Collection[Column]:
        """What the store must give for it."""
        ...

    @property
    def sets_seen(self) -> bool:
        """Whether fetching it sets \\Seen (RFC 3501 §6.4.5)."""
        ...

    def unparse(self) -> bytes:
        """Write it as a client would."""
        ...

    def compile(self, environment: FetchEnvironment) -> Render:
        """Prepare the renderer, once per command."""
        ...


@dataclass(frozen=True, slots=True)
class FetchItemSpec:
    """A fetch item's name and grammar; ``parse`` begins behind the name."""

    name: str
    parse: Callable[[Cursor], FetchItem]
    rfc: str


class SearchEnvironment(Protocol):
    """What lowering a search key may ask for."""

    @property
    def view(self) -> View:
        """The session's view: numbers become UIDs by it."""
        ...

    @property
    def recent(self) -> Sequence[tuple[int, int]]:
        """UID ranges that are \\Recent in this session."""
        ...

    def decode(self, text: bytes) -> str:
        """Decode a search string by the command's CHARSET."""
        ...

    def now(self) -> float:
        """Wall clock in seconds, for keys that are relative to it."""
        ...


class SearchKey(Protocol):
    """A parsed search key; a frozen value."""

    def unparse(self) -> bytes:
        """Write it as a client would."""
        ...

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        ...


@dataclass(frozen=True, slots=True)
class SearchKeySpec:
    """A search key's name and grammar; ``parse`` begins behind the name."""

    name: str
    parse: Callable[[Cursor, Registry], SearchKey]
    rfc: str


@dataclass(frozen=True, slots=True)
class StatusItemSpec:
    """One STATUS item (RFC 3501 §6.3.10)."""

    name: str
    value: Callable[[MailboxStatus], int]
    rfc: str


ListAttributes = Callable[[MailboxEntry], Iterable[str]]
"""Gives name attributes of one LIST answer, as ``\\HasChildren``."""

ItemNames = Iterator[str]
