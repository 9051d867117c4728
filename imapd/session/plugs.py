"""The specs that a feature hands in for fetch items, search keys and status items.

Fetch items, search keys and return options are open unions: the commands FETCH and
SEARCH know only these ports, never an item's name. What several commands do with
them is in `imapd.session.search_program`, `imapd.session.searching` and, for one
item, `parse_fetch_item`.
"""

from __future__ import annotations

import abc
import enum
import re
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from imapd.session.faults import No
from imapd.wire.cursor import Cursor
from mailstore.model import Batch, Column, MailboxStatus
from mailstore.query import Criterion, Predicate, SortKey
from mailstore.service import Mailbox

if TYPE_CHECKING:
    from imapd.session.context import Context
    from imapd.session.registry import Registry
    from imapd.session.search_result import Searching, SearchResult
    from imapd.session.view import View


class FetchEnvironment(Protocol):
    """What compiling a fetch item may ask for, once per command."""

    @property
    def context(self) -> Context:
        """The session, and the command that runs in it."""
        ...

    @property
    def mailbox(self) -> Mailbox:
        """The selected mailbox."""
        ...

    @property
    def view(self) -> View:
        """The session's view of it."""
        ...


class Literal(NamedTuple):
    """A literal of an answer whose octets are read from the blob while it is sent.

    ``start`` and ``length`` are octets of the stored message named by ``ref``. With
    ``replace_nul`` the message is known to have NULs, which no literal may have
    (RFC 3501 §9: CHAR8); each is sent as the octet 0x80, so that sizes stay true.
    """

    ref: str
    start: int
    length: int
    replace_nul: bool = False


@dataclass(frozen=True, slots=True)
class Derived:
    """A value that is made of octets of the blob, all at once.

    ``render`` gets the octets and gives ready bytes. For what is small by nature,
    as a header; a `Literal` is never in memory as a whole.
    """

    ref: str
    start: int
    length: int
    render: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Converted:
    """A value that is made of octets of the blob, piece by piece.

    ``convert`` turns pieces of the octets, cut anywhere, into pieces of the value, each
    time the same; a store error that it raises is that of the message. ``count`` octets
    from ``offset`` on are told, as a string, or as a literal8 if they have a NUL
    (RFC 3516 §4.3); with ``size_only`` how many octets the value has.
    """

    ref: str
    start: int
    length: int
    convert: Callable[[Iterable[bytes]], Iterator[bytes]]
    offset: int = 0
    count: int | None = None
    size_only: bool = False

    def pieces(self, octets: Iterable[bytes]) -> Iterator[bytes]:
        """Give what is told of the value, in pieces."""
        skip, left = self.offset, self.count
        for piece in self.convert(octets):
            if skip >= len(piece):
                skip -= len(piece)
                continue
            told = piece[skip:] if left is None else piece[skip : skip + left]
            skip = 0
            yield told
            if left is not None:
                left -= len(told)
                if left == 0:
                    return


@dataclass(frozen=True, slots=True)
class Rendering:
    """How one item of FETCH is answered, compiled once per command.

    The answer is ``name``, a space and a value. ``values`` gives one value for each
    message of a batch, aligned with its UIDs: what ``conversion`` (``%b``, ``%d`` or
    ``(%d)``) takes, or, with ``reads_blobs``, `Literal`, `Derived` and `Converted`.
    With ``large`` values are made while they are sent, message by message. ``common``
    is what knows nothing of a session: another command may use it too. ``lasting`` are
    values that never change and that differ only from message to message, and by what a
    `mailstore.service.Mailbox.fetch` is asked for and `Telling` says.
    """

    name: bytes
    values: Callable[[Batch], Iterable[Any]]
    conversion: bytes = b"%b"
    reads_blobs: bool = False
    large: bool = False
    common: bool = False
    lasting: bool = False

    def __post_init__(self) -> None:
        if self.conversion not in (b"%b", b"%d", b"(%d)"):
            raise ValueError("a value is bytes or a number")
        if self.reads_blobs and self.conversion != b"%b":
            raise ValueError("what is read from a blob is bytes")

    @property
    def template(self) -> bytes:
        """The answer with its conversion, for ``%``."""
        return self.name.replace(b"%", b"%%") + b" " + self.conversion


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

    def compile(self, environment: FetchEnvironment, /) -> Rendering:
        """Prepare its answers, once per command."""
        ...


class CheckedItem(abc.ABC):
    """What a fetch item is that looks at the messages before any is answered.

    A class to inherit from: each FETCH asks all of its items whether they are such.
    """

    __slots__ = ()

    @abc.abstractmethod
    async def check(self, environment: FetchEnvironment, uids: Sequence[int]) -> None:
        """Refuse what cannot be asked of one of them. Raises store errors."""


@dataclass(frozen=True, slots=True)
class FetchItemSpec:
    """A fetch item's name and grammar; ``parse`` begins behind the name."""

    name: str
    parse: Callable[[Cursor], FetchItem]
    rfc: str


_ITEM_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9.-]{0,63}")


def parse_fetch_item(cursor: Cursor, registry: Registry) -> FetchItem:
    """Take one fetch item that a feature brought. Raises `Malformed`."""
    start = cursor.at
    name = cursor.need(_ITEM_NAME, "a fetch item")[0].decode("ascii").upper()
    spec = registry.fetch_items.get(name)
    if spec is None:
        cursor.at = start
        raise cursor.fail("a fetch item")
    return spec.parse(cursor)


@dataclass(slots=True)
class Inserted:
    """The octets of search text that keys of one search have put in (RFC 5466)."""

    octets: int = 0

    def note(self, octets: int, context: Context) -> None:
        """Count a text; all of them are no longer than a command may be.

        Raises `No`.
        """
        self.octets += octets
        most = context.services.limits().command_line
        if self.octets > most:
            raise No(f"all filters of a search may have {most} octets", "LIMIT")


class SearchEnvironment(Protocol):
    """What lowering a search key may ask for."""

    @property
    def context(self) -> Context:
        """The session, and the command that runs in it."""
        ...

    @property
    def view(self) -> View:
        """The session's view: numbers become UIDs by it."""
        ...

    @property
    def largest_uid(self) -> int:
        """The UID that ``*`` stands for, 0 in an empty mailbox."""
        ...

    @property
    def recent(self) -> Sequence[tuple[int, int]]:
        """UID ranges that are \\Recent in this session."""
        ...

    @property
    def codec(self) -> str:
        """How search strings are decoded, by Python's name."""
        ...

    @property
    def inserted(self) -> Inserted:
        """What stored searches were put in so far."""
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

    def lower(self, environment: SearchEnvironment, /) -> Predicate:
        """Say it in the store's terms."""
        ...


@dataclass(frozen=True, slots=True)
class SearchKeySpec:
    """A search key's name and grammar; ``parse`` begins behind the name."""

    name: str
    parse: Callable[[Cursor, Registry], SearchKey]
    rfc: str


class ReturnArgument(Protocol):
    """The argument of a return option; a frozen value."""

    def unparse(self) -> bytes:
        """Write it as a client would."""
        ...


class ReturnScope(enum.Enum):
    """Which mailboxes a return option may be about, when several are searched."""

    ANY = enum.auto()
    SELECTED = enum.auto()  # it does something about the selected one
    SELECTED_ALONE = enum.auto()  # no other may be searched


class SortArgument(Protocol):
    """What stands behind the name of a sort key; a frozen value."""

    def unparse(self) -> bytes:
        """Write it as a client would."""
        ...

    def criterion(self, key: SortKey, /, *, reverse: bool) -> Criterion:
        """Say the key with this argument in the store's terms."""
        ...


@dataclass(frozen=True, slots=True)
class SortKeySpec:
    """A sort key of SORT by its name, and the store's word for it.

    ``allowed`` tells whether it may be used with what is searched for. ``parse`` takes
    its argument, with the space before it; None: it has none.
    """

    name: str
    key: SortKey
    rfc: str
    allowed: Callable[[Predicate], bool] = lambda _: True
    parse: Callable[[Cursor], SortArgument] | None = None


@dataclass(frozen=True, slots=True)
class SearchReturnSpec:
    """A return option of SEARCH or SORT (RFC 4466 §2.6), and what it does.

    ``parse`` takes its argument, behind the space; None: it has none. With ``optional``
    it may be left out, and begins with a parenthesis. Of options with one ``group`` a
    command may have one.
    ``chooses`` gives the messages that it tells of, in any order, None for all that
    were found; without it the option says nothing about messages. ``data`` gives its
    item of the ESEARCH response in pieces, none of them if there is nothing to say.

    ``begin`` comes before anything is looked for, ``finish`` when the answer about the
    selected mailbox was written, ``fail`` instead of it when the command ends with NO.
    """

    name: str
    rfc: str
    parse: Callable[[Cursor, Registry], ReturnArgument] | None = None
    optional: bool = False
    group: str = ""
    chooses: Callable[[SearchResult, Any], Sequence[int] | None] | None = None
    data: Callable[[SearchResult, Any], AsyncIterator[bytes]] | None = None
    scope: ReturnScope = ReturnScope.ANY
    answers: bool = True  # False: an ESEARCH response isn't due for its sake
    begin: Callable[[Searching, Any], None] | None = None
    finish: Callable[[SearchResult, Any], Awaitable[None]] | None = None
    fail: Callable[[Searching, Any], None] | None = None


@dataclass(frozen=True, slots=True)
class SearchDataSpec:
    """A number that an answer carries because of what was searched for.

    Behind the messages of SEARCH or SORT it is ``(NAME value)``, in ESEARCH ``NAME
    value`` (RFC 7162 §3.1.5, RFC 4731 §3.2). ``value`` gets the UIDs that are told
    of, at least one.
    """

    name: str
    rfc: str
    wanted: Callable[[Predicate], bool]
    value: Callable[[Mailbox, Sequence[int]], Awaitable[int | None]]


@dataclass(frozen=True, slots=True)
class StatusItemSpec:
    """One STATUS item (RFC 3501 §6.3.10).

    ``value`` is the field of `MailboxStatus` that is told, or gives a number or ready
    text. ``counts_recent`` says that it needs
    `MailboxStatus.recent`, ``counts_deleted_octets`` that it needs
    `MailboxStatus.deleted_octets`: they are not counted otherwise. ``asked`` is told of
    each command that asks for the item, before its answer.
    """

    name: str
    value: str | Callable[[MailboxStatus], int | str]
    rfc: str
    counts_recent: bool = False
    counts_deleted_octets: bool = False
    asked: Callable[[Context], None] | None = None
