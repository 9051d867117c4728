"""A mailbox in two states of an index: what a restore compares, and carries over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from mailstore.index import acl, flagblocks, mailboxes, metadata, values
from mailstore.index.database import Database
from mailstore.model import InternalDate, MailboxId, SpecialUse
from mailstore.ranges import Range
from mailstore.rights import parse_rights


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a mailbox, and what tells it from others: its digest.

    ``has_flags`` is not so where they are damaged: the mask is 0 then.
    """

    uid: int
    mask: int
    date: InternalDate
    size: int
    digest: bytes
    has_flags: bool = True


@dataclass(frozen=True, slots=True)
class WantedMessages:
    """Which messages are meant; what is not said: whatever it is.

    By UID, by Message-ID with its angle brackets, by INTERNALDATE.
    """

    uids: Sequence[Range] = ()
    message_id: bytes | None = None
    since: int | None = None
    until: int | None = None

    @property
    def all(self) -> bool:
        """Whether every message is meant."""
        given = (self.message_id, self.since, self.until)
        return not self.uids and all(one is None for one in given)


EVERY = WantedMessages()


def messages(
    database: Database,
    mailbox: MailboxId,
    wanted: WantedMessages = EVERY,
    *,
    flags_may_lack: bool = False,
) -> list[Message]:
    """Give the messages of a mailbox that are meant, ascending by UID.

    If ``flags_may_lack``, without those flags that are damaged; else raises `Corrupt`.
    """
    found = database.all(
        "SELECT e.uid, e.internaldate, e.zone, e.size, m.digest"
        " FROM entry e JOIN message m ON m.id = e.message WHERE e.mailbox = ?1"
        " AND (?2 IS NULL OR m.message_id = ?2) AND (?3 IS NULL OR"
        " e.internaldate >= ?3) AND (?4 IS NULL OR e.internaldate < ?4)"
        " ORDER BY e.uid",
        (mailbox, wanted.message_id, wanted.since, wanted.until),
    )
    if flags_may_lack:
        blocks = flagblocks.readable(database, mailbox)
        masks = {uid: mask for one in blocks for uid, mask, _ in one.rows()}
    else:
        masks = flagblocks.masks(database, mailbox)
    return [
        Message(
            uid,
            masks.get(uid, 0),
            values.date_of(epoch, zone),
            size if isinstance(size, int) else 0,
            digest,
            has_flags=uid in masks,
        )
        for uid, epoch, zone, size, digest in found
        if not wanted.uids or any(low <= uid <= high for low, high in wanted.uids)
    ]


def selectable(database: Database) -> dict[str, MailboxId]:
    """Give the mailboxes that can have messages, by name."""
    return {row.name: row.id for row in mailboxes.mailboxes(database) if row.selectable}


@dataclass(frozen=True, slots=True)
class Character:
    """What a mailbox has beside its messages: use, annotations, rights."""

    use: SpecialUse | None
    annotations: Sequence[tuple[Any, ...]]  # owner, entry, name, value
    rights: Sequence[tuple[str, str]]

    @property
    def identifiers(self) -> set[str]:
        """Whom its list of rights names."""
        return {key for key, _ in self.rights}

    def of_another(self, owner: str, other: str) -> Character:
        """Give what of it may come to another account: what is the owner's own.

        Not the rights: those whom one person lets in are not let in by the other. Nor
        what these guests had noted for themselves.
        """
        mine = {"": "", owner: other}
        return Character(
            self.use,
            [(mine[key], *rest) for key, *rest in self.annotations if key in mine],
            (),
        )


def character(database: Database, mailbox: MailboxId) -> Character:
    """Give what a mailbox has beside its messages."""
    row = mailboxes.mailbox_numbered(database, mailbox)
    return Character(
        None if row is None else row.special_use,
        database.all(
            "SELECT owner, entry, name, value FROM metadata WHERE mailbox = ?"
            " AND value IS NOT NULL",
            (mailbox,),
        ),
        database.all(
            "SELECT identifier, rights FROM acl WHERE mailbox = ?", (mailbox,)
        ),
    )


def rights_since(
    database: Database, mailbox: MailboxId, uidvalidity: int
) -> Sequence[tuple[str, str]] | None:
    """Give the rights of a mailbox that has, or had, this id and UIDVALIDITY.

    It may be called otherwise now, or be deleted. None when nothing is known of it.
    """
    values = (mailbox, uidvalidity)
    known = database.one(
        "SELECT 1 FROM mailbox WHERE id = ? AND uidvalidity = ?", values
    )
    if known is None:
        return None
    return database.all(
        "SELECT identifier, rights FROM acl WHERE mailbox = ?", (mailbox,)
    )


def give(database: Database, mailbox: MailboxId, what: Character, now: int) -> None:
    """Give a new mailbox what another one had; a use only if no other has it."""
    version = metadata.last_version(database) + 1
    database.many(
        "INSERT OR IGNORE INTO metadata (mailbox, owner, entry, name, value, version,"
        " changed) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(mailbox, *row, version, now) for row in what.annotations],
    )
    taken = database.one(
        "SELECT 1 FROM mailbox WHERE special_use = ? AND name IS NOT NULL",
        (what.use and what.use.value,),
    )
    if what.use is not None and not taken:
        mailboxes.set_special_use(database, mailbox, what.use)
    for key, letters in what.rights:
        acl.put(database, mailbox, key, parse_rights(letters))


def subscriptions_to_change(
    database: Database, wanted: Collection[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Give the names to subscribe to, and those not to, for what is wanted."""
    there = mailboxes.subscriptions(database)
    return frozenset(wanted) - there, there - frozenset(wanted)
