"""The values that cross the store's border.

Flags travel as one integer mask: bits 0 to 4 are the system flags, 5 and 6 are
reserved, bit ``7 + i`` is the mailbox's i-th keyword (`Mailbox.keywords[i]`).
``\\Recent`` is no stored flag: it belongs to a session (RFC 3501 §2.3.2).
"""

from __future__ import annotations

import enum
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NewType, Protocol

AccountId = NewType("AccountId", str)
MailboxId = NewType("MailboxId", int)

FIRST_OF_OTHERS = 1 << 40
"""From here on mailboxes of other accounts are numbered, for who reaches several."""

ANSWERED, FLAGGED, DELETED, SEEN, DRAFT = 1, 2, 4, 8, 16
SYSTEM_FLAGS: Mapping[str, int] = {
    "\\Answered": ANSWERED,
    "\\Flagged": FLAGGED,
    "\\Deleted": DELETED,
    "\\Seen": SEEN,
    "\\Draft": DRAFT,
}
FIRST_KEYWORD_BIT = 7
MAX_KEYWORDS = 255

DELIMITER = "/"
INBOX = "INBOX"


class SpecialUse(enum.Enum):
    """The attribute that marks a mailbox's role (RFC 6154 §2)."""

    ARCHIVE = "\\Archive"
    DRAFTS = "\\Drafts"
    FLAGGED = "\\Flagged"
    IMPORTANT = "\\Important"
    JUNK = "\\Junk"
    SENT = "\\Sent"
    TRASH = "\\Trash"
    ALL = "\\All"


VIRTUAL_USES = (SpecialUse.ALL, SpecialUse.FLAGGED)  # that show others' mail: none

DEFAULT_MAILBOXES: tuple[tuple[str, SpecialUse | None], ...] = (
    (INBOX, None),
    ("Drafts", SpecialUse.DRAFTS),
    ("Sent", SpecialUse.SENT),
    ("Junk", SpecialUse.JUNK),
    ("Trash", SpecialUse.TRASH),
    ("Archive", SpecialUse.ARCHIVE),
)


@dataclass(frozen=True, slots=True)
class InternalDate:
    """When a message arrived: seconds since the epoch, and its zone in minutes."""

    epoch: int
    zone: int = 0

    def __post_init__(self) -> None:
        if not -24 * 60 < self.zone < 24 * 60:
            raise ValueError("a zone is less than a day")


@dataclass(frozen=True, slots=True)
class MailboxEntry:
    """One name of the hierarchy, as LIST needs it (RFC 3501 §7.2.2)."""

    name: str
    exists: bool  # False: only a parent of others, or a subscription that outlived it
    selectable: bool
    has_children: bool
    subscribed: bool
    special_use: SpecialUse | None = None
    id: MailboxId | None = None
    personal: bool = True  # False: it is in somebody else's namespace
    readable: bool = True  # False: who sees it may not read it


class MailboxStatus(NamedTuple):
    """The counters of one mailbox (RFC 3501 §6.3.10)."""

    id: MailboxId
    uidvalidity: int
    uidnext: int
    highestmodseq: int
    messages: int
    recent: int
    unseen: int
    deleted: int
    bytes: int
    max_message: int = 0  # octets that a new message may have
    object_id: str = ""  # RFC 8474
    account_id: str = ""  # its owner's identifier
    deleted_octets: int = 0  # of messages with \\Deleted


@dataclass(frozen=True, slots=True)
class MailboxCounts:
    """The counters of one mailbox that tell whether something happened to it."""

    id: MailboxId
    uidvalidity: int
    uidnext: int = 1
    highestmodseq: int = 1
    messages: int = 0
    unseen: int = 0


@dataclass(frozen=True, slots=True)
class MailboxChange:
    """Which counters of a mailbox are others than before."""

    mailbox: MailboxId
    messages: bool = False  # messages arrived or vanished
    unseen: bool = False
    modseq: bool = False
    uidvalidity: bool = False


@dataclass(frozen=True, slots=True)
class NameChange:
    """One name of the hierarchy, or one mailbox's two names, before and after.

    None: there was no such name, or there is none. With ``along`` the mailbox only
    followed a superior one to its new name.
    """

    before: MailboxEntry | None
    after: MailboxEntry | None
    along: bool = False


@dataclass(frozen=True, slots=True)
class AccountChanges:
    """What happened to an account's mailboxes while somebody followed it.

    With ``overflow`` it was more than is remembered, and the rest is empty.
    """

    names: tuple[NameChange, ...] = ()
    mailboxes: tuple[MailboxChange, ...] = ()
    overflow: bool = False


@dataclass(frozen=True, slots=True)
class Acting:
    """The session that removes something, as an administrator will look for it.

    ``session`` is its id as it is logged, ``since`` when it began, in seconds since
    the epoch: ids come again after a restart.
    """

    session: str
    since: int
    user: str
    address: str = ""
    client: str = ""  # what it says of itself


class How(enum.IntEnum):
    """What removed a message."""

    EXPUNGED = 1
    MOVED = 2  # it is, or was, in another mailbox
    WITH_MAILBOX = 3  # its mailbox was deleted
    REPLACED = 4  # by another version (RFC 8508)
    DAMAGED = 5  # its bytes are: see `mailstore.index.damage`


class MessageSink(Protocol):
    """Takes one message's bytes as they arrive; made by `Account.admit`."""

    @property
    def size(self) -> int:
        """Octets written so far."""
        ...

    def write(self, chunk: bytes) -> None:
        """Append a chunk. Never raises; a fault is told when it is committed."""
        ...

    def finish(self) -> None:
        """All bytes are here."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """Read what was written, in pieces. Raises the fault of a `write`."""
        ...

    def abort(self) -> None:
        """Forget the bytes and free what held them. Safe to call twice."""
        ...


@dataclass(frozen=True, slots=True)
class AnnotationName:
    """An annotation of a message: its entry, and whether it is one's own (RFC 5257)."""

    entry: str
    private: bool

    @property
    def part(self) -> tuple[int, ...]:
        """The numbers of the part that is named; none where no part is, or any."""
        first = self.entry.partition("/")[2].partition("/")[0]
        numbers = first.split(".") if {"*", "%"}.isdisjoint(first) else [""]
        return tuple(map(int, numbers)) if numbers[0].isdecimal() else ()


@dataclass(frozen=True, slots=True)
class AnnotationChange:
    """What an annotation is to be; None removes it."""

    name: AnnotationName
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation that a message has; its value if that was asked for."""

    name: AnnotationName
    octets: int
    value: bytes | None = None


class Arrival(NamedTuple):
    """One message on its way into a mailbox."""

    content: bytes | MessageSink
    flags: tuple[str, ...] = ()
    internaldate: InternalDate | None = None  # None: now
    binary: bool = False  # True: a NUL byte is taken as it is (import, delivery)
    encode_nul: bool = False  # True: parts with a NUL byte become base64 (RFC 3516)
    annotations: tuple[AnnotationChange, ...] = ()
    private: tuple[tuple[str, int], ...] = ()  # flags that people have for themselves


@dataclass(frozen=True, slots=True)
class Appended:
    """Where new messages are (RFC 4315 §3 APPENDUID); no UIDs where one can't read."""

    mailbox: MailboxId
    uidvalidity: int
    uids: tuple[int, ...]
    modseq: int


@dataclass(frozen=True, slots=True)
class Copied:
    """Which message became which (RFC 4315 §3 COPYUID); same length, same order.

    ``target`` is empty where who copied can't read.
    """

    uidvalidity: int
    source: array[int]
    target: array[int]


@dataclass(frozen=True, slots=True)
class Forest:
    """Threads of messages: each followed by its replies, depth first.

    ``degrees[i]`` tells how many children ``uids[i]`` has. A UID of 0 stands for a
    message that isn't there and binds its children together: two at least, and it is
    nobody's child.
    """

    uids: array[int] = field(default_factory=lambda: array("I"))
    degrees: array[int] = field(default_factory=lambda: array("I"))


@dataclass(frozen=True, slots=True)
class Edition:
    """As of when something is known of the messages of a mailbox.

    While it is equal, a UID together with the store's own number of its message stands
    for the same octets, size and date, and for all that follows from them. ``version``
    is another one when a repair has written something anew.
    """

    account: AccountId
    mailbox: MailboxId
    uidvalidity: int
    version: int


class FlagOperation(enum.Enum):
    """What STORE does with its flags (RFC 3501 §6.4.6)."""

    REPLACE = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"


@dataclass(frozen=True, slots=True)
class FlagChange:
    """One change of flags for many messages."""

    operation: FlagOperation
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """A mailbox that has a copy of a message."""

    name: str
    special_use: SpecialUse | None = None


@dataclass(frozen=True, slots=True)
class Filing:
    """Into which mailboxes messages are put as well, and out of which they are taken.

    With ``only`` they are taken out of all that are not named. ``flags`` change in the
    mailbox where they are.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    only: bool = False
    flags: tuple[FlagChange, ...] = ()


class Stored(NamedTuple):
    """The result of `Mailbox.store_flags` and its like: UIDs, each ascending.

    ``uids`` are those that are there. Of these ``failed`` were left as they are because
    others have changed them after ``unchanged_since`` (RFC 7162 §3.1.3), and
    ``external`` are those that were not, and that others had changed after
    ``seen_at``: they are told even under .SILENT. ``missing`` no longer exist.
    """

    modseq: int
    uids: Sequence[int]
    external: Sequence[int] = ()
    failed: Sequence[int] = ()
    missing: Sequence[int] = ()
    wrote: bool = False  # ``modseq`` is that of this change
    alone: bool = False  # nothing else happened from ``seen_at`` up to ``modseq``


class Changes(NamedTuple):
    """What happened to a mailbox after a mod-sequence; UIDs ascend in each field."""

    modseq: int
    new: Sequence[int]
    changed: Sequence[tuple[int, int]]  # (uid, mask); some may be new, too
    vanished: Sequence[int]


class Column(enum.Enum):
    """What `Mailbox.fetch` can give for a message, by tier of cost.

    The first group is memory, the second one SQL statement a batch, and BLOB
    gives the reference that `Mailbox.blob` opens. The third is found from the
    message where nobody asked before.
    """

    # They are keys for every batch, and Python's own way to hash them is slow.
    __hash__ = object.__hash__

    FLAGS = enum.auto()  # int mask
    SIZE = enum.auto()  # int octets, exact
    INTERNALDATE = enum.auto()  # (epoch, zone)
    MODSEQ = enum.auto()  # int

    ENVELOPE = enum.auto()  # bytes, wire-ready
    BODYSTRUCTURE = enum.auto()  # bytes, wire-ready, extensible form
    HEADER = enum.auto()  # bytes, packed fields (mailstore.mime.packed)
    PARTS = enum.auto()  # bytes, offset tree (mailstore.mime.sections)
    BLOB = enum.auto()  # str, opaque reference
    EMAILID = enum.auto()  # int, its number: that of the message, or the copy's own
    SAVED = enum.auto()  # int seconds since the epoch, or None: not known
    PREVIEW_READY = enum.auto()  # bytes, wire-ready, or None: not found yet

    LABELS = enum.auto()  # sequence of Label: the other mailboxes that have it

    PREVIEW = enum.auto()  # bytes, wire-ready (RFC 8970)
    THREAD = enum.auto()  # int, the number of its thread
    SHA1 = enum.auto()  # bytes, hexadecimal, NIL for a damaged message


ROW_COLUMNS = frozenset({Column.FLAGS, Column.SIZE, Column.INTERNALDATE, Column.MODSEQ})


@dataclass(frozen=True, slots=True)
class Batch:
    """At most 512 messages; each column is aligned with ``uids``.

    So are ``messages``, the store's own numbers: copies have one together.
    """

    uids: Sequence[int]
    columns: Mapping[Column, Sequence[Any]] = field(default_factory=dict)
    messages: Sequence[int] = ()

    def part(self, some: slice) -> Batch:
        """Give some of the messages."""
        columns = {name: values[some] for name, values in self.columns.items()}
        return Batch(self.uids[some], columns, self.messages[some])


class Depth(enum.Enum):
    """Which entries below a named one are meant too (RFC 5464 §4.2.2)."""

    NONE = "0"
    ONE = "1"
    ALL = "infinity"

    def covers(self, entry: str, found: str) -> bool:
        """Tell whether an entry is near enough to one that was named, at or above."""
        steps = found.count("/") - entry.count("/")
        return self is Depth.ALL or steps <= (1 if self is Depth.ONE else 0)
