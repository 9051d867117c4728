"""The other mailboxes that a message is in: read, and changed for many at once.

Copies share a message (`mailstore.index.copying`), so that its labels are the entries
that name it. To find them by the message wants an index of its own, which most accounts
never need: it is made when somebody first asks, and kept from then on.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailstore.errors import NotFound
from mailstore.index import flagblocks, mailboxes
from mailstore.index.copying import copy
from mailstore.index.database import Database
from mailstore.index.flags import store_flags
from mailstore.index.records import ChangedFlags, Delta
from mailstore.index.removal import Cause, expunge
from mailstore.index.selection import Selection
from mailstore.model import (
    Acting,
    Filing,
    FlagChange,
    How,
    Label,
    MailboxId,
    SpecialUse,
)
from mailstore.ranges import join
from mailstore.runs import ranges_of

_INDEX = "entry_message"


@dataclass(frozen=True, slots=True)
class Filed:
    """What was done; ``failed`` are UIDs that changed too late, ascending."""

    deltas: tuple[Delta, ...]
    made: bool  # some mailbox
    failed: Sequence[int]


# -- reading


def is_prepared(database: Database) -> bool:
    """Tell whether labels are found without a look at every entry."""
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?"
    return database.one(sql, (_INDEX,)) is not None


def prepare(database: Database) -> None:
    """Make the index; some milliseconds for 100,000 messages."""
    database.execute(f"CREATE INDEX IF NOT EXISTS {_INDEX} ON entry (message)")


def labels(
    database: Database, mailbox: MailboxId, messages: Sequence[int]
) -> dict[int, list[Label]]:
    """Give the other mailboxes that messages are in, by message, each once."""
    rows = database.all(
        "SELECT DISTINCT e.message, m.name, m.special_use FROM json_each(?) j"
        " CROSS JOIN entry e ON e.message = j.value JOIN mailbox m ON m.id = e.mailbox"
        " WHERE e.mailbox <> ? AND m.name IS NOT NULL ORDER BY m.name",
        (json.dumps(list(messages)), mailbox),
    )
    found: dict[int, list[Label]] = {}
    for message, name, use in rows:
        label = Label(name, None if use is None else SpecialUse(use))
        found.setdefault(message, []).append(label)
    return found


class LabelChanges:
    """Makes a change of labels a change of the message, where ``wanted`` says so.

    Who asks by mod-sequence for what has changed (CHANGEDSINCE) hears of other labels
    too, as Gmail does it: each time when a message comes to a mailbox, or leaves one,
    its other places get a new mod-sequence. In accounts where nobody has ever asked for
    labels nothing happens.
    """

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self._wanted = wanted
        self._prepared = False

    def follow(self, database: Database, deltas: Sequence[Delta]) -> list[Delta]:
        """Give what follows from a job's changes, inside its transaction."""
        moving = [delta for delta in deltas if delta.new or delta.vanished]
        if not moving or not self._wanted():
            return []
        self._prepared = self._prepared or is_prepared(database)
        if not self._prepared:
            return []
        elsewhere = _elsewhere(database, moving)
        return [_touch(database, MailboxId(m), elsewhere[m]) for m in sorted(elsewhere)]


def _elsewhere(database: Database, moving: Sequence[Delta]) -> dict[int, list[int]]:
    """Give, by mailbox, the UIDs of the other places of what has come or gone."""
    pairs: set[tuple[int, int]] = set()
    for delta in moving:
        pairs.update((row.message, delta.mailbox) for row in delta.new)
        if delta.vanished:
            rows = database.all(
                "SELECT message FROM expunged WHERE mailbox = ?"
                " AND modseq > ? AND modseq <= ?",
                (delta.mailbox, delta.base, delta.modseq),
            )
            pairs.update((row[0], delta.mailbox) for row in rows)
    new = {(delta.mailbox, row.uid) for delta in moving for row in delta.new}
    found: dict[int, list[int]] = {}
    for mailbox, uid in database.all(
        "SELECT DISTINCT e.mailbox, e.uid FROM json_each(?) j"
        " CROSS JOIN entry e ON e.message = j.value ->> 0"
        " WHERE e.mailbox <> j.value ->> 1",
        (json.dumps(list(pairs)),),
    ):
        if (mailbox, uid) not in new:
            found.setdefault(mailbox, []).append(uid)
    return found


def _touch(database: Database, mailbox: MailboxId, uids: Sequence[int]) -> Delta:
    delta = mailboxes.touch(database, mailbox)
    masks = flagblocks.touch(database, mailbox, uids, delta.modseq)
    return delta._replace(changed=ChangedFlags.of(masks))


def messages_in(database: Database, chosen: Sequence[MailboxId]) -> frozenset[int]:
    """Give the messages that are in any of some mailboxes."""
    rows = database.all(
        "SELECT message FROM entry WHERE mailbox IN (SELECT value FROM json_each(?))",
        (json.dumps(list(chosen)),),
    )
    return frozenset(row[0] for row in rows)


# -- changing


def file_messages(
    database: Database,
    mailbox: MailboxId,
    among: Selection,
    filing: Filing,
    now: int,
    most: int,
    *,
    me: str,
    by: Acting | None,
    unchanged_since: int | None,
    seen_at: int,
    apart: bool = False,
) -> Filed:
    """Put messages of a mailbox into others as well, and take them out of others.

    In the mailbox itself they stay, with flags that may change. Those that changed
    after ``unchanged_since`` are left alone. Mailboxes that are missing are made.
    ``apart`` is as for `mailstore.index.copying.copy`.
    Raises `NotFound` when the mailbox is gone, `TooMany`, `InvalidName`.
    """
    if mailboxes.mailbox_numbered(database, mailbox) is None:
        raise NotFound
    failed: list[int] = []
    if unchanged_since is not None:
        rows = flagblocks.flags(database, mailbox, among)
        failed = [uid for uid, _, modseq in rows if modseq > unchanged_since]
        left = [uid for uid, _, modseq in rows if modseq <= unchanged_since]
        among = Selection(tuple(join(left)))
    if not among:
        return Filed((), made=False, failed=failed)
    work = _Filing(database, mailbox, among, now, me, by)
    work.add(filing.add, most, apart=apart)
    work.remove(filing)
    for change in filing.flags:
        work.flag(change, seen_at)
    return Filed(tuple(work.deltas), made=work.made, failed=failed)


class _Filing:
    def __init__(
        self,
        database: Database,
        mailbox: MailboxId,
        among: Selection,
        now: int,
        me: str,
        by: Acting | None,
    ) -> None:
        self._database = database
        self._mailbox = mailbox
        self._among = among
        self._now = now
        self._me = me
        self._by = by
        self.deltas: list[Delta] = []
        self.made = False

    def add(self, names: Sequence[str], most: int, *, apart: bool) -> None:
        """Copy what is not there yet; of copies within the mailbox one is enough."""
        where, given = self._among.where(self._mailbox)
        for name in names:
            target = self._target(name, most)
            if target == self._mailbox:
                continue
            rows = self._database.all(
                f"SELECT min(uid) FROM entry WHERE {where} AND message NOT IN"
                " (SELECT message FROM entry WHERE mailbox = ?)"
                " GROUP BY message ORDER BY 1",
                (*given, target),
            )
            missing = Selection(ranges_of(array("I", [row[0] for row in rows])))
            if missing:
                done = copy(
                    self._database,
                    self._mailbox,
                    missing,
                    name,
                    self._now,
                    me=self._me,
                    by=self._by,
                    apart=apart,
                )
                self.deltas += done.deltas

    def _target(self, name: str, most: int) -> MailboxId:
        try:
            row = mailboxes.mailbox_named(self._database, name)
        except NotFound:
            row = None
        if row is None or not row.selectable:
            row = mailboxes.create(self._database, name, None, self._now, most)
            self.made = True
        return row.id

    def remove(self, filing: Filing) -> None:
        """Take the messages out of mailboxes: some, or all but some."""
        kept = mailboxes.ids_named(self._database, filing.add)
        chosen = list(mailboxes.ids_named(self._database, filing.remove).values())
        where, given = self._among.where(self._mailbox)
        if filing.only:
            rows = self._database.all(
                "SELECT DISTINCT mailbox FROM entry WHERE message IN"
                f" (SELECT message FROM entry WHERE {where}) ORDER BY mailbox",
                given,
            )
            chosen = [row[0] for row in rows if row[0] not in kept.values()]
        for one in chosen:
            if one == self._mailbox:
                continue
            rows = self._database.all(
                "SELECT uid FROM entry WHERE mailbox = ? AND message IN"
                f" (SELECT message FROM entry WHERE {where}) ORDER BY uid",
                (one, *given),
            )
            there = Selection(ranges_of(array("I", [row[0] for row in rows])))
            delta = None
            if there:
                delta = expunge(
                    self._database,
                    one,
                    there,
                    self._now,
                    deleted_only=False,
                    cause=Cause(How.EXPUNGED, self._by),
                )
            self.deltas += [delta] if delta is not None else []

    def flag(self, change: FlagChange, seen_at: int) -> None:
        """Change flags of the messages in the mailbox itself."""
        done = store_flags(
            self._database,
            self._mailbox,
            self._among,
            change,
            unchanged_since=None,
            seen_at=seen_at,
        )
        if done.delta.modseq != done.delta.base:
            self.deltas.append(done.delta)
