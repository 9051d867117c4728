"""What a server says, as values: one frozen class for each kind of response.

The test client and the transcripts build them with `tests.support.response_parser`;
tests compare them. They know no sockets and no grammar. Texts of messages are bytes,
because they may be anything; names that the protocol defines are str, upper case
where it doesn't care. ``* 3 FETCH (UID 7 FLAGS (\\Seen))`` is::

    Fetch(3, {"UID": 7, "FLAGS": frozenset({"\\Seen"})})

RFC 3501 §7, §9 (`response`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Address:
    """One address of an envelope; a group begins and ends without a host."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 3501 §7.4.2. A list that the server gave as NIL is empty here."""

    date: bytes | None
    subject: bytes | None
    from_: tuple[Address, ...]
    sender: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    in_reply_to: bytes | None
    message_id: bytes | None


Parameters: TypeAlias = tuple[tuple[str, bytes], ...]
Extra: TypeAlias = "bytes | int | tuple[Extra, ...] | None"


@dataclass(frozen=True, slots=True)
class Extension:
    """What BODYSTRUCTURE tells beyond BODY; None from here on was not told."""

    md5: bytes | None = None
    disposition: tuple[str, Parameters] | None = None
    language: tuple[str, ...] = ()
    location: bytes | None = None
    more: tuple[Extra, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A body part that is not a multipart. Type, subtype and encoding: upper case."""

    type: str
    subtype: str
    parameters: Parameters
    id: bytes | None
    description: bytes | None
    encoding: str
    size: int
    lines: int | None = None
    envelope: Envelope | None = None
    body: Body | None = None
    extension: Extension | None = None


@dataclass(frozen=True, slots=True)
class Multipart:
    """A body of several parts; ``parameters`` are told by BODYSTRUCTURE only."""

    parts: tuple[Body, ...]
    subtype: str
    parameters: Parameters = ()
    extension: Extension | None = None

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("a multipart has a part")


Body: TypeAlias = Part | Multipart


def leaf_sections(body: Body, path: str = "") -> list[tuple[str, Part]]:
    """List the parts that have a size of their own, with their section numbers.

    A single part message has part 1; the parts of a message/rfc822 multipart
    continue its number (RFC 3501 §6.4.5).
    """
    if isinstance(body, Multipart):
        found: list[tuple[str, Part]] = []
        for number, part in enumerate(body.parts, 1):
            name = f"{path}{number}"
            if isinstance(part, Multipart):
                found += leaf_sections(part, f"{name}.")
            else:
                found += _part_sections(part, name)
        return found
    return _part_sections(body, f"{path}1")


def _part_sections(part: Part, name: str) -> list[tuple[str, Part]]:
    inner = leaf_sections(part.body, f"{name}.") if part.body is not None else []
    return [(name, part), *inner]


# -- status responses (RFC 3501 §7.1)


@dataclass(frozen=True, slots=True)
class Code:
    """A response code: its name in upper case and its argument as a value.

    UIDNEXT has an int, PERMANENTFLAGS a frozenset, APPENDUID a pair of int and
    UID tuple; what the parser doesn't know has its text, or None.
    """

    name: str
    value: object = None


@dataclass(frozen=True, slots=True)
class Status:
    """OK, NO, BAD, PREAUTH or BYE; ``tag`` is None for an untagged one."""

    kind: str
    text: str
    code: Code | None = None
    tag: str | None = None

    @property
    def code_name(self) -> str | None:
        """The name of the response code, if there is one."""
        return None if self.code is None else self.code.name


@dataclass(frozen=True, slots=True)
class Continuation:
    """``+ text``: the server waits for more."""

    text: str


# -- untagged data (RFC 3501 §7.2 to §7.4)


@dataclass(frozen=True, slots=True)
class Capabilities:
    names: frozenset[str]


Extended: TypeAlias = "bytes | tuple[Extended, ...]"


@dataclass(frozen=True, slots=True)
class ListLine:
    """LIST or LSUB; ``name`` as on the wire, INBOX in upper case.

    ``extended`` are the data items of RFC 5258 §3, tags in upper case; a value in
    parentheses is a tuple.
    """

    name: str
    delimiter: str | None
    attributes: frozenset[str] = frozenset()
    subscribed_list: bool = False
    extended: tuple[tuple[str, Extended], ...] = ()


@dataclass(frozen=True, slots=True)
class StatusLine:
    """The values of STATUS by item name: numbers, and an identifier."""

    name: str
    items: Mapping[str, Any]

    def __hash__(self) -> int:
        return hash((self.name, *sorted(self.items.items())))


@dataclass(frozen=True, slots=True)
class SearchResult:
    numbers: tuple[int, ...]
    modseq: int | None = None


@dataclass(frozen=True, slots=True)
class SortResult:
    """SORT (RFC 5256 §4): the order is the answer."""

    numbers: tuple[int, ...]
    modseq: int | None = None


Members: TypeAlias = "tuple[int | Members, ...]"


@dataclass(frozen=True, slots=True)
class Threads:
    """THREAD (RFC 5256 §4): each list as a tuple of numbers and lists.

    ``(3 6 (4 23)(44 7))`` is ``(3, 6, (4, 23), (44, 7))``.
    """

    threads: tuple[Members, ...]


@dataclass(frozen=True, slots=True)
class ComparatorLine:
    """COMPARATOR (RFC 5255 §4.8)."""

    active: str
    matching: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Esearch:
    """ESEARCH (RFC 4466 §3); sets are spelt out in their order.

    ``data`` are pairs of name and value. PARTIAL is its range as text and a set, empty
    for NIL; ADDTO and REMOVEFROM are pairs of position and set.
    """

    tag: str | None
    uid: bool
    data: tuple[tuple[str, object], ...] = ()
    mailbox: str | None = None
    uidvalidity: int | None = None

    def __getitem__(self, name: str) -> object:
        (found,) = [value for one, value in self.data if one == name]
        return found

    def __contains__(self, name: str) -> bool:
        return any(one == name for one, _ in self.data)


@dataclass(frozen=True, slots=True)
class Batches:
    """UIDBATCHES (RFC 10022): highest and lowest UID of each batch."""

    tag: str
    bounds: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class FlagsLine:
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Exists:
    number: int


@dataclass(frozen=True, slots=True)
class Recent:
    number: int


@dataclass(frozen=True, slots=True)
class Expunge:
    number: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """VANISHED (RFC 7162 §3.2.10): closed ranges of UIDs, as they were told."""

    ranges: tuple[tuple[int, int], ...]
    earlier: bool = False

    @property
    def uids(self) -> list[int]:
        return [uid for low, high in self.ranges for uid in range(low, high + 1)]


@dataclass(frozen=True, slots=True)
class Enabled:
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class ServerId:
    """ID (RFC 2971): names in lower case; None for ``NIL``."""

    fields: tuple[tuple[str, bytes | None], ...] | None


@dataclass(frozen=True, slots=True)
class Namespace:
    """NAMESPACE (RFC 2342): pairs of prefix and delimiter for each class."""

    personal: tuple[tuple[str, str | None], ...]
    other: tuple[tuple[str, str | None], ...]
    shared: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Quota:
    """QUOTA (RFC 9208): usage and limit by resource."""

    root: str
    resources: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class QuotaRoots:
    """QUOTAROOT (RFC 9208): the names of a mailbox's roots."""

    mailbox: str
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AclLine:
    """ACL (RFC 4314): rights by identifier."""

    mailbox: str
    rights: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ListRightsLine:
    """LISTRIGHTS (RFC 4314): what an identifier always has, and may be given."""

    mailbox: str
    identifier: str
    always: str
    optional: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MyRightsLine:
    """MYRIGHTS (RFC 4314)."""

    mailbox: str
    rights: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """METADATA (RFC 5464): entries with their values, or names of what changed."""

    name: str
    values: Mapping[str, bytes | None] = field(default_factory=dict)
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH: the items of one message by their names as the server wrote them.

    FLAGS is a frozenset, UID and RFC822.SIZE int, INTERNALDATE an aware datetime,
    ENVELOPE an `Envelope`, BODY and BODYSTRUCTURE a `Body`, each section
    (``BODY[1.TEXT]<0>``, ``RFC822``) bytes or None. Names are in upper case, those
    of header fields as well.
    """

    number: int
    items: Mapping[str, object] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.number, *sorted(self.items)))

    @property
    def uid(self) -> int:
        return self.typed("UID", int)

    @property
    def size(self) -> int:
        return self.typed("RFC822.SIZE", int)

    @property
    def flags(self) -> frozenset[str]:
        return self.typed("FLAGS", frozenset)

    @property
    def internaldate(self) -> dt.datetime:
        return self.typed("INTERNALDATE", dt.datetime)

    @property
    def envelope(self) -> Envelope:
        return self.typed("ENVELOPE", Envelope)

    @property
    def structure(self) -> Body:
        """BODYSTRUCTURE. Raises `KeyError` as all of these do."""
        found = self.items["BODYSTRUCTURE"]
        assert isinstance(found, Part | Multipart)
        return found

    def section(self, name: str) -> bytes | None:
        """Give the content of ``BODY[1]``, ``RFC822.TEXT`` and the like."""
        found = self.items[name]
        assert found is None or isinstance(found, bytes)
        return found

    def typed(self, name: str, kind: type[T]) -> T:
        """Give an item as what it must be. Raises `KeyError` if it is absent."""
        found = self.items[name]
        assert isinstance(found, kind)
        return found


@dataclass(frozen=True, slots=True)
class UidFetch(Fetch):
    """UIDFETCH (RFC 9586): ``number`` is the UID."""


@dataclass(frozen=True, slots=True)
class Languages:
    """LANGUAGE (RFC 5255 §3.3)."""

    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignedUrls:
    """GENURLAUTH (RFC 4467 §9)."""

    urls: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class FetchedUrls:
    """URLFETCH: for each URL its forms with their values; a plain one has no name."""

    urls: tuple[tuple[bytes, tuple[tuple[str, object], ...]], ...]


Untagged: TypeAlias = (
    Status
    | Capabilities
    | ListLine
    | StatusLine
    | SearchResult
    | SortResult
    | Threads
    | ComparatorLine
    | Esearch
    | Batches
    | FlagsLine
    | Exists
    | Recent
    | Expunge
    | Vanished
    | Enabled
    | ServerId
    | Namespace
    | Metadata
    | AclLine
    | ListRightsLine
    | MyRightsLine
    | Quota
    | QuotaRoots
    | Languages
    | SignedUrls
    | FetchedUrls
    | Fetch
)
Response: TypeAlias = Untagged | Continuation
