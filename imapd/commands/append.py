"""APPEND (RFC 3501 §6.3.11), with APPENDUID (RFC 4315 §3).

::

    append          = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal

    A003 APPEND saved-messages (\\Seen) {310}
    + OK
    …
    A003 OK [APPENDUID 38505 3955] APPEND completed

The head of the command is read before the message comes: whether there is such a
mailbox, and room, is told while the client has sent nothing. The message's octets go
straight to the store.
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.faults import Bad, No
from imapd.session.names import existing_name
from imapd.session.registry import CommandSpec, Completed, Feature, Registry, States
from imapd.syntax.flags import parse_flag_list, unparse_flags
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor, Malformed
from imapd.wire.dates import parse_date_time, render_date_time
from imapd.wire.framing import Literal, LiteralAnnounced, LiteralSink
from mailstore.errors import NotFound
from mailstore.model import Arrival, InternalDate, MessageSink


@dataclass(frozen=True, slots=True)
class Append:
    """Store a message in a mailbox, whose name is as it was written."""

    mailbox: bytes
    flags: tuple[str, ...]
    date: InternalDate | None
    message: Literal


@dataclass(frozen=True, slots=True)
class _Head:
    mailbox: bytes
    flags: tuple[str, ...]
    date: InternalDate | None


def _head(cursor: Cursor) -> _Head:
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.sp()
    flags: tuple[str, ...] = ()
    if cursor.peek() == b"(":
        flags = parse_flag_list(cursor)
        cursor.sp()
    date = None
    if cursor.peek() == b'"':
        date = InternalDate(*parse_date_time(cursor))
        cursor.sp()
    return _Head(mailbox, flags, date)


def parse(cursor: Cursor, _: Registry) -> Append:
    """Take the arguments of APPEND. Raises `Malformed`."""
    head = _head(cursor)
    start = cursor.at
    message = cursor.literal()
    if message.binary:
        cursor.at = start
        raise cursor.fail("a literal without binary octets")
    cursor.end()
    return Append(head.mailbox, head.flags, head.date, message)


def unparse(node: Append) -> bytes:
    """Write the command as a client would.

    A message that is in memory stands there with its octets.
    """
    words = [b"APPEND", unparse_name(node.mailbox)]
    if node.flags:
        words.append(unparse_flags(node.flags))
    if node.date is not None:
        words.append(render_date_time(node.date.epoch, node.date.zone))
    octets = node.message.data or b""
    return b"%b {%d+}\r\n%b" % (b" ".join(words), node.message.size, octets)


async def take_literal(
    context: Context, announced: LiteralAnnounced
) -> LiteralSink | None:
    """Decide about a literal of APPEND before its octets come.

    The message goes to the store's sink; a mailbox name may be a literal too, and
    stays in memory. Raises `Bad`, `No` and store errors.
    """
    cursor = Cursor(announced.text, announced.literals)
    cursor.utf8 = "UTF8=ACCEPT" in context.session.enabled
    cursor.tag()
    cursor.sp()
    cursor.atom()
    try:
        head = _head(cursor)
    except Malformed as fault:
        most = context.services.limits().literal
        if not announced.literals and announced.size <= most:
            return None  # the mailbox's name; whatever is wrong shows in the end
        raise Bad(
            f"APPEND: {fault.wanted} wanted at octet {fault.at}", fault.code
        ) from fault
    if announced.size == 0:
        raise No("an empty message cannot be kept")
    name = existing_name(context, head.mailbox)
    try:
        return await context.account.admit(name, announced.size)
    except NotFound as error:
        raise No(error.text, "TRYCREATE") from error


async def run(context: Context, node: Append) -> Completed:
    """Store the message; when OK is said it is on the disk.

    Raises `No` TRYCREATE when there is no such mailbox, and store errors.
    """
    name = existing_name(context, node.mailbox)
    if node.message.size == 0:
        raise No("an empty message cannot be kept")
    arrival = Arrival(_content(node.message), node.flags, node.date)
    try:
        appended = await context.account.append(name, (arrival,))
    except NotFound as error:
        raise No(error.text, "TRYCREATE") from error
    code = f"APPENDUID {appended.uidvalidity} {appended.uids[0]}"
    return Completed("APPEND completed", code)


def _content(message: Literal) -> bytes | MessageSink:
    if message.data is not None:
        return message.data
    assert message.sink is not None
    return message.sink  # type: ignore[return-value]  # the one that `admit` gave


FEATURE = Feature(
    name="APPEND",
    rfc=("3501", "4315"),
    commands=(
        CommandSpec(
            name="APPEND",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc="RFC 3501 §6.3.11",
            literal_policy=take_literal,
        ),
    ),
)
