"""The messages that a command brings: grammar, octets, the way to the store.

RFC 3501 §6.3.11, as RFC 4466 §3 collects it::

    append-message  = append-opts SP append-data
    append-opts     = [SP flag-list] [SP date-time] *(SP append-ext)
    append-data     = literal / literal8 / append-data-ext

    (\\Seen) "01-Feb-2026 12:00:00 +0000" {310}

It knows plain literals; every other kind of option and data comes from a feature by
its `AppendOptionSpec` or `AppendDataSpec`. APPEND, and extensions as REPLACE, share it.

The head of a message is read before its octets come: whether there is such a mailbox,
and room, is told while the client has sent nothing. `Arriving` remembers what was read,
so that the work is linear in the command however many messages it brings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from imapd.session.appending import AppendData, AppendDataSpec, AppendOption
from imapd.session.context import Context
from imapd.session.faults import Bad, No
from imapd.session.names import existing_name, uses_utf8
from imapd.session.registry import Registry
from imapd.syntax.flags import parse_flag_list, unparse_flags
from imapd.wire import abnf
from imapd.wire.cursor import Cursor, LiteralMissing, Malformed
from imapd.wire.dates import parse_date_time, render_date_time
from imapd.wire.framing import Literal, LiteralAnnounced, LiteralSink
from mailstore.errors import NotFound
from mailstore.model import Arrival, InternalDate, MailboxId, MessageSink

_WORD = re.compile(rb"~|[A-Za-z][A-Za-z0-9.-]{0,63}")
_USUAL = re.compile(
    rb' (?:(\([^()\r\n]{0,100}\)) )?(?:("[ 0-9A-Za-z:+-]{26}") )?(?=\{)'
)
_EMPTY = "an empty message cannot be kept"


@dataclass(frozen=True, slots=True)
class Bringing:
    """A command that brings messages.

    ``read`` takes what is between its name and the first message, and gives the
    mailbox's name. It may bring ``most`` messages; ``instead_of`` gives, when that was
    read, the one that goes at the same moment.
    """

    command: str
    read: Callable[[Cursor], bytes]
    most: int
    instead_of: Callable[[], tuple[MailboxId, int] | None] = lambda: None


@dataclass(frozen=True, slots=True)
class PlainData:
    """A message as it is, in one literal."""

    message: Literal

    def unparse(self) -> bytes:
        """Write the literal; one that is in memory stands there with its octets."""
        return b"{%d+}\r\n%b" % (self.message.size, self.message.data or b"")

    async def arrive(self, _: Context, __: str) -> Arrival:
        """Give the message. Raises `No` when it has no octets."""
        return Arrival(content_of(self.message))


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One message with its flags, its date and what extensions say of it."""

    data: AppendData
    flags: tuple[str, ...] = ()
    date: InternalDate | None = None
    options: tuple[AppendOption, ...] = ()

    @classmethod
    def parse(cls, cursor: Cursor, registry: Registry) -> NewMessage:
        """Take a message, from the space before it on. Raises `Malformed`."""
        head = _read_head(cursor, registry)
        if head.spec is None:
            data: AppendData = PlainData(cursor.literal())
        else:
            data = head.spec.parse(cursor, registry)
        return cls(data, head.flags, head.date, head.options)

    def unparse(self) -> bytes:
        """Write the message as a client would, the space before it included."""
        words = [b""]
        if self.flags:
            words.append(unparse_flags(self.flags))
        if self.date is not None:
            words.append(render_date_time(self.date.epoch, self.date.zone))
        words += [option.unparse() for option in self.options]
        return b" ".join([*words, self.data.unparse()])


class _MessageHead(NamedTuple):
    flags: tuple[str, ...]
    date: InternalDate | None
    options: tuple[AppendOption, ...]
    spec: AppendDataSpec | None  # of the data that follow; None: a plain literal


def _read_head(cursor: Cursor, registry: Registry) -> _MessageHead:
    """Read up to the data. Raises `Malformed`."""
    usual = _USUAL.match(cursor.text, cursor.at)
    if usual is not None and (known := _usual_head(*usual.groups())) is not None:
        cursor.at = usual.end()
        return known
    cursor.sp()
    flags: tuple[str, ...] = ()
    if cursor.peek() == b"(":
        flags = parse_flag_list(cursor)
        cursor.sp()
    date = None
    if cursor.peek() == b'"':
        date = InternalDate(*parse_date_time(cursor))
        cursor.sp()
    options: list[AppendOption] = []
    while cursor.peek() != b"{":
        start = cursor.at
        name = cursor.need(_WORD, "a literal")[0].decode("ascii").upper()
        data = registry.append_data.get(name)
        if data is not None:
            return _MessageHead(flags, date, tuple(options), data)
        option = registry.append_options.get(name)
        if option is None:
            cursor.at = start
            raise cursor.fail("a literal")
        options.append(option.parse(cursor, registry))
        cursor.sp()
    return _MessageHead(flags, date, tuple(options), None)


@lru_cache(maxsize=512)
def _usual_head(flags: bytes | None, date: bytes | None) -> _MessageHead | None:
    """Read a head with nothing but flags and a date; None: they are malformed.

    Each is read twice, before its octets come and when all are here, and clients
    send few different ones.
    """
    found: tuple[str, ...] = ()
    when: InternalDate | None = None
    try:
        if flags is not None:
            cursor = Cursor(flags)
            found = parse_flag_list(cursor)
            cursor.end()
        if date is not None:
            cursor = Cursor(date)
            when = InternalDate(*parse_date_time(cursor))
            cursor.end()
    except Malformed:
        return None
    return _MessageHead(found, when, (), None)


def parse_messages(cursor: Cursor, registry: Registry) -> tuple[NewMessage, ...]:
    """Take as many messages as one command may bring, to its end.

    Raises `Malformed`.
    """
    messages = [NewMessage.parse(cursor, registry)]
    while cursor.peek() == b" " and len(messages) < registry.append_most:
        messages.append(NewMessage.parse(cursor, registry))
    cursor.end()
    return tuple(messages)


# -- before the octets come


@dataclass(slots=True)
class Arriving:
    """What is known of a command between two of its literals."""

    name: str
    at: int  # behind the messages that are complete
    literals: int  # of these messages and of what stands before them
    messages: int = 0
    octets: int = 0  # that were admitted
    instead_of: tuple[MailboxId, int] | None = None


async def take_literal(
    context: Context, announced: LiteralAnnounced, bringing: Bringing
) -> LiteralSink | None:
    """Decide about a literal before its octets come.

    A message's octets go to the store's sink; a mailbox name may be a literal too,
    and stays in memory. Raises `Bad`, `No` and store errors.
    """
    arriving: Arriving | None = context.arriving
    try:
        if arriving is None:
            arriving = context.arriving = _begin(context, announced, bringing)
        if arriving is None:
            return None
        content = _is_content(context, announced, arriving, bringing.most)
    except Malformed as fault:
        raise Bad(
            f"{bringing.command}: {fault.wanted} wanted at octet {fault.at}", fault.code
        ) from fault
    if not content:
        _check_small(context, announced)
        return None
    try:
        sink = await context.account.admit(
            arriving.name,
            announced.size,
            waiting=arriving.octets,
            instead_of=arriving.instead_of,
        )
    except NotFound as error:
        raise No(error.text, "TRYCREATE") from error
    arriving.octets += announced.size
    return sink


def _begin(
    context: Context, announced: LiteralAnnounced, bringing: Bringing
) -> Arriving | None:
    """Read up to the mailbox; None: its name is the literal that comes."""
    cursor = Cursor(announced.text, announced.literals, utf8=uses_utf8(context))
    cursor.tag()
    cursor.sp()
    cursor.expect(bringing.command.encode("ascii"))
    try:
        mailbox = bringing.read(cursor)
    except LiteralMissing:
        _check_small(context, announced)
        return None
    name = existing_name(context, mailbox)
    instead_of = bringing.instead_of()
    return Arriving(name, cursor.at, cursor.literals_taken, instead_of=instead_of)


def _is_content(
    context: Context, announced: LiteralAnnounced, arriving: Arriving, most: int
) -> bool:
    """Tell whether the literal is a message's, and read on to the one it is of.

    Raises `Malformed`, and `No` for a message without octets.
    """
    before = arriving.literals
    rest = announced.literals[before:]
    cursor = Cursor(announced.text, rest, utf8=uses_utf8(context))
    cursor.at = arriving.at
    end = len(announced.text)
    while True:
        if arriving.messages >= most:
            raise cursor.fail("the end of the command")
        try:
            found = _read_head(cursor, context.registry)
        except LiteralMissing:
            return False  # a value of an option
        if found.spec is None:
            place = cursor.match(abnf.literal)
            if place is None or place.end() != end:
                raise cursor.fail("a literal")
            if announced.size == 0:
                raise No(_EMPTY)  # RFC 3502: cancels the whole command
            arriving.at, arriving.literals = end, len(announced.literals) + 1
            arriving.messages += 1
            return True
        try:
            found.spec.parse(cursor, context.registry)
        except LiteralMissing:
            return found.spec.brings_content(announced.text)
        arriving.at = cursor.at
        arriving.literals = before + cursor.literals_taken
        arriving.messages += 1


def _check_small(context: Context, announced: LiteralAnnounced) -> None:
    """Bound a literal that is no message. Raises `No`."""
    most = context.services.limits().literal
    if announced.size > most:
        raise No(f"a literal here may have {most} octets at most", "TOOBIG")


# -- when they are here


def content_of(message: Literal) -> bytes | MessageSink:
    """Give a literal's octets. Raises `No` when there are none."""
    if message.size == 0:
        raise No(_EMPTY)
    if message.data is not None:
        return message.data
    assert message.sink is not None
    return message.sink  # type: ignore[return-value]  # the one that `admit` gave


async def arrivals_of(
    context: Context, mailbox: str, messages: Sequence[NewMessage]
) -> tuple[Arrival, ...]:
    """Make what the store takes. Raises `No` and store errors."""
    made: list[Arrival] = []
    try:
        for message in messages:
            data, flags, date = message.data, message.flags, message.date
            if isinstance(data, PlainData):
                arrival = Arrival(content_of(data.message), flags, date)
            else:
                arrival = await data.arrive(context, mailbox)
                arrival = arrival._replace(flags=flags, internaldate=date)
            for option in message.options:
                arrival = option.enrich(arrival)
            made.append(arrival)
    except BaseException:
        forget(made)
        raise
    return tuple(made)


def forget(arrivals: Sequence[Arrival]) -> None:
    """Free what messages hold that were not stored. Harmless when they were."""
    for arrival in arrivals:
        if not isinstance(arrival.content, bytes):
            arrival.content.abort()
