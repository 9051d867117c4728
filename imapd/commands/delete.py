"""DELETE and RENAME: mailboxes by name (RFC 3501 §6.3.4, §6.3.5).

::

    A682 DELETE blurdybloop
    A683 RENAME blurdybloop sarasoop
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.names import existing_name, new_name, tell_normalized
from imapd.session.registry import CommandSpec, Completed, Feature, Registry, States
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a mailbox; its name is as it was written."""

    mailbox: bytes


@dataclass(frozen=True, slots=True)
class Rename:
    """Rename a mailbox; the names are as they were written."""

    old: bytes
    new: bytes


def parse_delete(cursor: Cursor, _: Registry) -> Delete:
    """Take the argument of DELETE. Raises `Malformed`."""
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.end()
    return Delete(mailbox)


def parse_rename(cursor: Cursor, _: Registry) -> Rename:
    """Take the arguments of RENAME. Raises `Malformed`."""
    cursor.sp()
    old = parse_mailbox(cursor)
    cursor.sp()
    new = parse_mailbox(cursor)
    cursor.end()
    return Rename(old, new)


def unparse_delete(node: Delete) -> bytes:
    """Write the command as a client would."""
    return b"DELETE " + unparse_name(node.mailbox)


def unparse_rename(node: Rename) -> bytes:
    """Write the command as a client would."""
    return b"RENAME %b %b" % (unparse_name(node.old), unparse_name(node.new))


async def run_delete(context: Context, node: Delete) -> Completed:
    """Delete a mailbox; a name with children stays, without a mailbox.

    Raises `No` for INBOX and for a bare name with children.
    """
    name = existing_name(context, node.mailbox)
    await context.account.delete(name)
    await tell_normalized(context, name, node.mailbox, gone=True)
    return Completed("DELETE completed")


async def run_rename(context: Context, node: Rename) -> Completed:
    """Rename a mailbox with all below it; INBOX gives its messages away."""
    old = existing_name(context, node.old)
    new = new_name(context, node.new, trailing=True)
    renamed = await context.account.rename(old, new)
    await tell_normalized(context, new, node.new)
    codes = [code(context, renamed) for code in context.registry.rename_codes]
    return Completed("RENAME completed", next(filter(None, codes), None))


FEATURE = Feature(
    name="DELETE",
    rfc=("3501",),
    commands=(
        CommandSpec(
            name="DELETE",
            parse=parse_delete,
            unparse=unparse_delete,
            run=run_delete,
            states=States.LOGGED_IN,
            rfc="RFC 3501 §6.3.4",
        ),
        CommandSpec(
            name="RENAME",
            parse=parse_rename,
            unparse=unparse_rename,
            run=run_rename,
            states=States.LOGGED_IN,
            rfc="RFC 3501 §6.3.5",
        ),
    ),
)
