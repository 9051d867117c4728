"""What COPY and MOVE have in common: the way to a destination and the answer.

It must not know how messages are copied. RFC 3501 §6.4.7, RFC 4315 §3, RFC 6851
§4.3. Example of a response code::

    COPYUID 38505 304,319:320 3956:3958
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.names import found_name
from imapd.syntax.mailbox import InvalidMailboxName
from imapd.wire.encode import sequence_set
from mailstore.errors import NotFound
from mailstore.model import Copied


def destination(context: Context, octets: bytes) -> str:
    """Read the name of the mailbox that messages go to.

    Raises `No` without TRYCREATE when no mailbox can have this name: creating it
    would fail too (RFC 3501 §6.4.7).
    """
    try:
        return found_name(context, octets)
    except InvalidMailboxName:
        raise No("no mailbox can have this name", "NONEXISTENT") from None


async def no_destination(context: Context, name: str, error: NotFound) -> No | NotFound:
    """Give the answer to a "not found": TRYCREATE, if the destination lacks.

    The selected mailbox may have been deleted too: a client that creates the
    destination then, and tries again, would never end.
    """
    if await context.account.accepts(name):
        return error
    return No(error.text, "TRYCREATE")


def copyuid(copied: Copied) -> str | None:
    """Render the response code; None when nothing may be told (RFC 4315 §3).

    Both sets ascend, so that the n-th UID of one became the n-th of the other.
    """
    if not copied.target:
        return None
    source = sequence_set(copied.source).decode("ascii")
    target = sequence_set(copied.target).decode("ascii")
    return f"COPYUID {copied.uidvalidity} {source} {target}"
