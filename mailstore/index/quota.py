"""Quota: how much an account, or a part of it, may hold (RFC 9208).

What is used is the sum of counters that the mailboxes' rows have anyhow, and that
`mailstore.index.audit` proves: no counter of its own can go wrong. `Bounds` compares
before and after any piece of writing, inside its transaction, so that limits hold
whoever writes and by whatever process; what takes nothing more is never refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple

from mailstore.errors import NotFound, OverQuota
from mailstore.index.database import Database
from mailstore.model import DELIMITER, MailboxId
from mailstore.quotas import QuotaLimits, QuotaRoot, QuotaUsage, Resource

ACCOUNT = ""  # the root that covers all of an account
_SUMS = (
    "SELECT coalesce(sum(bytes), 0), coalesce(sum(messages), 0),"
    " coalesce(sum(selectable), 0), coalesce(sum(annotations), 0) FROM mailbox"
)


_UNLIMITED = nullcontext()

Limits = Mapping[str, tuple[QuotaLimits, bool]]
"""The limits by the name at the top of a root, and whether they were chosen for it."""


class KnownLimits:
    """The limits as one connection knows them.

    They are read again when another connection has committed, which ``version``
    tells, or after `forget`.
    """

    def __init__(
        self,
        default: Callable[[], QuotaLimits],
        version: Callable[[Database], int] = Database.data_version,
    ) -> None:
        self._default = default
        self._version_of = version
        self._chosen: Limits = {}
        self._version: tuple[Database, int] | None = None

    def forget(self) -> None:
        """Read them again: this connection has changed them, or has tried to."""
        self._version = None

    def default(self) -> Limits:
        """Give the limits of who has none of his own."""
        return {ACCOUNT: (self._default(), False)}

    def of(self, database: Database) -> Limits:
        """Give the limits, the account's own first."""
        version = (database, self._version_of(database))
        if version != self._version:
            self._chosen, self._version = _read(database), version
        return {ACCOUNT: (self._default(), False), **self._chosen}


def _read(database: Database) -> Limits:
    rows = database.all(
        "SELECT top, storage, message, mailbox, annotation_storage FROM quota"
        " ORDER BY top"
    )
    return {top: (QuotaLimits(*limits), True) for top, *limits in rows}


def roots(database: Database, limits: Limits, name: str | None) -> list[QuotaRoot]:
    """Give roots with their usage, that of the account first.

    All of them, or those that cover a mailbox of some name.
    """
    return [
        QuotaRoot(top, of_top, usage(database, top), chosen)
        for top, (of_top, chosen) in limits.items()
        if name is None or covers(top, name)
    ]


def covers(top: str, name: str) -> bool:
    """Tell whether a mailbox of that name counts in the root of a top."""
    return not top or name == top or name.startswith(top + DELIMITER)


def usage(database: Database, top: str) -> QuotaUsage:
    """Sum up the mailboxes at and below a name; all of them for the empty one."""
    if top == ACCOUNT:
        row = database.one(f"{_SUMS} WHERE name IS NOT NULL")
    else:
        # "0" is the character after "/": a range that an index serves, without LIKE.
        first, after = top + DELIMITER, top + chr(ord(DELIMITER) + 1)
        row = database.one(
            f"{_SUMS} WHERE name = ? OR (name >= ? AND name < ?)", (top, first, after)
        )
    return QuotaUsage(*row) if row else QuotaUsage()


def set_limits(database: Database, top: str, limits: QuotaLimits) -> None:
    """Give a root its limits, instead of those it had.

    A part of an account that has no limit is no root any more.
    """
    if top != ACCOUNT and not limits.limited:
        database.execute("DELETE FROM quota WHERE top = ?", (top,))
        return
    database.execute(
        "INSERT INTO quota (top, storage, message, mailbox, annotation_storage)"
        " VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (top) DO UPDATE SET storage = excluded.storage,"
        " message = excluded.message, mailbox = excluded.mailbox,"
        " annotation_storage = excluded.annotation_storage",
        (top, *[limits.of(one) for one in Resource]),
    )


def unset(database: Database, top: str) -> None:
    """Forget a root; that of the account has the default again. Raises `NotFound`."""
    gone = database.all("DELETE FROM quota WHERE top = ? RETURNING top", (top,))
    if not gone:
        raise NotFound("no limits were set there")


class Coming(NamedTuple):
    """A message on its way to a mailbox, and ``waiting`` octets of others before it.

    ``instead_of`` is the mailbox and UID of one that goes at the same moment.
    """

    name: str
    octets: int
    waiting: int = 0
    instead_of: tuple[MailboxId, int] | None = None


def check_room(database: Database, limits: Limits, coming: Coming) -> None:
    """Refuse what would be too much for a mailbox. Raises `OverQuota`."""
    octets = coming.octets + coming.waiting
    source, freed = _going(database, coming.instead_of)
    for root in roots(database, limited(limits), coming.name):
        same = source is not None and covers(root.top, source)
        after = root.usage.plus(octets - (freed if same else 0), 0 if same else 1)
        _compare(root, after)


def limited(limits: Limits) -> Limits:
    """Give the roots that have a limit."""
    return {top: value for top, value in limits.items() if value[0].limited}


def _going(
    database: Database, which: tuple[MailboxId, int] | None
) -> tuple[str | None, int]:
    """Give the mailbox's name and the size of a message that goes."""
    row = None
    if which is not None:
        row = database.one(
            "SELECT m.name, e.size FROM entry e JOIN mailbox m ON m.id = e.mailbox"
            " WHERE e.mailbox = ? AND e.uid = ?",
            which,
        )
    return (None, 0) if row is None else (row[0], row[1])


class Bounds:
    """Holds an account's limits around each piece of writing of one connection.

    Who has none pays for no statement. ``read`` is for another connection, which reads;
    ``version`` tells whether others than that one have committed something.
    """

    def __init__(
        self,
        default: Callable[[], QuotaLimits],
        version: Callable[[Database], int] = Database.data_version,
    ) -> None:
        self.read = KnownLimits(default, version)
        self._known = KnownLimits(default, Database.others_version)
        self.limited = True  # at the last change there was a limit

    def forget(self) -> None:
        """Read the limits again: this connection has changed them, or has tried to."""
        self._known.forget()

    def around(self, database: Database) -> AbstractContextManager[None]:
        """Raise `OverQuota` behind a block that made a root hold more than it may.

        Who was over a limit before may go on with all that doesn't grow.
        """
        limits = limited(self._known.of(database))
        self.limited = bool(limits)
        return self._hold(database, limits) if limits else _UNLIMITED

    @contextmanager
    def _hold(self, database: Database, limits: Limits) -> Iterator[None]:
        before = roots(database, limits, None)
        yield
        for root in before:
            _compare(root, usage(database, root.top))


def _compare(root: QuotaRoot, after: QuotaUsage) -> None:
    for resource in root.limits.limited:
        used, most = after.of(resource), root.limits.of(resource)
        if most is not None and used > most and _grew(root.usage, after, resource):
            raise OverQuota(
                f"that is more than the quota allows ({resource.value})",
                detail=f"{root.top or 'account'}: {used} of {most}",
            )


def _grew(before: QuotaUsage, after: QuotaUsage, resource: Resource) -> bool:
    # By octets: units are rounded.
    if resource is Resource.STORAGE:
        return after.octets > before.octets
    if resource is Resource.ANNOTATION_STORAGE:
        return after.annotation_octets > before.annotation_octets
    return after.of(resource) > before.of(resource)
