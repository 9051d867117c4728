"""STORE and UID STORE (RFC 3501 §6.4.6, §6.4.8).

::

    store           = "STORE" SP sequence-set SP store-att-flags
    store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP
                      (flag-list / (flag *(SP flag)))

    a3 STORE 2:4 +FLAGS (\\Deleted)
    * 2 FETCH (FLAGS (\\Deleted \\Seen))
    a3 OK STORE completed

It must not know how flags are kept, nor merge them: the store does it in one step,
so that flags which two sessions set at once are both there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from imapd.session.context import Context
from imapd.session.flag_responses import rows_of, tell_flags
from imapd.session.registry import (
    CommandSpec,
    Completed,
    Effects,
    Feature,
    Registry,
    States,
)
from imapd.syntax.flags import parse_flags, unparse_flags
from imapd.syntax.sequence import NumberSet, SequenceSet, UidSet
from imapd.wire.cursor import Cursor
from mailstore.model import FlagChange, FlagOperation

_ITEM = re.compile(rb"([+-]?FLAGS)(\.SILENT)?(?![^ ])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Store:
    """Change flags of messages; ``silent`` asks for no answer about them."""

    messages: NumberSet
    change: FlagChange
    silent: bool


def parse(numbers: type[NumberSet], cursor: Cursor, _: Registry) -> Store:
    """Take the arguments of STORE. Raises `Malformed`."""
    cursor.sp()
    messages = numbers.parse(cursor)
    cursor.sp()
    item = cursor.need(_ITEM, "FLAGS, +FLAGS or -FLAGS, with .SILENT or without,")
    operation = FlagOperation(item[1].upper().decode("ascii"))
    cursor.sp()
    change = FlagChange(operation, parse_flags(cursor))
    cursor.end()
    return Store(messages, change, silent=item[2] is not None)


def unparse(node: Store) -> bytes:
    """Write the command as a client would."""
    return b"%b %b %b%b %b" % (
        b"UID STORE" if isinstance(node.messages, UidSet) else b"STORE",
        node.messages.unparse(),
        node.change.operation.value.encode("ascii"),
        b".SILENT" if node.silent else b"",
        unparse_flags(node.change.flags),
    )


async def run(context: Context, node: Store) -> Completed:
    """Change the flags and tell the client what it can't know itself.

    Raises `Bad` for a number beyond the mailbox, and the store's errors: a
    read-only mailbox, too many keywords.
    """
    selected = context.selected
    view, by_uid = selected.view, isinstance(node.messages, UidSet)
    uids = view.resolve(node.messages)
    text = "UID STORE completed" if by_uid else "STORE completed"
    if not uids:
        return Completed(text)
    stored = await selected.mailbox.store_flags(uids, node.change, seen_at=view.modseq)
    told = rows_of(stored)
    if node.silent:
        # RFC 3501 §6.4.6: what others changed meanwhile is told even so; the client's
        # own reckoning would be wrong.
        view.absorb(dict(stored.updated))
        told = stored.external
    await tell_flags(view, context.reply, told, with_uid=by_uid)
    if stored.missing:
        return Completed("some of the messages no longer exist", "EXPUNGEISSUED")
    return Completed(text)


FEATURE = Feature(
    name="STORE",
    rfc=("3501",),
    commands=(
        CommandSpec(
            name="STORE",
            parse=partial(parse, SequenceSet),
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc="RFC 3501 §6.4.6",
            effects=Effects.HOLDS_REMOVALS,
        ),
        CommandSpec(
            name="UID STORE",
            parse=partial(parse, UidSet),
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc="RFC 3501 §6.4.8",
        ),
    ),
)
