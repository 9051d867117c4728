"""ACL: who may do what to a mailbox, read and changed (RFC 4314).

::

    setacl          = "SETACL" SP mailbox SP identifier SP ["+" / "-"] rights
    deleteacl       = "DELETEACL" SP mailbox SP identifier
    getacl          = "GETACL" SP mailbox
    listrights      = "LISTRIGHTS" SP mailbox SP identifier
    myrights        = "MYRIGHTS" SP mailbox

    C: A002 SETACL INBOX/Drafts Chris +cda
    S: A002 OK SETACL completed
    C: A003 GETACL INBOX/Drafts
    S: * ACL INBOX/Drafts Fred rwipslxetad Chris lrswikxtedac
    S: A003 OK GETACL completed

That rights hold is not decided here: the store checks them, whatever the command. What
an identifier may be is `mailstore.service.rights_lists`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from imapd.session.context import Context
from imapd.session.faults import Bad
from imapd.session.names import existing_name, uses_utf8
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.session.rights_responses import (
    acl_response,
    listrights_response,
    myrights_response,
)
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring
from mailstore.directory.names import normal
from mailstore.errors import InvalidName
from mailstore.rights import Right, UnknownRight, parse_rights, write_rights
from mailstore.service.rights_lists import Change

_CHANGES = {change.value: change for change in Change}


@dataclass(frozen=True, slots=True)
class SetAcl:
    """Change what an identifier has; names are as they were written."""

    mailbox: bytes
    identifier: bytes
    change: Change
    rights: Right


@dataclass(frozen=True, slots=True)
class DeleteAcl:
    """Take an identifier off the list."""

    mailbox: bytes
    identifier: bytes


@dataclass(frozen=True, slots=True)
class GetAcl:
    """Tell the list."""

    mailbox: bytes


@dataclass(frozen=True, slots=True)
class ListRights:
    """Tell what an identifier may be given."""

    mailbox: bytes
    identifier: bytes


@dataclass(frozen=True, slots=True)
class MyRights:
    """Tell one's own rights."""

    mailbox: bytes


# -- grammar


def parse_setacl(cursor: Cursor, _: Registry) -> SetAcl:
    """Take the arguments of SETACL. Raises `Malformed`."""
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.sp()
    identifier = cursor.astring()
    cursor.sp()
    start = cursor.at
    text = cursor.astring()
    sign = text[:1].decode("ascii", "replace")
    change = _CHANGES.get(sign, Change.REPLACE)
    letters = text[len(change.value) :].decode("ascii", "replace")
    try:
        rights = parse_rights(letters)
    except UnknownRight as error:
        # §3.1: nothing that isn't known may be passed over.
        cursor.at = start
        raise cursor.fail(f"no right {str(error)[:1]!r}, but lrswipkxteancd") from None
    cursor.end()
    return SetAcl(mailbox, identifier, change, rights)


def _parse(
    node: Callable[..., Any], identifies: bool, cursor: Cursor, _: Registry
) -> Any:  # noqa: ANN401 - each command has its own node
    """Take a mailbox and an identifier, if there is one. Raises `Malformed`."""
    cursor.sp()
    words = [parse_mailbox(cursor)]
    if identifies:
        cursor.sp()
        words.append(cursor.astring())
    cursor.end()
    return node(*words)


def unparse_setacl(node: SetAcl) -> bytes:
    """Write the command as a client would."""
    rights = (node.change.value + write_rights(node.rights)).encode("ascii")
    return b" ".join(
        [
            b"SETACL",
            unparse_name(node.mailbox),
            client_astring(node.identifier),
            client_astring(rights),
        ]
    )


def _unparse(name: str, node: GetAcl | MyRights | DeleteAcl | ListRights) -> bytes:
    words = [name.encode("ascii"), unparse_name(node.mailbox)]
    if isinstance(node, DeleteAcl | ListRights):
        words.append(client_astring(node.identifier))
    return b" ".join(words)


# -- handlers


def _identifier(octets: bytes) -> str:
    """Prepare an identifier (§3). Raises `Bad` when it cannot be one."""
    try:
        text = octets.decode("utf-8")
        normal(text.removeprefix("-"))
    except (UnicodeDecodeError, InvalidName):
        raise Bad("nobody can have this identifier") from None
    return text


async def run_setacl(context: Context, node: SetAcl) -> Completed:
    """Change the list. Raises `Bad`, and `No`: no such mailbox, no right, nobody."""
    name, who = existing_name(context, node.mailbox), _identifier(node.identifier)
    await context.account.rights.change(name, who, node.change, node.rights)
    return Completed("SETACL completed")


async def run_deleteacl(context: Context, node: DeleteAcl) -> Completed:
    """Take somebody off the list; no error if he isn't there. Raises as SETACL."""
    name, who = existing_name(context, node.mailbox), _identifier(node.identifier)
    await context.account.rights.drop(name, who)
    return Completed("DELETEACL completed")


async def run_getacl(context: Context, node: GetAcl) -> Completed:
    """Tell the list. Raises `No`: no such mailbox, no right."""
    name = existing_name(context, node.mailbox)
    entries = await context.account.rights.entries(name)
    told = [(one.identifier, one.rights) for one in entries]
    context.reply.untagged(acl_response(name, told, utf8=uses_utf8(context)))
    return Completed("GETACL completed")


async def run_listrights(context: Context, node: ListRights) -> Completed:
    """Tell what somebody may be given. Raises as SETACL."""
    name, who = existing_name(context, node.mailbox), _identifier(node.identifier)
    found = await context.account.rights.grantable(name, who)
    context.reply.untagged(
        listrights_response(
            name,
            node.identifier,
            found.always,
            found.optional,
            utf8=uses_utf8(context),
        )
    )
    return Completed("LISTRIGHTS completed")


async def run_myrights(context: Context, node: MyRights) -> Completed:
    """Tell one's own rights. Raises `No` when there is no such mailbox."""
    name = existing_name(context, node.mailbox)
    rights = await context.account.rights.mine(name)
    utf8 = uses_utf8(context)
    context.reply.untagged(myrights_response(name, rights, utf8=utf8))
    return Completed("MYRIGHTS completed")


FEATURE = Feature(
    name="ACL",
    rfc=("4314",),
    # §5.1.1: the rights that older clients don't know.
    capabilities=(Capability("ACL"), Capability("RIGHTS=kxten")),
    commands=(
        CommandSpec(
            name="SETACL",
            parse=parse_setacl,
            unparse=unparse_setacl,
            run=run_setacl,
            states=States.LOGGED_IN,
            rfc="RFC 4314 §3.1",
        ),
        *(
            CommandSpec(
                name=name,
                parse=partial(_parse, node, identifies),
                unparse=partial(_unparse, name),
                run=run,
                states=States.LOGGED_IN,
                rfc=rfc,
            )
            for name, node, identifies, run, rfc in (
                ("DELETEACL", DeleteAcl, True, run_deleteacl, "RFC 4314 §3.2"),
                ("GETACL", GetAcl, False, run_getacl, "RFC 4314 §3.3"),
                ("LISTRIGHTS", ListRights, True, run_listrights, "RFC 4314 §3.4"),
                ("MYRIGHTS", MyRights, False, run_myrights, "RFC 4314 §3.5"),
            )
        ),
    ),
)
