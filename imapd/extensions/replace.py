"""REPLACE and UID REPLACE: a message in place of another, in one step (RFC 8508).

::

    replace         = "REPLACE" SP seq-number SP mailbox append-message

    C: A003 REPLACE 4 Drafts (\\Seen \\Draft) {312}
    …
    S: * OK [APPENDUID 1 2000] the new message is stored
    S: * 4 EXPUNGE
    S: * 4 EXISTS
    S: A003 OK REPLACE completed

One transaction does both: nobody sees two drafts, and none is lost. What the new
message is, and how it comes, is `imapd.session.append_program`: CATENATE works here as
well (§4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from imapd.session.append_program import (
    Bringing,
    NewMessage,
    arrivals_of,
    forget,
    take_literal,
)
from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.names import existing_name
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Effects,
    Feature,
    Registry,
    States,
)
from imapd.session.transfer import no_destination
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.syntax.sequence import NumberSet, SequenceSet, UidSet
from imapd.wire.cursor import Cursor
from imapd.wire.framing import LiteralAnnounced, LiteralSink
from mailstore.errors import NotFound, ReadOnly
from mailstore.model import MailboxId


@dataclass(frozen=True, slots=True)
class Replace:
    """Store a message in a mailbox, and remove one of the selected mailbox."""

    replaced: NumberSet
    mailbox: bytes
    message: NewMessage

    def __post_init__(self) -> None:
        if not _is_one(self.replaced):
            raise ValueError("one message is replaced")


def _is_one(numbers: NumberSet) -> bool:
    return len(numbers.ranges) == 1 and len(set(numbers.ranges[0])) == 1


def _read_number(numbers: type[NumberSet], cursor: Cursor) -> NumberSet:
    """Take one number, or ``*``."""
    start = cursor.at
    found = numbers.parse(cursor)
    if not _is_one(found):
        cursor.at = start
        raise cursor.fail("the number of one message")
    return found


def _read_head(numbers: type[NumberSet], cursor: Cursor) -> tuple[NumberSet, bytes]:
    cursor.sp()
    replaced = _read_number(numbers, cursor)
    cursor.sp()
    return replaced, parse_mailbox(cursor)


def parse(numbers: type[NumberSet], cursor: Cursor, registry: Registry) -> Replace:
    """Take the arguments of REPLACE. Raises `Malformed`."""
    replaced, mailbox = _read_head(numbers, cursor)
    message = NewMessage.parse(cursor, registry)
    cursor.end()
    return Replace(replaced, mailbox, message)


def _name(numbers: type[NumberSet]) -> str:
    return "UID REPLACE" if issubclass(numbers, UidSet) else "REPLACE"


def unparse(node: Replace) -> bytes:
    """Write the command as a client would."""
    return b"%b %b %b%b" % (
        _name(type(node.replaced)).encode("ascii"),
        node.replaced.unparse(),
        unparse_name(node.mailbox),
        node.message.unparse(),
    )


async def decide(
    numbers: type[NumberSet], context: Context, announced: LiteralAnnounced
) -> LiteralSink | None:
    """Decide about a literal before its octets come. Raises `No`, store errors."""
    selected = context.selected
    if selected.mailbox.readonly:
        raise ReadOnly
    going: list[int] = []

    def read(cursor: Cursor) -> bytes:
        replaced, mailbox = _read_head(numbers, cursor)
        going.extend(selected.view.resolve(replaced))
        return mailbox

    def instead_of() -> tuple[MailboxId, int] | None:
        return (selected.mailbox.id, going[0]) if going else None

    bringing = Bringing(_name(numbers), read, 1, instead_of)
    return await take_literal(context, announced, bringing)


async def run(context: Context, node: Replace) -> Completed:
    """Replace the message, or change nothing.

    Raises `Bad` for a number beyond the mailbox, `No` when there is no such message or
    destination, and store errors.
    """
    selected = context.selected
    uids = selected.view.resolve(node.replaced)
    if not uids:
        raise No("there is no such message to be replaced")
    name = existing_name(context, node.mailbox)
    arrivals = await arrivals_of(context, name, (node.message,))
    try:
        done = await selected.mailbox.replace(uids[0], name, arrivals[0])
    except NotFound as error:
        raise await no_destination(context, name, error) from error
    finally:
        forget(arrivals)
    await context.note_added(name)
    # §4.3: before the EXPUNGE, so that the client knows what took the place.
    code = f"APPENDUID {done.uidvalidity} {done.uids[0]}" if done.uids else None
    context.reply.untagged(context.status(b"OK", "the new message is stored", code))
    return Completed(f"{_name(type(node.replaced))} completed")


FEATURE = Feature(
    name="REPLACE",
    rfc=("8508",),
    capabilities=(Capability("REPLACE"),),
    commands=tuple(
        CommandSpec(
            name=_name(numbers),
            parse=partial(parse, numbers),
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc=rfc,
            effects=effects,
            literal_policy=partial(decide, numbers),
        )
        for numbers, effects, rfc in (
            (SequenceSet, Effects.BY_NUMBER, "RFC 8508 §3.2"),
            (UidSet, Effects.NONE, "RFC 8508 §3.3"),
        )
    ),
)
