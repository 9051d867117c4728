"""CREATE (RFC 3501 §6.3.3), with a special use (RFC 6154 §3).

::

    create          = "CREATE" SP mailbox [SP "(" "USE" SP "(" [use-attr …] ")" ")"]

    a003 CREATE owatagusiam/
    a003 OK CREATE completed
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.names import new_name, tell_normalized
from imapd.session.registry import CommandSpec, Completed, Feature, Registry, States
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor
from mailstore.model import VIRTUAL_USES, SpecialUse

CREATE_SPECIAL_USE = "CREATE-SPECIAL-USE"
_USES = {use.value.upper(): use for use in SpecialUse}


@dataclass(frozen=True, slots=True)
class Create:
    """Make a mailbox; name and uses are as they were written."""

    mailbox: bytes
    uses: tuple[bytes, ...] = ()


def parse(cursor: Cursor, registry: Registry) -> Create:
    """Take the arguments of CREATE. Raises `Malformed`."""
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    uses: tuple[bytes, ...] = ()
    if cursor.peek() == b" " and _has_special_use(registry):
        cursor.sp()
        cursor.expect(b"(USE ")
        uses = cursor.parenthesised(lambda: _use(cursor))
        cursor.expect(b")")
    cursor.end()
    return Create(mailbox, uses)


def _has_special_use(registry: Registry) -> bool:
    return any(c.text == CREATE_SPECIAL_USE for c in registry.capabilities)


def _use(cursor: Cursor) -> bytes:
    cursor.expect(b"\\")
    return b"\\" + cursor.atom()


def unparse(node: Create) -> bytes:
    """Write the command as a client would."""
    text = b"CREATE " + unparse_name(node.mailbox)
    if node.uses:
        text += b" (USE (%b))" % b" ".join(node.uses)
    return text


async def run(context: Context, node: Create) -> Completed:
    """Make a mailbox and the parents that it lacks; all are subscribed.

    Raises `No` for a name that exists or cannot be, or a use that cannot.
    """
    name = new_name(context, node.mailbox, trailing=True)
    made = await context.account.create(name, _special_use(node.uses))
    await tell_normalized(context, name, node.mailbox)
    codes = [code(context, made) for code in context.registry.create_codes]
    return Completed("CREATE completed", next(filter(None, codes), None))


def _special_use(uses: tuple[bytes, ...]) -> SpecialUse | None:
    if not uses:
        return None
    found = [_USES.get(use.decode("ascii").upper()) for use in uses]
    if len(found) > 1 or found[0] is None or found[0] in VIRTUAL_USES:
        raise No("no mailbox can be made for such a use", "USEATTR")  # RFC 6154 §6
    return found[0]


FEATURE = Feature(
    name="CREATE",
    rfc=("3501",),
    commands=(
        CommandSpec(
            name="CREATE",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc="RFC 3501 §6.3.3",
        ),
    ),
)
