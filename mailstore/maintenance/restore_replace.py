"""`imapd restore --replace`: an account that is there, as it was at a point.

What is missing is brought in before anything goes. What goes is removed as its owner
would remove it, so that undelete has it for as long as the store keeps removed mail.
A message that stays keeps its UID. Somebody may be asked between `Replacement.surplus`
and `Replacement.apply`, for as long as that takes: a mailbox that is another by then is
passed over. It must not know how much of this is wanted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailstore.errors import HasChildren, NotFound
from mailstore.index import comparing, entries, mailboxes
from mailstore.index.comparing import Message
from mailstore.index.database import Database
from mailstore.index.records import MailboxRow
from mailstore.index.removal import Cause, expunge
from mailstore.index.selection import Selection
from mailstore.maintenance.restore_mail import MailRestore, flags_of
from mailstore.model import (
    DELIMITER,
    INBOX,
    FlagChange,
    FlagOperation,
    How,
    MailboxId,
)
from mailstore.ranges import join
from mailstore.writer import Outcome

_AT_ONCE = 1_000  # messages


@dataclass(slots=True)
class Surplus:
    """What an account has that it had not: by mailbox, and whole mailboxes.

    ``bare`` counts messages that keep their flags, since the point's are damaged.
    ``rows`` are the mailboxes that had these names when it was found; ``passed`` those
    that were others when it was to go, and of which nothing went.
    """

    uids: dict[str, list[int]]
    flags: dict[str, dict[tuple[str, ...], list[int]]]
    mailboxes: list[str]
    rows: dict[str, MailboxRow] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)
    bare: int = 0
    subscribe: frozenset[str] = frozenset()
    unsubscribe: frozenset[str] = frozenset()

    @property
    def messages(self) -> int:
        """How many messages would go, those of whole mailboxes not counted."""
        return sum(len(uids) for uids in self.uids.values())

    @property
    def changed(self) -> int:
        """How many messages would get other flags."""
        return sum(
            len(uids) for groups in self.flags.values() for uids in groups.values()
        )

    def pass_over(self, name: str) -> None:
        """Leave a mailbox alone."""
        self.uids.pop(name, None)
        self.flags.pop(name, None)
        if name in self.mailboxes:
            self.mailboxes.remove(name)
        if name not in self.passed:
            self.passed.append(name)


class Replacement:
    """Takes from an account what a point has not."""

    def __init__(self, restore: MailRestore) -> None:
        self._restore = restore
        self._account = restore.account

    def surplus(self) -> Surplus:
        """Find what is to go and to change, beside what is missing."""
        index = self._restore.index
        with self._account.readers.take() as live, live.snapshot():
            before, now = comparing.selectable(index), comparing.selectable(live)
            found = Surplus({}, {}, [])
            for name in sorted(now.keys() & before.keys()):
                self._compare(found, name, live, now[name], before[name])
            for name in sorted(now.keys() - before.keys()):
                if name == INBOX:
                    some = comparing.messages(live, now[name])
                    found.uids[name] = [one.uid for one in some]
            was = {row.name for row in mailboxes.mailboxes(index)}
            found.rows = {row.name: row for row in mailboxes.mailboxes(live)}
            names = found.rows.keys() - {INBOX}
            found.mailboxes = sorted(names - was, key=_depth, reverse=True)
            found.subscribe, found.unsubscribe = comparing.subscriptions_to_change(
                live, mailboxes.subscriptions(index)
            )
        return found

    def _compare(
        self,
        found: Surplus,
        name: str,
        live: Database,
        mailbox: MailboxId,
        source: MailboxId,
    ) -> None:
        index = self._restore.index
        names = entries.keywords(index, source)
        own = entries.keywords(live, mailbox)
        wanted: dict[bytes, list[Message]] = defaultdict(list)
        then = comparing.messages(index, source, flags_may_lack=True)
        for one in reversed(then):
            wanted[one.digest].append(one)  # the first is taken first
        gone: list[int] = []
        flags: dict[tuple[str, ...], list[int]] = {}
        for one in comparing.messages(live, mailbox):
            if not wanted[one.digest]:
                gone.append(one.uid)
                continue
            was = wanted[one.digest].pop()
            if not was.has_flags:
                found.bare += 1
                continue
            to_be = flags_of(was.mask, names)
            if _differ(to_be, flags_of(one.mask, own)):
                flags.setdefault(tuple(to_be), []).append(one.uid)
        if gone:
            found.uids[name] = gone
        if flags:
            found.flags[name] = flags

    async def apply(self, surplus: Surplus) -> None:
        """Remove and change it. Raises `Unavailable`, `TooMany`."""
        account = self._account
        for name, groups in list(surplus.flags.items()):
            if not await self._set_flags(surplus.rows[name], groups):
                surplus.pass_over(name)
        for name, uids in list(surplus.uids.items()):
            for at in range(0, len(uids), _AT_ONCE):
                some = uids[at : at + _AT_ONCE]
                if not await self._remove(surplus.rows[name], some):
                    surplus.pass_over(name)
                    break
        for name in list(surplus.mailboxes):
            if not await self._delete(surplus.rows[name]):
                surplus.pass_over(name)
        for name in sorted(surplus.subscribe):
            await account.subscribe(name, elsewhere=True)
        for name in sorted(surplus.unsubscribe):
            await account.unsubscribe(name)

    async def _set_flags(
        self, row: MailboxRow, groups: dict[tuple[str, ...], list[int]]
    ) -> bool:
        """Set flags; tells whether the mailbox is the one that was looked at."""
        try:
            mailbox = await self._account.open(row.name)
        except NotFound:
            return False
        try:
            if (mailbox.id, mailbox.uidvalidity) != (row.id, row.uidvalidity):
                return False
            for flags, uids in groups.items():
                change = FlagChange(FlagOperation.REPLACE, flags)
                await mailbox.store_flags(uids, change, seen_at=0)
        except NotFound:
            return False  # was deleted meanwhile
        finally:
            await mailbox.close()
        return True

    async def _remove(self, row: MailboxRow, uids: Sequence[int]) -> bool:
        among, now = Selection(tuple(join(uids))), self._account.now()
        cause = Cause(How.EXPUNGED)

        def work(database: Database) -> Outcome[bool]:
            if not _is_still(database, row):
                return Outcome(False)
            gone = expunge(
                database, row.id, among, now, deleted_only=False, cause=cause
            )
            return Outcome(True, () if gone is None else (gone,))

        return await self._account.lane.write(work, bounded=False)

    async def _delete(self, row: MailboxRow) -> bool:
        """Delete a mailbox, unless it is another or has got mail since."""
        now = self._account.now()

        def work(database: Database) -> Outcome[bool]:
            if not _is_still(database, row):
                # A bare name goes with the last mailbox below it.
                return Outcome(not row.selectable)
            if mailboxes.mailbox_named(database, row.name).uidnext != row.uidnext:
                return Outcome(False)
            try:
                delta = mailboxes.delete(database, row.name, now)
            except HasChildren:
                return Outcome(False)  # it came to have one, or one was passed over
            return Outcome(True, (delta,), names_changed=True)

        return await self._account.lane.write(work, bounded=False)


def _is_still(database: Database, row: MailboxRow) -> bool:
    """Tell whether the mailbox of that name is the one that had it."""
    now = mailboxes.mailbox_numbered(database, row.id)
    return now is not None and (now.name, now.uidvalidity) == (
        row.name,
        row.uidvalidity,
    )


def _depth(name: str) -> tuple[int, str]:
    return name.count(DELIMITER), name


def _differ(one: Sequence[str], other: Sequence[str]) -> bool:
    """Compare flags; keywords have no case."""
    return {flag.upper() for flag in one} != {flag.upper() for flag in other}
