"""SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2).

::

    a142 SELECT INBOX
    * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
    * 172 EXISTS
    * 1 RECENT
    * OK [UNSEEN 12] first message without \\Seen
    * OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] flags that are kept
    * OK [UIDNEXT 4392] predicted next UID
    * OK [UIDVALIDITY 3857529045] UIDs valid
    a142 OK [READ-WRITE] SELECT completed
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.names import existing_name
from imapd.session.registry import (
    CommandSpec,
    Completed,
    Effects,
    Feature,
    Registry,
    States,
)
from imapd.session.responses import flag_names, status
from imapd.session.state import Selected
from imapd.session.view import View
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor
from mailstore.model import SYSTEM_FLAGS
from mailstore.service import Mailbox


@dataclass(frozen=True, slots=True)
class Select:
    """Select a mailbox, read-only for EXAMINE; its name is as it was written."""

    mailbox: bytes
    readonly: bool = False


def _parse(*, readonly: bool, cursor: Cursor) -> Select:
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.end()
    return Select(mailbox, readonly)


def parse_select(cursor: Cursor, _: Registry) -> Select:
    """Take the argument of SELECT. Raises `Malformed`."""
    return _parse(readonly=False, cursor=cursor)


def parse_examine(cursor: Cursor, _: Registry) -> Select:
    """Take the argument of EXAMINE. Raises `Malformed`."""
    return _parse(readonly=True, cursor=cursor)


def unparse(node: Select) -> bytes:
    """Write the command as a client would."""
    name = b"EXAMINE" if node.readonly else b"SELECT"
    return b"%b %b" % (name, unparse_name(node.mailbox))


async def run(context: Context, node: Select) -> Completed:
    """Select a mailbox. A failure leaves none selected (RFC 3501 §6.3.1).

    Raises `No` when there is no such mailbox.
    """
    await context.deselect()
    name = existing_name(context, node.mailbox)
    mailbox = await context.account.open(name, readonly=node.readonly)
    view = View(mailbox)
    context.session.selected = Selected(mailbox, view)
    _tell(context, mailbox, view)
    command = "EXAMINE" if node.readonly else "SELECT"
    access = "READ-ONLY" if mailbox.readonly else "READ-WRITE"
    return Completed(f"{command} completed", access)


def _tell(context: Context, mailbox: Mailbox, view: View) -> None:
    flags = (*SYSTEM_FLAGS, *mailbox.keywords)
    say = context.reply.untagged
    say(b"FLAGS " + flag_names(flags))
    say(b"%d EXISTS" % view.exists)
    say(b"%d RECENT" % view.count_recent())
    unseen = mailbox.unseen_first()
    if unseen is not None and unseen < view.exists:
        say(status(b"OK", "first message without \\Seen", f"UNSEEN {unseen + 1}"))
    kept = () if mailbox.readonly else flags
    more = () if mailbox.readonly or mailbox.keywords_full else ("\\*",)
    names = flag_names((*kept, *more)).decode("ascii")
    say(status(b"OK", "flags that are kept", f"PERMANENTFLAGS {names}"))
    say(status(b"OK", "predicted next UID", f"UIDNEXT {mailbox.uidnext}"))
    say(status(b"OK", "UIDs valid", f"UIDVALIDITY {mailbox.uidvalidity}"))


FEATURE = Feature(
    name="SELECT",
    rfc=("3501",),
    commands=tuple(
        CommandSpec(
            name=name,
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc=rfc,
            effects=Effects.NO_SYNC,
        )
        for name, parse, rfc in (
            ("SELECT", parse_select, "RFC 3501 §6.3.1"),
            ("EXAMINE", parse_examine, "RFC 3501 §6.3.2"),
        )
    ),
)
