"""What an index keeps of mailboxes beside messages, proved and mended.

Limits, rights, the numbers of what is shown of removed messages, INBOX itself. A value
that nobody can read would keep a whole account from its owner, so each is looked at as
it stands in its row. Where rights can't be read nobody gets more than is certain: what
was given is nothing, what was taken is everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mailstore.index import acl
from mailstore.index.database import Database
from mailstore.model import DELIMITER, INBOX, MailboxId
from mailstore.quotas import QuotaLimits
from mailstore.rights import ALL, LETTERS, NEGATIVE, UnknownRight, parse_rights

_LIMITS = ("storage", "message", "mailbox", "annotation_storage")

# -- limits


def quota(database: Database) -> list[str]:
    """Check that each root has a name that can be one, and limits that can be read."""
    if not database.has_table("quota"):
        return []  # an index of an older program
    return [text for _, _, text in _quota(database)]


def mend_quota(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Take limits away that nobody can read, and roots without one."""
    told = []
    for top, column, text in list(_quota(database)):
        if column is None:
            database.execute("DELETE FROM quota WHERE top IS ?", (top,))
        else:
            database.execute(f"UPDATE quota SET {column} = NULL WHERE top IS ?", (top,))
        told.append(f"{text}: it was taken away")
    # What is left of a part of the account may limit nothing now.
    rows = database.all(
        "DELETE FROM quota WHERE top <> '' AND storage IS NULL AND message IS NULL"
        " AND mailbox IS NULL AND annotation_storage IS NULL RETURNING top"
    )
    return told + [f"the quota root {top!r} limits nothing any more" for (top,) in rows]


def _quota(database: Database) -> Iterator[tuple[Any, str | None, str]]:
    """Give (top, column, what is wrong with it); no column: the root itself."""
    there = database.column_names("quota")  # fewer in an index of an older program
    columns = [name for name in _LIMITS if name in there]
    rows = database.all(f"SELECT top, {', '.join(columns)} FROM quota ORDER BY top")
    for top, *limits in rows:
        if not isinstance(top, str) or top != top.strip(DELIMITER):
            yield top, None, f"no mailbox can be called as the quota root {top!r}"
            continue
        if top and limits == [None] * len(columns):
            yield top, None, f"the quota root {top!r} has no limit"
        for name, value in zip(columns, limits, strict=True):
            if not _is_limit(value):
                yield top, name, f"the {name} limit of the quota root {top!r} is none"


def _is_limit(value: object) -> bool:
    if value is None:
        return True
    try:
        return isinstance(value, int) and bool(QuotaLimits(value))
    except ValueError:
        return False


# -- rights


def rights(database: Database) -> list[str]:
    """Check that lists of rights are of mailboxes, can be read, and are heeded."""
    if not database.has_table("acl"):
        return []
    found = [f"rights of mailbox {m}, which is no more" for m in _without(database)]
    found += [text for *_, text in _unreadable(database)]
    row = database.one(
        "SELECT 1 FROM account WHERE acl_version <= 0 AND EXISTS (SELECT 1 FROM acl)"
    )
    # Whose account never had a list is never asked for one (`mailstore.service.acls`).
    return found + (["there are lists of rights that nobody heeds"] if row else [])


def mend_rights(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Take rights away that can't be read, and have all lists read again."""
    told = rights(database)
    if not told:
        return []
    for mailbox, key, letters, _ in list(_unreadable(database)):
        negative = key.startswith(NEGATIVE)
        known = ALL if negative else parse_rights(_known(letters))
        if known:
            acl.put(database, mailbox, key, known)
        else:
            acl.drop(database, mailbox, key)
    database.execute("DELETE FROM acl WHERE mailbox NOT IN (SELECT id FROM mailbox)")
    database.execute(
        "UPDATE account SET acl_version = max(acl_version, 0) + 1,"
        " names_version = names_version + 1"
    )
    return told


def _without(database: Database) -> Sequence[int]:
    rows = database.all(
        "SELECT DISTINCT mailbox FROM acl WHERE mailbox NOT IN (SELECT id FROM mailbox)"
    )
    return [row[0] for row in rows]


def _unreadable(database: Database) -> Iterator[tuple[MailboxId, str, str, str]]:
    """Give (mailbox, key, letters, what is wrong) of entries with unknown rights."""
    rows = database.all("SELECT mailbox, identifier, rights FROM acl ORDER BY 1, 2")
    for mailbox, key, letters in rows:
        try:
            parse_rights(letters)
        except UnknownRight as error:
            text = f"mailbox {mailbox}: {key} has a right {error} that there is not"
            yield MailboxId(mailbox), key, letters, text


def _known(letters: str) -> str:
    return "".join([letter for letter in letters if letter in LETTERS])


# -- what is shown of removed messages


def shown(database: Database) -> list[str]:
    """Check the numbers of `mailstore.index.removed`."""
    if not database.has_table("removed_entry"):
        return []
    return [f"mailbox {mailbox}: {text}" for mailbox, text in _shown(database)]


def _shown(database: Database) -> list[tuple[int, str]]:
    return database.all(
        "SELECT e.mailbox, 'the UIDs of what it has lost have no mailbox'"
        " FROM removed_entry e LEFT JOIN removed_mailbox m ON m.mailbox = e.mailbox"
        " WHERE m.mailbox IS NULL GROUP BY e.mailbox"
        " UNION ALL SELECT m.mailbox, 'a UID of what it has lost is not below '"
        " || m.uidnext || ', or a mod-sequence above ' || m.highestmodseq"
        " FROM removed_entry e JOIN removed_mailbox m ON m.mailbox = e.mailbox"
        " GROUP BY m.mailbox HAVING max(e.uid) >= m.uidnext"
        " OR max(e.modseq) > m.highestmodseq"
        " UNION ALL SELECT mailbox, 'it is no more, and its losses are shown'"
        " FROM removed_mailbox WHERE mailbox NOT IN (SELECT id FROM mailbox)"
        " UNION ALL SELECT mailbox, 'its losses have a UIDVALIDITY that was given'"
        " || ' twice' FROM removed_mailbox r WHERE EXISTS (SELECT 1 FROM mailbox m"
        " WHERE m.uidvalidity = r.uidvalidity) OR EXISTS (SELECT 1"
        " FROM removed_mailbox o WHERE o.uidvalidity = r.uidvalidity"
        " AND o.mailbox < r.mailbox) ORDER BY 1"
    )


def mend_shown(database: Database, now: int) -> list[str]:  # noqa: ARG001
    """Forget such numbers: who looks next gets others, with another UIDVALIDITY."""
    wrong = _shown(database)
    for mailbox in sorted({mailbox for mailbox, _ in wrong}):
        for table in ("removed_entry", "removed_mailbox"):
            database.execute(f"DELETE FROM {table} WHERE mailbox = ?", (mailbox,))
    return [f"mailbox {mailbox}: {text}" for mailbox, text in wrong]


# -- INBOX


def inbox(database: Database) -> list[str]:
    """Check that there is an INBOX (RFC 3501 §5.1), once there is any mailbox.

    For accounts of people: what belongs to nobody has none.
    """
    row = database.one(
        "SELECT count(*), coalesce(sum(name = ? AND selectable), 0) FROM mailbox"
        " WHERE name IS NOT NULL",
        (INBOX,),
    )
    return ["there is no INBOX"] if row and row[0] and not row[1] else []


EVERYTHING = (quota, rights, shown)
"""All that is proved of any account."""


def texts(database: Database, *, personal: bool) -> Iterable[str]:
    """Give all that is wrong; ``personal``: the account is a person's."""
    for look in EVERYTHING:
        yield from look(database)
    if personal:
        yield from inbox(database)
