"""ID: programs say their names (RFC 2971).

::

    id              = "ID" SP id-params-list
    id-params-list  = "(" string SP nstring *(SP string SP nstring) ")" / NIL

    C: a023 ID ("name" "sodr" "version" "19.34")
    S: * ID ("name" "imapd")
    S: a023 OK ID completed

What a client says is for the log, and decides nothing that a standard speaks of
(§3.3).
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_string, string

_MOST_PAIRS = 30  # RFC 2971 §3.3
_MOST_FIELD = 30
_MOST_VALUE = 1024


@dataclass(frozen=True, slots=True)
class Id:
    """Fields and values; empty for NIL."""

    pairs: tuple[tuple[bytes, bytes | None], ...] = ()


def parse(cursor: Cursor, _: Registry) -> Id:
    """Take the argument of ID. Raises `Malformed`."""
    cursor.sp()
    pairs: tuple[tuple[bytes, bytes | None], ...] = ()
    if cursor.peek() == b"(":
        pairs = cursor.parenthesised(lambda: _pair(cursor))
        if len(pairs) > _MOST_PAIRS:
            raise cursor.fail(f"at most {_MOST_PAIRS} fields")
    elif cursor.nstring() is not None:
        raise cursor.fail("a list of fields or NIL")
    cursor.end()
    return Id(pairs)


def _pair(cursor: Cursor) -> tuple[bytes, bytes | None]:
    field = cursor.string()
    cursor.sp()
    value = cursor.nstring()
    if len(field) > _MOST_FIELD or len(value or b"") > _MOST_VALUE:
        raise cursor.fail("a shorter field")
    return field, value


def unparse(node: Id) -> bytes:
    """Write the command as a client would."""
    if not node.pairs:
        return b"ID NIL"
    words = [
        b"%b %b" % (client_string(f), b"NIL" if v is None else client_string(v))
        for f, v in node.pairs
    ]
    return b"ID (%b)" % b" ".join(words)


async def run(context: Context, node: Id) -> Completed:
    """Keep and log what the client says; say the server's name.

    Its version is told to those who are logged in: it helps attackers most.
    """
    session, services = context.session, context.services
    session.client_id = tuple(
        (_text(field), None if value is None else _text(value))
        for field, value in node.pairs
    )
    services.log.event("id", id=session.id, client=dict(session.client_id))
    words = [b'"name"', string(services.server_name.encode("ascii", "replace"))]
    if session.account is not None and services.version:
        words += [b'"version"', string(services.version.encode("ascii", "replace"))]
    context.reply.untagged(b"ID (%b)" % b" ".join(words))
    return Completed("ID completed")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


FEATURE = Feature(
    name="ID",
    rfc=("2971",),
    capabilities=(Capability("ID"),),
    commands=(
        CommandSpec(
            name="ID",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.ANY,
            rfc="RFC 2971 §3.1",
        ),
    ),
)
