"""An index that comes out of a backup: its references, and numbers given anew.

UIDs, identifiers and UIDVALIDITY that were given after the backup are not known to it,
and would be given again with another meaning. So the mailboxes of an older state get
UIDVALIDITY values that no client has seen (RFC 3501 §2.3.1.1), and the account a token
that makes its identifiers unlike those of before (RFC 8474 §5).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mailstore.index import damage, flagproof, mailboxes, upkeep
from mailstore.index.database import Database
from mailstore.index.recount import recount
from mailstore.model import AccountId
from mailstore.rights import NEGATIVE, of_user


@dataclass(frozen=True, slots=True)
class Held:
    """A message of a mailbox, or of a tombstone: its number and its digest."""

    message: int
    digest: bytes


def held(database: Database) -> list[Held]:
    """Give all messages, in the order of their numbers."""
    rows = database.all("SELECT id, digest FROM message ORDER BY id")
    return [Held(*row) for row in rows]


def point_to(database: Database, places: Mapping[int, str]) -> None:
    """Say where the bytes of messages are now, by their numbers."""
    database.many(
        "UPDATE message SET blob = ? WHERE id = ?",
        [(blob, message) for message, blob in places.items()],
    )


def unset_damaged(database: Database) -> list[str]:
    """Have messages no flags whose flags are damaged; tells which.

    In a mailbox whose blocks cannot be read no message could be shown, or moved.
    """
    told = flagproof.mend(database)
    if told:
        recount(database)
    return told


def set_aside(
    database: Database, lost: Mapping[int, str], aside: Collection[int], now: int
) -> None:
    """Take messages out of the way that have no bytes; nothing names others' bytes.

    ``lost`` tells why; ``aside`` were out of the way already. No flags are damaged.
    """
    for message, why in lost.items():
        damage.set_aside(database, message, why, now)
    for message in (*lost, *aside):
        database.execute(
            "UPDATE message SET blob = 'large:' || printf('%032x', 0) || ':' || size"
            " WHERE id = ?",
            (message,),
        )


def give_new_numbers(database: Database, now: int) -> None:
    """Make UIDs and identifiers unlike all that were given since the backup."""
    for (mailbox,) in database.all("SELECT id FROM mailbox ORDER BY id"):
        value = mailboxes.next_uidvalidity(database, now)
        database.execute(
            "UPDATE mailbox SET uidvalidity = ? WHERE id = ?", (value, mailbox)
        )
    # What is shown of removed messages is numbered anew when somebody looks.
    for table in ("removed_entry", "removed_mailbox"):
        database.execute(f"DELETE FROM {table}")
    database.execute("UPDATE account SET token = lower(hex(randomblob(8)))")
    mailboxes.touch_names(database)


def leap(database: Database) -> None:
    """Make every mod-sequence new, and forget whose commits may have been lost."""
    upkeep.leap(database)


def become(database: Database, old: AccountId, new: AccountId, *, shared: bool) -> None:
    """Have an index be of another account: what was its owner's is the new one's.

    Unless ``shared`` nobody else has rights in it. Moves that were on their way belong
    to the old one, which may still be there.
    """
    for table in ("metadata", "annotation"):
        database.execute(f"UPDATE {table} SET owner = ? WHERE owner = ?", (new, old))
    if shared:
        for sign in ("", NEGATIVE):
            database.execute(
                "UPDATE acl SET identifier = ? WHERE identifier = ?",
                (sign + of_user(new), sign + of_user(old)),
            )
    else:
        database.execute("DELETE FROM acl")
        database.execute("UPDATE account SET acl_version = acl_version + 1")
    database.execute("DELETE FROM leaving")
    database.execute("DELETE FROM arrived")
