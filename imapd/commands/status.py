"""STATUS (RFC 3501 §6.3.10).

::

    status          = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"

    A042 STATUS blurdybloop (UIDNEXT MESSAGES)
    * STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)
    A042 OK STATUS completed

Items are plugs: an extension brings its own by a `StatusItemSpec`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial

from imapd.session.context import Context
from imapd.session.names import existing_name, likely_names, uses_utf8
from imapd.session.plugs import StatusItemSpec
from imapd.session.registry import (
    LONGEST_UNDERSTOOD,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.session.status_items import (
    StatusItems,
    known_items,
    parse_status_items,
    status_items,
)
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire import abnf
from imapd.wire.cursor import Cursor

_ITEMS = rb" (\([A-Za-z0-9. -]{1,300}\))"
_NAME = rb' (?:"([ !#-\[\]-~]*)"|(%b))' % abnf.astring_atom.pattern
_USUAL = re.compile(_NAME + _ITEMS)  # read at once: a client asks of all mailboxes
_OCTETS = 128  # of a command that is looked for ahead: longer ones are few
_AHEAD = re.compile(
    rb"^[^ \r\n]{1,64}( (?i:STATUS)%b)\r?\n" % _USUAL.pattern, re.MULTILINE
)
_UTF8_AHEAD = re.compile(
    rb'^[^ \r\n]{1,64} STATUS "([^"\\\r\n]*[\x80-\xff][^"\\\r\n]*)" \(',
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Status:
    """Tell counters of a mailbox; each item once, in upper case."""

    mailbox: bytes
    items: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.items:
            raise ValueError("STATUS asks for something")


def parse(cursor: Cursor, registry: Registry) -> Status:
    """Take the arguments of STATUS. Raises `Malformed`."""
    found = _USUAL.fullmatch(cursor.text, cursor.at)
    items = None if found is None else known_items(registry, found[3])
    if found is not None and items is not None:
        cursor.at = found.end()
        return Status(found[1] if found[2] is None else found[2], items)
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.sp()
    items = parse_status_items(cursor, registry)
    cursor.end()
    return Status(mailbox, items)


def unparse(node: Status) -> bytes:
    """Write the command as a client would."""
    items = " ".join(node.items).encode("ascii")
    return b"STATUS %b (%b)" % (unparse_name(node.mailbox), items)


_TOLD = Completed("STATUS completed")


def run(context: Context, node: Status) -> Completed | Awaitable[Completed]:
    """Tell the counters. Raises `No` when there is no such mailbox."""
    name = existing_name(context, node.mailbox)
    items = status_items(context.registry, node.items)
    items.asked_for(context)
    if items.counts:
        return _count(context, name, items)
    expected = partial(_names_ahead, context)
    status = context.account.status_now(name, expected)
    if status is None:
        return _count(context, name, items)
    context.reply.untagged(items.response(name, status, utf8=uses_utf8(context)))
    return _TOLD


async def _count(context: Context, name: str, items: StatusItems) -> Completed:
    status = await context.account.status(
        name, recent=items.recent, deleted_octets=items.deleted_octets
    )
    context.reply.untagged(items.response(name, status, utf8=uses_utf8(context)))
    return _TOLD


def _names_ahead(context: Context, most: int) -> list[str]:
    """Guess which mailboxes are asked for next, by the commands that are here.

    Those commands are understood at once: what their texts mean depends on no other.
    """
    if not context.input.buffered:
        return []
    octets = context.input.peek(most * _OCTETS)
    registry, telling = context.registry, context.session.telling
    spec = registry.commands[_NAME_OF_COMMAND]
    understood, written = registry.understood, list[bytes]()
    for text, quoted, atom, listed in _AHEAD.findall(octets)[:most]:
        name = quoted or atom
        written.append(name)
        key = text, telling.utf8, telling.charsets
        if key not in understood and len(text) <= LONGEST_UNDERSTOOD:
            items = known_items(registry, listed)
            if items is not None:
                understood.keep(key, (spec, Status(name, items)))
    if telling.utf8:
        written += _UTF8_AHEAD.findall(octets)
    return likely_names(context, written[:most])


_NAME_OF_COMMAND = "STATUS"
_RFC = "RFC 3501 §6.3.10"
FEATURE = Feature(
    name="STATUS",
    rfc=("3501",),
    commands=(
        CommandSpec(
            name=_NAME_OF_COMMAND,
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc=_RFC,
        ),
    ),
    status_items=(
        StatusItemSpec("MESSAGES", "messages", _RFC),
        StatusItemSpec("RECENT", "recent", _RFC, counts_recent=True),
        StatusItemSpec("UIDNEXT", "uidnext", _RFC),
        StatusItemSpec("UIDVALIDITY", "uidvalidity", _RFC),
        StatusItemSpec("UNSEEN", "unseen", _RFC),
    ),
)
