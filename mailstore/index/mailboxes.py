"""Mailboxes and subscriptions as rows: names, UIDVALIDITY, counters.

Hierarchy is in the names alone (`mailstore.model.DELIMITER`); INBOX is stored in
capitals. Ids and UIDVALIDITY values are never given twice (RFC 3501 §2.3.1.1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mailstore.errors import (
    AlreadyExists,
    HasChildren,
    InvalidName,
    NotFound,
    NotPermitted,
    TooMany,
)
from mailstore.index import acl, flagblocks
from mailstore.index.database import Database
from mailstore.index.records import Delta, MailboxRow
from mailstore.index.removal import bury, note_remover
from mailstore.model import (
    DEFAULT_MAILBOXES,
    DELETED,
    DELIMITER,
    INBOX,
    Acting,
    MailboxCounts,
    MailboxId,
    SpecialUse,
)

_COLUMNS = (
    "id, name, selectable, special_use, uidvalidity, uidnext, highestmodseq,"
    " messages, unseen, deleted, bytes, recent_from"
)

_COUNTS = "id, uidvalidity, uidnext, highestmodseq, messages, unseen"
_THERE = "name IS NOT NULL AND selectable"


NAME = 1
"""Where the name is among a row's values as they were read."""


def row_of(values: tuple[Any, ...]) -> MailboxRow:
    """Make a row of its values as they were read."""
    id_, name, selectable, use, *rest = values
    return MailboxRow(
        MailboxId(id_), name, bool(selectable), SpecialUse(use) if use else None, *rest
    )


def names_version(database: Database) -> int:
    """Give the number that grows whenever the list of names changes.

    It grows too when a repair writes anew what follows from a message's octets.
    """
    row = database.one("SELECT names_version FROM account")
    return int(row[0]) if row else 0


def versions(
    database: Database, mailbox: MailboxId | None = None
) -> tuple[int, int, int, int | None]:
    """Give `names_version`, that of the lists of rights, and the number of quotas.

    And by the same statement the `highestmodseq` of a mailbox, None without one.
    """
    row = database.one(
        "SELECT names_version, acl_version, (SELECT count(*) FROM quota),"
        " (SELECT highestmodseq FROM mailbox WHERE id = ?) FROM account",
        (mailbox,),
    )
    return row or (0, 0, 0, None)


def mailboxes(database: Database) -> list[MailboxRow]:
    """Give all mailboxes, in no order."""
    sql = f"SELECT {_COLUMNS} FROM mailbox WHERE name IS NOT NULL"
    return [row_of(values) for values in database.all(sql)]


def names(
    database: Database,
) -> list[tuple[MailboxId, str, bool, SpecialUse | None]]:
    """Give (id, name, selectable, special use) of all mailboxes, in no order."""
    sql = "SELECT id, name, selectable, special_use FROM mailbox WHERE name IS NOT NULL"
    return [
        (MailboxId(id_), name, bool(selectable), SpecialUse(use) if use else None)
        for id_, name, selectable, use in database.all(sql)
    ]


def subscriptions(database: Database) -> frozenset[str]:
    """Give all subscribed names, also those of mailboxes that are gone."""
    return frozenset(row[0] for row in database.all("SELECT name FROM subscription"))


def mailbox_named(database: Database, name: str) -> MailboxRow:
    """Give one mailbox. Raises `NotFound`."""
    sql = f"SELECT {_COLUMNS} FROM mailbox WHERE name = ?"
    values = database.one(sql, (name,))
    if values is None:
        raise NotFound
    return row_of(values)


def mailboxes_named(database: Database, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Give the mailboxes among these names that can be selected, in no order.

    As values, that are seldom more than compared: `row_of` makes a row of them.
    """
    sql = (
        f"SELECT {_COLUMNS} FROM mailbox"
        " WHERE name IN (SELECT value FROM json_each(?)) AND selectable"
    )
    return database.all(sql, (json.dumps(list(names)),))


def mailboxes_from(database: Database, name: str, most: int) -> list[tuple[Any, ...]]:
    """Give mailboxes that can be selected, in the order of their names' octets.

    The first is that of ``name``, or of the next name behind it; as values, like
    `mailboxes_named`.
    """
    sql = (
        f"SELECT {_COLUMNS} FROM mailbox WHERE name >= ? AND selectable"
        " ORDER BY name LIMIT ?"
    )
    return database.all(sql, (name, most))


def named_like(database: Database, name: str) -> str | None:
    """Give the one mailbox of that name, or the only one that differs in ASCII case."""
    rows = database.all(
        f"SELECT name FROM mailbox WHERE lower(name) = lower(?) AND {_THERE}", (name,)
    )
    found = [row[0] for row in rows]
    if name in found:
        return name
    return found[0] if len(found) == 1 else None


def ids_named(database: Database, names: Sequence[str]) -> dict[str, MailboxId]:
    """Give, by name, the mailboxes that exist, bare names among them."""
    rows = database.all(
        "SELECT name, id FROM mailbox WHERE name IN (SELECT value FROM json_each(?))",
        (json.dumps(list(names)),),
    )
    return {name: MailboxId(id_) for name, id_ in rows}


def special_uses(
    database: Database, ids: Sequence[MailboxId]
) -> dict[MailboxId, SpecialUse]:
    """Give the special uses of those mailboxes that have one."""
    rows = database.all(
        "SELECT id, special_use FROM mailbox WHERE special_use IS NOT NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    )
    return {MailboxId(id_): SpecialUse(use) for id_, use in rows}


def mailbox_numbered(database: Database, mailbox: MailboxId) -> MailboxRow | None:
    """Give one mailbox, None when it was deleted."""
    sql = f"SELECT {_COLUMNS} FROM mailbox WHERE id = ? AND name IS NOT NULL"
    values = database.one(sql, (mailbox,))
    return None if values is None else row_of(values)


def highestmodseq(database: Database, mailbox: MailboxId) -> int | None:
    """Give a mailbox's mod-sequence, also after its deletion; None when purged."""
    row = database.one("SELECT highestmodseq FROM mailbox WHERE id = ?", (mailbox,))
    return None if row is None else int(row[0])


def counts(database: Database, mailbox: MailboxId) -> MailboxCounts | None:
    """Give a mailbox's counters, None when it was deleted or is a bare name."""
    sql = f"SELECT {_COUNTS} FROM mailbox WHERE id = ? AND {_THERE}"
    values = database.one(sql, (mailbox,))
    return None if values is None else MailboxCounts(*values)


def all_counts(database: Database) -> list[MailboxCounts]:
    """Give the counters of all mailboxes."""
    sql = f"SELECT {_COUNTS} FROM mailbox WHERE {_THERE}"
    return [MailboxCounts(*values) for values in database.all(sql)]


def touch(database: Database, mailbox: MailboxId) -> Delta:
    """Give a mailbox a new mod-sequence that is no message's."""
    row = database.one(
        "UPDATE mailbox SET highestmodseq = highestmodseq + 1 WHERE id = ?"
        " RETURNING highestmodseq",
        (mailbox,),
    )
    if row is None:
        raise NotFound
    return Delta(mailbox, int(row[0]) - 1, int(row[0]))


def count_recent(
    database: Database, since: Mapping[MailboxId, int]
) -> dict[MailboxId, int]:
    """Count, for each mailbox, the messages from a UID on: no session claimed them."""
    if not since:
        return {}
    rows = database.all(
        "SELECT j.key, (SELECT count(*) FROM entry WHERE mailbox = j.key + 0"
        " AND uid >= j.value) FROM json_each(?) j",
        (json.dumps(since),),
    )
    return {MailboxId(int(mailbox)): count for mailbox, count in rows}


def deleted_octets(
    database: Database, ids: Sequence[MailboxId]
) -> dict[MailboxId, int]:
    """Sum up the sizes of messages with \\Deleted; without any: no entry."""
    found: dict[MailboxId, int] = {}
    for mailbox in ids:
        among = flagblocks.having(database, mailbox, DELETED)
        where, values = among.where(mailbox)
        row = among and database.one(
            f"SELECT sum(size) FROM entry WHERE {where}", values
        )
        if row and row[0] is not None:
            found[mailbox] = int(row[0])
    return found


# -- writing


def create_defaults(database: Database, now: int) -> bool:
    """Make a new account's first mailboxes; False when it has mailboxes already."""
    if database.one("SELECT 1 FROM account WHERE last_mailbox > 0") is not None:
        return False
    for name, use in DEFAULT_MAILBOXES:
        _insert(database, name, use, now)
        subscribe(database, name)
    touch_names(database)
    return True


def create(
    database: Database, name: str, use: SpecialUse | None, now: int, most: int
) -> MailboxRow:
    """Make a mailbox, and the parents that it lacks (RFC 3501 §6.3.3).

    All are subscribed: clients that show subscribed mailboxes alone would lose
    sight of what they just made. Each has the rights of its superior. Raises
    `AlreadyExists`, `InvalidName` for a child of INBOX's name in another case,
    `TooMany`.
    """
    found = database.one("SELECT selectable FROM mailbox WHERE name = ?", (name,))
    if found is not None and found[0]:
        raise AlreadyExists
    _make_parents(database, name, now)
    if found is not None:
        _make_selectable(database, name, use, now)
    else:
        _insert(database, name, use, now)
    subscribe(database, name)
    _check_count(database, most)
    touch_names(database)
    return mailbox_named(database, name)


def delete(database: Database, name: str, now: int, by: Acting | None = None) -> Delta:
    """Delete a mailbox; one with children stays as a bare name (RFC 3501 §6.3.4).

    Its messages become tombstones; its row, keywords, annotations and rights stay until
    those are purged, for undelete: nobody reaches them without a name. Raises
    `NotPermitted` for INBOX, `NotFound`, `HasChildren` for a bare name that has
    children.
    """
    if name == INBOX:
        raise NotPermitted("INBOX cannot be deleted")
    row = mailbox_named(database, name)
    parent = _has_children(database, name)
    if parent and not row.selectable:
        raise HasChildren
    delta = bury(database, row.id, now, by)
    database.execute("DELETE FROM url_key WHERE mailbox = ?", (row.id,))
    database.execute(
        "UPDATE mailbox SET name = NULL, was = name, gone_at = ?, remover = ?"
        " WHERE id = ?",
        (now, note_remover(database, by, now), row.id),
    )
    if parent:
        # A new id: sessions that had it selected must not see its successor.
        _insert(database, name, None, now, selectable=False)
    touch_names(database)
    return delta


def rename(database: Database, old: str, new: str, now: int, most: int) -> MailboxRow:
    """Give a mailbox and all below it a new name; gives it as it was.

    RFC 3501 §6.3.5.

    Renaming INBOX is another thing: see `mailstore.index.copying.move_all`. Raises
    `NotFound`, `AlreadyExists`, `InvalidName`.
    """
    row = mailbox_named(database, old)
    below = old + DELIMITER
    if new.startswith(below):
        raise InvalidName("a mailbox cannot move below itself")
    if new == old:
        raise AlreadyExists
    taken = {row[0] for row in database.all("SELECT name FROM mailbox") if row[0]}
    moved = {n: new + n[len(old) :] for n in taken if n == old or n.startswith(below)}
    if not (taken - moved.keys()).isdisjoint(moved.values()):
        raise AlreadyExists
    _make_parents(database, new, now)
    subscribed = subscriptions(database)
    for before, after in sorted(moved.items()):
        # RFC 3501 §6.3.5: a name's UIDVALIDITY must not repeat; a renamed mailbox
        # keeps its own, which is unique in the account.
        database.execute("UPDATE mailbox SET name = ? WHERE name = ?", (after, before))
        if before in subscribed:
            subscribe(database, after)
            unsubscribe(database, before)
    _check_count(database, most)
    touch_names(database)
    return row


def subscribe(database: Database, name: str) -> None:
    """Note a subscription; subscribing twice is no error."""
    database.execute("INSERT OR IGNORE INTO subscription (name) VALUES (?)", (name,))


def unsubscribe(database: Database, name: str) -> None:
    """Drop a subscription, if there is one."""
    database.execute("DELETE FROM subscription WHERE name = ?", (name,))


def set_subscribed(database: Database, name: str, subscribed: bool) -> None:
    """Subscribe to a mailbox or a bare name, or end that. Raises `NotFound`."""
    if not subscribed:
        unsubscribe(database, name)
    elif _exists(database, name):
        subscribe(database, name)
    else:
        raise NotFound
    touch_names(database)


def subscribe_elsewhere(database: Database, name: str) -> None:
    """Subscribe to a mailbox of another account."""
    subscribe(database, name)
    touch_names(database)


def move_subscriptions(database: Database, old: str, new: str) -> None:
    """Have subscriptions of a name, and of those below it, be of another name."""
    for name in subscriptions(database):
        if name == old or name.startswith(old + DELIMITER):
            unsubscribe(database, name)
            subscribe(database, new + name[len(old) :])
    touch_names(database)


def set_special_use(
    database: Database, mailbox: MailboxId, use: SpecialUse | None
) -> list[MailboxId]:
    """Give a mailbox a use, which another one loses then; gives all that changed."""
    wanted = None if use is None else use.value
    gone = database.all(
        "UPDATE mailbox SET special_use = NULL WHERE special_use = ? AND id <> ?"
        " AND name IS NOT NULL RETURNING id",
        (wanted, mailbox),
    )
    made = database.all(
        "UPDATE mailbox SET special_use = ? WHERE id = ? AND special_use IS NOT ?"
        " RETURNING id",
        (wanted, mailbox, wanted),
    )
    touch_names(database)
    return [MailboxId(row[0]) for row in (*made, *gone)]


def claim_recent(database: Database, mailbox: MailboxId, recent_from: int) -> None:
    """Note up to where a session has claimed \\Recent (RFC 3501 §2.3.2)."""
    database.execute(
        "UPDATE mailbox SET recent_from = max(recent_from, ?) WHERE id = ?",
        (recent_from, mailbox),
    )


# -- parts


def _parents(name: str) -> list[str]:
    levels = name.split(DELIMITER)
    return [DELIMITER.join(levels[:depth]) for depth in range(1, len(levels))]


def _exists(database: Database, name: str) -> bool:
    return database.one("SELECT 1 FROM mailbox WHERE name = ?", (name,)) is not None


def _make_parents(database: Database, name: str, now: int) -> None:
    for parent in _parents(name):
        if not _exists(database, parent):
            _insert(database, parent, None, now)
            subscribe(database, parent)


def _has_children(database: Database, name: str) -> bool:
    # "0" is the character after "/": a range that an index serves, without LIKE.
    first, after = name + DELIMITER, name + chr(ord(DELIMITER) + 1)
    sql = "SELECT 1 FROM mailbox WHERE name >= ? AND name < ?"
    return database.one(sql, (first, after)) is not None


def count(database: Database) -> int:
    """Count an account's mailboxes, bare names included."""
    row = database.one("SELECT count(*) FROM mailbox WHERE name IS NOT NULL")
    return 0 if row is None else int(row[0])


def last_id(database: Database) -> int:
    """Give the last id that a mailbox got: there are no more mailboxes than that."""
    row = database.one("SELECT last_mailbox FROM account")
    return 0 if row is None else int(row[0])


def _check_count(database: Database, most: int) -> None:
    if count(database) > most:
        raise TooMany(f"an account can have {most} mailboxes")


def next_uidvalidity(database: Database, now: int) -> int:
    """Give a UIDVALIDITY that no mailbox of the account ever had.

    Seconds since the epoch where that ascends, so that a store that was thrown away
    and made anew doesn't repeat the old one's either.
    """
    row = database.one(
        "UPDATE account SET last_uidvalidity = max(last_uidvalidity + 1, ?)"
        " RETURNING last_uidvalidity",
        (now,),
    )
    return int(row[0]) if row else now


def _insert(
    database: Database,
    name: str,
    use: SpecialUse | None,
    now: int,
    *,
    selectable: bool = True,
) -> None:
    database.execute("UPDATE account SET last_mailbox = last_mailbox + 1")
    database.execute(
        "INSERT INTO mailbox (id, name, selectable, special_use, uidvalidity)"
        " SELECT last_mailbox, ?, ?, ?, ? FROM account",
        (name, int(selectable), use and use.value, next_uidvalidity(database, now)),
    )
    parent = name.rpartition(DELIMITER)[0]
    if parent and selectable:
        acl.inherit(database, parent, name)


def _make_selectable(
    database: Database, name: str, use: SpecialUse | None, now: int
) -> None:
    database.execute(
        "UPDATE mailbox SET selectable = 1, special_use = ?, uidvalidity = ?"
        " WHERE name = ?",
        (use and use.value, next_uidvalidity(database, now), name),
    )
    acl.inherit(database, name.rpartition(DELIMITER)[0], name)


def touch_names(database: Database) -> None:
    """Note that LIST would answer otherwise, or FETCH by what a repair has written."""
    database.execute("UPDATE account SET names_version = names_version + 1")
