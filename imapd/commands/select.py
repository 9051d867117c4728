"""SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2).

::

    select          = "SELECT" SP mailbox [select-params]    (RFC 4466 §2.1)

    a142 SELECT INBOX
    * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
    * 172 EXISTS
    * 1 RECENT
    * OK [UNSEEN 12] first message without \\Seen
    * OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] flags that are kept
    * OK [UIDNEXT 4392] predicted next UID
    * OK [UIDVALIDITY 3857529045] UIDs valid
    a142 OK [READ-WRITE] SELECT completed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from imapd.session.context import Context
from imapd.session.names import existing_name
from imapd.session.parameters import (
    SelectParameter,
    in_order,
    parse_parameters,
    unparse_parameters,
)
from imapd.session.permissions import tell_flags_kept
from imapd.session.registry import (
    CommandSpec,
    Completed,
    Effects,
    Feature,
    Registry,
    States,
)
from imapd.session.responses import status
from imapd.session.state import Selected
from imapd.session.view import View
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor
from mailstore.service import Mailbox


@dataclass(frozen=True, slots=True)
class Select:
    """Select a mailbox, read-only for EXAMINE; its name is as it was written."""

    mailbox: bytes
    readonly: bool = False
    parameters: tuple[SelectParameter, ...] = ()


def _parse(readonly: bool, cursor: Cursor, registry: Registry) -> Select:
    """Take the arguments of SELECT or EXAMINE. Raises `Malformed`."""
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    parameters: tuple[SelectParameter, ...] = ()
    if cursor.peek(2) == b" (":
        cursor.sp()
        known = registry.select_parameters
        parameters = parse_parameters(cursor, known, "a parameter of SELECT")
    cursor.end()
    return Select(mailbox, readonly, parameters)


def unparse(node: Select) -> bytes:
    """Write the command as a client would."""
    name = b"EXAMINE" if node.readonly else b"SELECT"
    written = b"%b %b" % (name, unparse_name(node.mailbox))
    if not node.parameters:
        return written
    return b"%b %b" % (written, unparse_parameters(node.parameters))


async def run(context: Context, node: Select) -> Completed:
    """Select a mailbox. A failure leaves none selected (RFC 3501 §6.3.1).

    Raises `No` when there is no such mailbox, `Bad` for parameters that cannot be
    met; then nothing has changed.
    """
    parameters: Sequence[SelectParameter] = ()
    if node.parameters:
        parameters = in_order(node.parameters, context.registry.select_parameters)
    for parameter in parameters:
        parameter.check(context)
    if context.session.selected is not None:
        await context.deselect()
        # RFC 7162 §3.2.11: what comes before is about the old mailbox.
        context.reply.untagged(
            context.status(b"OK", "the other mailbox is closed", "CLOSED")
        )
    if parameters:
        name, written = await _name(context, node, parameters)
    else:
        name, written = existing_name(context, node.mailbox), node.mailbox
    mailbox = await _opened(context, name, readonly=node.readonly)
    view = View(mailbox, context.session.telling)
    selected = Selected(mailbox, view, written)
    context.session.selected = selected
    try:
        await _tell(context, selected)
        for parameter in parameters:
            await parameter.opened(context)
    except BaseException:
        await context.deselect()
        raise
    command = "EXAMINE" if node.readonly else "SELECT"
    access = "READ-ONLY" if mailbox.readonly else "READ-WRITE"
    return Completed(f"{command} completed", access)


async def _name(
    context: Context, node: Select, parameters: Iterable[SelectParameter]
) -> tuple[str, bytes]:
    """Give the mailbox's name, and what the client wrote if it was that."""
    found = [await parameter.meant(context) for parameter in parameters]
    for name in filter(None, found):
        return name, name.encode("utf-8")
    return existing_name(context, node.mailbox), node.mailbox


async def _opened(context: Context, name: str, *, readonly: bool) -> Mailbox:
    """Open a mailbox; what the client hears from then on is no older than that."""
    mailbox = await context.account.open(name, readonly=readonly)
    watch = context.session.watch
    if watch is not None:
        try:
            await watch.tell_before(context, mailbox)
        except BaseException:
            await mailbox.close()
            raise
    return mailbox


async def _tell(context: Context, selected: Selected) -> None:
    lines = [_state(context, selected)]
    for respond in context.registry.select_responses:
        response = respond(context, selected)
        if response is not None and not isinstance(response, bytes):
            response = await response
        if response is not None:
            lines.append(response)
    context.reply.untagged(*lines)


def _state(context: Context, selected: Selected) -> bytes:
    """Render what every mailbox has, without the first ``* `` and the last CRLF."""
    mailbox, view = selected.mailbox, selected.view
    recent = first = None
    if view.telling.recent:
        recent, first = view.count_recent(), mailbox.unseen_first()
        if first is not None and (first >= view.exists or view.telling.uid_only):
            first = None
    return _rendered(
        *tell_flags_kept(context, mailbox),
        (view.exists, recent, first),
        (mailbox.uidnext, mailbox.uidvalidity),
        view.telling.language,
    )


@lru_cache(maxsize=256)
def _rendered(
    flags: bytes,
    kept: bytes,
    counts: tuple[int, int | None, int | None],
    uids: tuple[int, int],
    language: str,
) -> bytes:
    """Render that; clients go to and fro between mailboxes that stay as they are."""
    exists, recent, unseen = counts
    lines = [flags, b"%d EXISTS" % exists]
    if recent is not None:
        lines.append(b"%d RECENT" % recent)
    if unseen is not None:
        code = f"UNSEEN {unseen + 1}"
        lines.append(status(b"OK", "first message without \\Seen", code, language))
    lines += [
        kept,
        status(b"OK", "predicted next UID", f"UIDNEXT {uids[0]}", language),
        status(b"OK", "UIDs valid", f"UIDVALIDITY {uids[1]}", language),
    ]
    return b"\r\n* ".join(lines)


FEATURE = Feature(
    name="SELECT",
    rfc=("3501",),
    commands=tuple(
        CommandSpec(
            name=name,
            parse=partial(_parse, readonly),
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc=rfc,
            effects=Effects.NO_SYNC,
        )
        for name, readonly, rfc in (
            ("SELECT", False, "RFC 3501 §6.3.1"),
            ("EXAMINE", True, "RFC 3501 §6.3.2"),
        )
    ),
)
