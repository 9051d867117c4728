"""APPEND (RFC 3501 §6.3.11, RFC 4466 §2.6), with APPENDUID (RFC 4315 §3).

::

    append          = "APPEND" SP mailbox 1*append-message

    A003 APPEND saved-messages (\\Seen) {310}
    + OK
    …
    A003 OK [APPENDUID 38505 3955] APPEND completed

What a message is, and how it comes, is `imapd.session.append_program`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from imapd.session.append_program import (
    Bringing,
    NewMessage,
    arrivals_of,
    forget,
    parse_messages,
    take_literal,
)
from imapd.session.bounds import check_saving
from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.names import existing_name, tell_normalized
from imapd.session.registry import CommandSpec, Completed, Feature, Registry, States
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor
from imapd.wire.encode import sequence_set
from imapd.wire.framing import LiteralAnnounced, LiteralSink
from mailstore.errors import NotFound


@dataclass(frozen=True, slots=True)
class Append:
    """Store messages in a mailbox, whose name is as it was written."""

    mailbox: bytes
    messages: tuple[NewMessage, ...]

    def __post_init__(self) -> None:
        if not self.messages:
            raise ValueError("APPEND brings a message")


def _read_mailbox(cursor: Cursor) -> bytes:
    cursor.sp()
    return parse_mailbox(cursor)


def parse(cursor: Cursor, registry: Registry) -> Append:
    """Take the arguments of APPEND. Raises `Malformed`."""
    return Append(_read_mailbox(cursor), parse_messages(cursor, registry))


def unparse(node: Append) -> bytes:
    """Write the command as a client would."""
    messages = b"".join([message.unparse() for message in node.messages])
    return b"APPEND " + unparse_name(node.mailbox) + messages


async def decide(context: Context, announced: LiteralAnnounced) -> LiteralSink | None:
    """Decide about a literal of APPEND before its octets come."""
    bringing = _bringing(context.registry.append_most)
    return await take_literal(context, announced, bringing)


@lru_cache(maxsize=4)
def _bringing(most: int) -> Bringing:
    return Bringing("APPEND", _read_mailbox, most)


async def run(context: Context, node: Append) -> Completed:
    """Store the messages, all or none; when OK is said they are on the disk.

    Raises `No` TRYCREATE when there is no such mailbox, and store errors.
    """
    check_saving(context, len(node.messages))
    name = existing_name(context, node.mailbox)
    arrivals = await arrivals_of(context, name, node.messages)
    try:
        appended = await context.account.append(name, arrivals)
    except NotFound as error:
        raise No(error.text, "TRYCREATE") from error
    finally:
        forget(arrivals)
    await context.note_added(name)
    await tell_normalized(context, name, node.mailbox)
    if not appended.uids:
        return Completed("APPEND completed")
    uids = sequence_set(appended.uids).decode("ascii")
    return Completed("APPEND completed", f"APPENDUID {appended.uidvalidity} {uids}")


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
            literal_policy=decide,
        ),
    ),
)
