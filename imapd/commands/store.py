"""STORE and UID STORE (RFC 3501 §6.4.6, §6.4.8).

::

    store           = "STORE" SP sequence-set [store-modifiers] SP store-att-flags
    store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP
                      (flag-list / (flag *(SP flag)))
                      ; and other items (`imapd.session.storing`)

    a3 STORE 2:4 +FLAGS (\\Deleted)
    * 2 FETCH (FLAGS (\\Deleted \\Seen))
    a3 OK STORE completed

It must not know how flags are kept, nor merge them: the store does it in one step,
so that flags which two sessions set at once are both there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from imapd.session.bounds import cut, with_code
from imapd.session.context import Context
from imapd.session.numbered import both_forms
from imapd.session.parameters import (
    StoreModifier,
    in_order,
    parse_parameters,
    unparse_parameters,
)
from imapd.session.registry import Completed, Effects, Feature, Registry
from imapd.session.storing import StoreItem, StoreRequest, tell_stored
from imapd.session.view import View
from imapd.syntax.flags import parse_flags, unparse_flags
from imapd.syntax.sequence import NumberSet, UidSet
from imapd.wire.cursor import Cursor, Malformed
from mailstore.model import FlagChange, FlagOperation, Stored

_FLAGS = re.compile(rb"([+-]?FLAGS)(\.SILENT)?(?![^ ])", re.IGNORECASE)
_NAME = re.compile(rb"[+-]?[A-Za-z][A-Za-z0-9.-]{0,63}")
_USUAL = 128  # octets of an item that is worth remembering


@dataclass(frozen=True, slots=True)
class StoreFlags:
    """The item FLAGS: change flags; ``silent`` asks for no answer about them."""

    change: FlagChange
    silent: bool = False

    def unparse(self) -> bytes:
        """Write the item."""
        return b"%b%b %b" % (
            self.change.operation.value.encode("ascii"),
            b".SILENT" if self.silent else b"",
            unparse_flags(self.change.flags),
        )

    async def store(self, context: Context, request: StoreRequest) -> Stored:
        """Change the flags. Raises the store's errors: too many keywords, and so on."""
        selected = context.selected
        with context.at_work():
            stored = await selected.mailbox.store_flags(
                request.uids,
                self.change,
                unchanged_since=request.unchanged_since,
                seen_at=selected.view.modseq,
            )
        await tell_stored(context, stored, by_uid=request.by_uid, silent=self.silent)
        return stored


@dataclass(frozen=True, slots=True)
class Store:
    """Change something of messages, flags for example."""

    messages: NumberSet
    item: StoreItem
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
    item = _parse_item(cursor, registry)
    cursor.end()
    return Store(messages, item, modifiers)


def _parse_item(cursor: Cursor, registry: Registry) -> StoreItem:
    text = cursor.peek(_USUAL + 1)
    usual = _usual_item(text) if len(text) <= _USUAL else None
    if usual is None:
        return _parse_any_item(cursor, registry)
    cursor.at += len(text)
    return usual


@lru_cache(maxsize=256)
def _usual_item(text: bytes) -> StoreFlags | None:
    """Give FLAGS with its flags, if that is all of a text.

    Clients say the same few again and again.
    """
    cursor = Cursor(text)
    flags = cursor.match(_FLAGS)
    if flags is None:
        return None
    try:
        found = _parse_flags(cursor, flags)
        cursor.end()
    except Malformed:
        return None  # which is told where it stands in the command
    return found


def _parse_flags(cursor: Cursor, flags: re.Match[bytes]) -> StoreFlags:
    operation = FlagOperation(flags[1].upper().decode("ascii"))
    cursor.sp()
    change = FlagChange(operation, parse_flags(cursor))
    return StoreFlags(change, flags[2] is not None)


def _parse_any_item(cursor: Cursor, registry: Registry) -> StoreItem:
    flags = cursor.match(_FLAGS)
    if flags is not None:
        return _parse_flags(cursor, flags)
    start = cursor.at
    name = cursor.match(_NAME)
    spec = None
    if name is not None:
        spec = registry.store_items.get(name[0].decode("ascii").upper())
    if spec is None:
        cursor.at = start
        raise cursor.fail("FLAGS, +FLAGS or -FLAGS, with .SILENT or without,")
    return spec.parse(cursor)


def unparse(node: Store) -> bytes:
    """Write the command as a client would."""
    modifiers = unparse_parameters(node.modifiers) + b" " if node.modifiers else b""
    return b"%b %b %b%b" % (
        b"UID STORE" if isinstance(node.messages, UidSet) else b"STORE",
        node.messages.unparse(),
        modifiers,
        node.item.unparse(),
    )


async def run(context: Context, node: Store) -> Completed:
    """Change the messages and tell the client what it can't know itself.

    Raises `Bad` for a number beyond the mailbox, and what the item raises.
    """
    view, by_uid = context.selected.view, isinstance(node.messages, UidSet)
    uids, code = cut(context, view.resolve(node.messages))
    since = _begin(context, node.modifiers) if node.modifiers else None
    text = "UID STORE completed" if by_uid else "STORE completed"
    if not uids:
        return Completed(text)
    request = StoreRequest(uids, by_uid, since)
    stored = await node.item.store(context, request)
    return with_code(context, _completed(node, view, stored, text), code)


def _begin(context: Context, modifiers: Sequence[StoreModifier]) -> int | None:
    """Begin with modifiers; gives the mod-sequence that no message may have passed."""
    for modifier in in_order(modifiers, context.registry.store_modifiers):
        modifier.begin(context)
    limits = [modifier.unchanged_since for modifier in modifiers]
    return min([limit for limit in limits if limit is not None], default=None)


def _completed(node: Store, view: View, stored: Stored, text: str) -> Completed:
    """Say what was left undone; a message that is gone is no failure of the others.

    There is room for one code (RFC 3501 §7.1): the client learns of removals anyway.
    """
    if not stored.failed:
        gone = "some of the messages no longer exist"
        return Completed(gone, "EXPUNGEISSUED") if stored.missing else Completed(text)
    refused = stored.failed
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
