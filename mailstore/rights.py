"""Who may do what to a mailbox: rights, identifiers, and the one check (RFC 4314).

An access control list gives rights to identifiers. What a person may do is the union
of all that his identifiers were given, less all that was taken from them by negative
ones; what nobody gave is denied. The owner has every right until the list speaks of
him, and keeps `KEPT` whatever it says: he sees the mailbox and can put the list right.

It must not know where lists are kept, nor any command: `NEEDS` speaks of operations.
Pure values; an identifier's stored form is::

    anyone   authenticated   owner   user:<account id>   group:<key>
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from mailstore.errors import NotFound, NotPermitted
from mailstore.model import DELETED, SEEN, AccountId, FlagChange


class Right(enum.Flag):
    """The standard rights (RFC 4314 §2.1), and ``n``: to annotate messages."""

    __hash__ = object.__hash__  # as of `Operation`

    LOOKUP = enum.auto()
    READ = enum.auto()
    SEEN = enum.auto()
    WRITE = enum.auto()
    INSERT = enum.auto()
    POST = enum.auto()
    CREATE = enum.auto()
    DELETE_MAILBOX = enum.auto()
    DELETE_MESSAGES = enum.auto()
    EXPUNGE = enum.auto()
    ADMINISTER = enum.auto()
    ANNOTATE = enum.auto()


LETTERS: Mapping[str, Right] = dict(zip("lrswipkxtean", Right, strict=True))
"""Rights by their letters, in the order in which they are told."""

NONE = Right(0)
ALL = ~NONE
KEPT = Right.LOOKUP | Right.ADMINISTER
"""What an owner has whatever the list says (RFC 4314 §2: rights always granted)."""

# RFC 4314 §2.1.1: the first of its two readings, in which "c" deletes mailboxes too.
VIRTUAL: Mapping[str, Right] = {
    "c": Right.CREATE | Right.DELETE_MAILBOX,
    "d": Right.EXPUNGE | Right.DELETE_MESSAGES,
}
"""Rights of older clients that stand for several ones."""


class UnknownRight(ValueError):
    """A letter is no right; the text says which."""


def parse_rights(letters: str) -> Right:
    """Read rights as a client writes them, virtual ones too. Raises `UnknownRight`."""
    found = NONE
    for letter in letters:
        right = LETTERS.get(letter) or VIRTUAL.get(letter)
        if right is None:
            raise UnknownRight(letter)
        found |= right
    return found


@cache
def write_rights(rights: Right, *, virtual: bool = False) -> str:
    """Write rights in their order; with ``virtual`` "c" and "d" where they belong.

    Remembered: a flag's arithmetic is Python, and MYRIGHTS of a thousand names asks for
    the same few sets; there are no more than 8,192.
    """
    text = "".join([letter for letter, right in LETTERS.items() if right & rights])
    if virtual:
        text += "".join([letter for letter, any_ in VIRTUAL.items() if any_ & rights])
    return text


# -- identifiers

ANYONE = "anyone"
AUTHENTICATED = "authenticated"
OWNER = "owner"
NEGATIVE = "-"
_USER, _GROUP = "user:", "group:"


def of_user(account: AccountId) -> str:
    """Give the identifier of an account."""
    return _USER + account


def of_group(key: str) -> str:
    """Give the identifier of a group, by the form in which its name is compared."""
    return _GROUP + key


def user_of(identifier: str) -> AccountId | None:
    """Give the account that an identifier means, None if it means something else."""
    if not identifier.startswith(_USER):
        return None
    return AccountId(identifier.removeprefix(_USER))


def group_of(identifier: str) -> str | None:
    """Give the key of the group that an identifier means, None if it is no group."""
    if not identifier.startswith(_GROUP):
        return None
    return identifier.removeprefix(_GROUP)


@dataclass(frozen=True, slots=True)
class Grant:
    """One entry of a list: ``rights`` are given, or with ``negative`` taken."""

    identifier: str
    rights: Right
    negative: bool = False

    @property
    def key(self) -> str:
        """The identifier with its dash, if any: unique in a list."""
        return NEGATIVE + self.identifier if self.negative else self.identifier

    @classmethod
    def of(cls, key: str, rights: Right) -> Grant:
        """Read what `key` wrote."""
        negative = key.startswith(NEGATIVE)
        return cls(key.removeprefix(NEGATIVE), rights, negative)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who wants to do something, and the groups that he is in.

    ``admin``: he runs the server, and is an owner of what no person owns.
    """

    account: AccountId
    groups: frozenset[str] = frozenset()
    admin: bool = False

    @property
    def identifiers(self) -> frozenset[str]:
        """All that a list may call him, whoever the owner is."""
        groups = map(of_group, self.groups)
        return frozenset({ANYONE, AUTHENTICATED, of_user(self.account), *groups})

    def owns(self, owner: AccountId, *, public: bool) -> bool:
        """Tell whether an owner's mailboxes are his."""
        return self.admin if public else self.account == owner


Acl = Sequence[Grant]


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Somebody's rights, and which entries of the list made them so."""

    rights: Right
    given: tuple[Grant, ...] = ()
    taken: tuple[Grant, ...] = ()
    by_default: bool = False  # an owner of whom the list doesn't speak
    kept: Right = field(default=NONE)  # what an owner has though it was taken


def reckon(acl: Acl, identifiers: Iterable[str], *, owns: bool) -> Reckoning:
    """Work out the rights of who has these identifiers."""
    mine = {*identifiers, OWNER} if owns else set(identifiers)
    given = tuple([g for g in acl if not g.negative and g.identifier in mine])
    taken = tuple([g for g in acl if g.negative and g.identifier in mine])
    rights = NONE
    for grant in given:
        rights |= grant.rights
    # As one of all, or of a group, he isn't spoken of: else sharing with anyone would
    # take from the owner what he doesn't give to all.
    spoken = any(g.identifier == OWNER or user_of(g.identifier) for g in given)
    by_default = owns and not spoken
    if by_default:
        rights = ALL
    for grant in taken:
        rights &= ~grant.rights
    kept = KEPT & ~rights if owns else NONE
    return Reckoning(rights | kept, given, taken, by_default, kept)


# -- operations


class Operation(enum.Enum):
    """What can be done to a mailbox that exists."""

    # Each is there once: no need to hash its name, in Python, for each look-up.
    __hash__ = object.__hash__

    SEE = "LIST, SUBSCRIBE"
    MAKE_BELOW = "CREATE and RENAME, of the nearest superior mailbox that exists"
    REMOVE = "DELETE, RENAME of the mailbox itself"
    READ = "SELECT, EXAMINE, STATUS, and all that reads messages"
    INSERT = "APPEND, COPY, of the target"
    MOVE_OUT = "MOVE and REPLACE, of the source"
    EXPUNGE = "EXPUNGE"
    SET_FLAGS = "STORE of any flag; which ones, `settable_mask` tells"
    ANNOTATE = "GETMETADATA and SETMETADATA"
    ANNOTATE_ALL = "SETMETADATA of shared entries"
    ANNOTATE_MESSAGES = "STORE and APPEND of shared annotations"
    KNOW_OWN_RIGHTS = "MYRIGHTS"
    ADMINISTER = "SETACL, DELETEACL, GETACL, LISTRIGHTS, RESETKEY"


@dataclass(frozen=True, slots=True)
class Need:
    """All of some rights, and one at least of others, if there are any."""

    all: Right = NONE
    any: Right = NONE

    def met(self, rights: Right) -> bool:
        """Tell whether rights are enough."""
        if rights is ALL:
            return True  # as an owner has them, nearly always
        # By their numbers: Python's flags take a microsecond for each "&".
        have, wanted = rights._value_, self.all._value_
        if have & wanted != wanted:
            return False
        some = self.any._value_
        return not some or have & some != 0


_FLAGS = Right.SEEN | Right.WRITE | Right.DELETE_MESSAGES
# By its number: Python's flags take a microsecond for each "&".
_CHANGING = (_FLAGS | Right.INSERT | Right.EXPUNGE).value

NEEDS: Mapping[Operation, Need] = {
    # RFC 4314 §4, one line for each operation.
    Operation.SEE: Need(Right.LOOKUP),
    Operation.MAKE_BELOW: Need(Right.CREATE),
    Operation.REMOVE: Need(Right.DELETE_MAILBOX),
    Operation.READ: Need(Right.READ),
    Operation.INSERT: Need(Right.INSERT),
    # RFC 6851 §4.2, RFC 8508 §4.1: as COPY, STORE of \Deleted and EXPUNGE.
    Operation.MOVE_OUT: Need(Right.READ | Right.DELETE_MESSAGES | Right.EXPUNGE),
    Operation.EXPUNGE: Need(Right.EXPUNGE),
    Operation.SET_FLAGS: Need(any=_FLAGS),
    # RFC 5464 §3.3. What all see is changed by who may change what all see.
    Operation.ANNOTATE: Need(
        Right.LOOKUP,
        Right.READ | Right.SEEN | Right.WRITE | Right.INSERT | Right.POST,
    ),
    Operation.ANNOTATE_ALL: Need(Right.LOOKUP | Right.WRITE),
    Operation.ANNOTATE_MESSAGES: Need(Right.ANNOTATE),  # RFC 5257 §4.10
    Operation.KNOW_OWN_RIGHTS: Need(
        any=Right.LOOKUP
        | Right.READ
        | Right.INSERT
        | Right.CREATE
        | Right.DELETE_MAILBOX
        | Right.ADMINISTER
    ),
    Operation.ADMINISTER: Need(Right.ADMINISTER),
}
"""What each operation needs. The only such table."""


def check(rights: Right, operation: Operation) -> None:
    """Refuse what rights are not enough for.

    Raises `NotPermitted`; or `NotFound`, as if there were no mailbox, to who may not
    even know of it (RFC 4314 §6).
    """
    if NEEDS[operation].met(rights):
        return
    if rights & Right.LOOKUP:
        raise NotPermitted
    raise NotFound


@cache
def changes_nothing(rights: Right) -> bool:
    """Tell whether a mailbox is READ-ONLY for who has these rights (§5.2)."""
    return not rights._value_ & _CHANGING


@cache
def settable_mask(rights: Right) -> int:
    """Give the flags that may be set and cleared, as a mask; -1 means all (§4)."""
    mask = 0
    if rights & Right.WRITE:
        mask = ~(SEEN | DELETED)
    if rights & Right.SEEN:
        mask |= SEEN
    if rights & Right.DELETE_MESSAGES:
        mask |= DELETED
    return mask


def allowed_change(change: FlagChange, rights: Right) -> FlagChange:
    """Give what of a change may be done. Raises `NotPermitted` if nothing may (§4)."""
    if rights is ALL:
        return change
    allowed = tuple([flag for flag in change.flags if may_set(rights, flag)])
    if change.flags and not allowed:
        raise NotPermitted
    return FlagChange(change.operation, allowed)


def may_set(rights: Right, flag: str) -> bool:
    """Tell whether one flag may be set and cleared (§4)."""
    match flag.lower():
        case "\\seen":
            return bool(rights & Right.SEEN)
        case "\\deleted":
            return bool(rights & Right.DELETE_MESSAGES)
        case _:
            return bool(rights & Right.WRITE)
