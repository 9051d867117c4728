"""STORE and UID STORE (RFC 3501 §6.4.6, §6.4.8).

::

    store           = "STORE" SP sequence-set [store-modifiers] SP store-att-flags
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

from imapd.session.bounds import cut, with_code
from imapd.session.context import Context
from imapd.session.flag_responses import rows_of, tell_flags
from imapd.session.numbered import both_forms
from imapd.session.parameters import (
    StoreModifier,
    in_order,
    parse_parameters,
    unparse_parameters,
)
from imapd.session.registry import Completed, Effects, Feature, Registry
from imapd.session.view import View
from imapd.syntax.flags import parse_flags, unparse_flags
from imapd.syntax.sequence import NumberSet, UidSet
from imapd.wire.cursor import Cursor
from mailstore.model import FlagChange, FlagOperation, Stored

_ITEM = re.compile(rb"([+-]?FLAGS)(\.SILENT)?(?![^ ])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Store:
    """Change flags of messages; ``silent`` asks for no answer about them."""

    messages: NumberSet
    change: FlagChange
    silent: bool
    modifiers: tuple[StoreModifier, ...] = ()


def parse(numbers: type[NumberSet], cursor: Cursor, registry: Registry) -> Store:
    """Take the arguments of STORE. Raises `Malformed`."""
    cursor.sp()
    messages = numbers.parse(cursor)
    cursor.sp()
    modifiers: tuple[StoreModifier, ...] = ()
    if cursor.peek() == b"(":
        known = registry.store_modifiers
        modifiers = parse_parameters(cursor, known, "a store modifier")
        cursor.sp()
    item = cursor.need(_ITEM, "FLAGS, +FLAGS or -FLAGS, with .SILENT or without,")
    operation = FlagOperation(item[1].upper().decode("ascii"))
    cursor.sp()
    change = FlagChange(operation, parse_flags(cursor))
    cursor.end()
    return Store(messages, change, item[2] is not None, modifiers)


def unparse(node: Store) -> bytes:
    """Write the command as a client would."""
    modifiers = unparse_parameters(node.modifiers) + b" " if node.modifiers else b""
    return b"%b %b %b%b%b %b" % (
        b"UID STORE" if isinstance(node.messages, UidSet) else b"STORE",
        node.messages.unparse(),
        modifiers,
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
    uids, code = cut(context, view.resolve(node.messages))
    for modifier in in_order(node.modifiers, context.registry.store_modifiers):
        modifier.begin(context)
    text = "UID STORE completed" if by_uid else "STORE completed"
    if not uids:
        return Completed(text)
    stored = await selected.mailbox.store_flags(
        uids,
        node.change,
        unchanged_since=_unchanged_since(node),
        seen_at=view.modseq,
    )
    silent: frozenset[int] = frozenset()
    if node.silent and not (stored.external or stored.failed or view.telling.modseqs):
        view.absorb(stored.updated)
        return with_code(context, _completed(node, view, stored, text), code)
    if node.silent:
        # RFC 3501 §6.4.6: what others changed meanwhile is told even so; the client's
        # own reckoning would be wrong.
        external = dict(stored.external)
        silent = frozenset([uid for uid, _ in stored.updated if uid not in external])
    rows = rows_of(stored)
    await tell_flags(view, context.reply, rows, with_uid=by_uid, silent=silent)
    return with_code(context, _completed(node, view, stored, text), code)


def _unchanged_since(node: Store) -> int | None:
    """Give the mod-sequence that no message may have passed."""
    limits = [modifier.unchanged_since for modifier in node.modifiers]
    return min([limit for limit in limits if limit is not None], default=None)


def _completed(node: Store, view: View, stored: Stored, text: str) -> Completed:
    """Say what was left undone; a message that is gone is no failure of the others.

    There is room for one code (RFC 3501 §7.1): the client learns of removals anyway.
    """
    if not stored.failed:
        gone = "some of the messages no longer exist"
        return Completed(gone, "EXPUNGEISSUED") if stored.missing else Completed(text)
    refused = [uid for uid, _ in stored.failed]
    numbers = refused if isinstance(node.messages, UidSet) else view.numbers(refused)
    refusing = (one for one in node.modifiers if one.unchanged_since is not None)
    return Completed(
        "some of the messages have changed", next(refusing).refusal(numbers)
    )


FEATURE = Feature(
    name="STORE",
    rfc=("3501",),
    commands=both_forms(
        "STORE",
        parse,
        unparse,
        run,
        rfc=("RFC 3501 §6.4.6", "RFC 3501 §6.4.8"),
        effects=Effects.HOLDS_REMOVALS,
    ),
)
