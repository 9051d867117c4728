"""OBJECTID+: several identifiers in one list, told once a client has asked for it.

The work in progress "IMAP Extension for Object Identifiers" (objectid-bis), §2.2 to §4
and §7::

    objectid-compound = "OBJECTID" SP "(" [objectid-kvpair *(SP objectid-kvpair)] ")"
    fetch-att       =/ "OBJECTID"
    status-att      =/ "OBJECTID"

    C: 7 STATUS bar (OBJECTID)
    S: * ENABLED OBJECTID+
    S: * STATUS bar (OBJECTID (MAILBOXID F1a2b-3 ACCOUNTID A4c5d))
    S: 7 OK STATUS completed

Whatever asks for it is an ENABLE too. Until then nothing is told that was not told by
RFC 8474; behind it the list stands in place of the response code MAILBOXID.
"""

from __future__ import annotations

from collections.abc import Iterable

from imapd.session.context import Context
from imapd.session.fetch_attribute import Attribute, Values
from imapd.session.plugs import FetchEnvironment
from imapd.session.state import Selected
from mailstore.model import Batch, Column, MailboxId, MailboxStatus

NAME = "OBJECTID+"


def is_active(context: Context) -> bool:
    """Tell whether the client has asked for it in this session."""
    return NAME in context.session.enabled


def activate(context: Context) -> None:
    """Have it told from now on, and say so: before any response that it changes."""
    if not is_active(context):
        context.session.enabled.add(NAME)
        context.reply.untagged(b"ENABLED " + NAME.encode("ascii"))


def compound(**ids: str | None) -> str:
    """Write a list of identifiers; what is None there is not (§3)."""
    pairs = [f"{key} {value}" for key, value in ids.items() if value is not None]
    return f"({' '.join(pairs)})"


# -- mailboxes


def selected_code(context: Context, selected: Selected) -> bytes | None:
    """Give the response of SELECT and EXAMINE."""
    if not is_active(context):
        return None
    mailbox = selected.mailbox
    ids = compound(MAILBOXID=mailbox.object_id, ACCOUNTID=mailbox.account_id)
    return context.status(b"OK", "what it is called for ever", f"OBJECTID {ids}")


def mailbox_code(context: Context, mailbox: MailboxId | None) -> str | None:
    """Give the code of CREATE and RENAME; a name without a mailbox has none (§7.3)."""
    if not is_active(context):
        return None
    if mailbox is None:
        return f"OBJECTID {compound()}"
    ids = context.account.object_ids
    there = compound(MAILBOXID=ids.mailbox(mailbox), ACCOUNTID=ids.account(mailbox))
    return f"OBJECTID {there}"


def status_value(status: MailboxStatus) -> str:
    """Give the item of STATUS (§7.4)."""
    return compound(MAILBOXID=status.object_id, ACCOUNTID=status.account_id)


# -- messages


def _compounds(environment: FetchEnvironment) -> Values:
    ids = environment.mailbox.object_ids

    def values(batch: Batch) -> Iterable[object]:
        columns = batch.columns
        rows = zip(columns[Column.EMAILID], columns[Column.THREAD], strict=True)
        return [
            compound(
                EMAILID=ids.email(email),
                THREADID=None if thread is None else ids.thread(thread),
            ).encode("ascii")
            for email, thread in rows
        ]

    return values


OBJECTID = Attribute(
    "OBJECTID", (Column.EMAILID, Column.THREAD), _compounds, asked=activate
)
