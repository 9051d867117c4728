"""The command FETCH: grammar, inverse and handler (RFC 3501 §6.4.5, §7.4.2).

::

    fetch           = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" /
                      fetch-att / "(" fetch-att *(SP fetch-att) ")")
                      [fetch-modifiers]                       (RFC 4466 §2.4)

    a654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])
    * 2 FETCH ...
    a654 OK FETCH completed

Numbers stand still while it runs. A message that others removed meanwhile is answered
as long as the store has it, else the end is ``OK [EXPUNGEISSUED]`` (RFC 2180 §4.1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from imapd.commands.fetch.items import macro
from imapd.session.bounds import cut, with_code
from imapd.session.context import Context
from imapd.session.faults import No, fault_of
from imapd.session.fetch_attribute import UID
from imapd.session.fetch_lines import Listed
from imapd.session.fetch_plan import Environment, Plan
from imapd.session.fetch_sender import Sender
from imapd.session.memo import Memo
from imapd.session.parameters import (
    FetchModifier,
    FetchRequest,
    in_order,
    parse_parameters,
    unparse_parameters,
)
from imapd.session.plugs import CheckedItem, FetchItem, parse_fetch_item
from imapd.session.registry import Completed, Registry
from imapd.session.storing import tell_stored
from imapd.session.view import View
from imapd.syntax.sequence import NumberSet, UidSet
from imapd.wire.cursor import Cursor
from mailstore.errors import StoreError
from mailstore.model import SEEN, FlagChange, FlagOperation
from mailstore.service.fetching import Ready

_SEEN = FlagChange(FlagOperation.ADD, ("\\Seen",))
_SHORT = 512  # octets of items that are worth remembering
_PLANS: Memo[tuple[int, bool, int, bytes], tuple[tuple[FetchItem, ...], Plan]] = Memo(
    256
)


@dataclass(frozen=True, slots=True)
class Fetch:
    """Give items of messages; a macro is the items that it stands for."""

    messages: NumberSet
    items: tuple[FetchItem, ...]
    modifiers: tuple[FetchModifier, ...] = ()

    def __post_init__(self) -> None:
        if not self.items:
            raise ValueError("there is at least one item")


def parse(numbers: type[NumberSet], cursor: Cursor, registry: Registry) -> Fetch:
    """Take the arguments of FETCH. Raises `Malformed`."""
    cursor.sp()
    messages = numbers.parse(cursor)
    cursor.sp()
    # Who reads one message after the other asks the same of each.
    text, literals = cursor.text[cursor.at :], cursor.literals_taken
    understood = registry.items_of_text.get((text, cursor.utf8))
    if understood is None:
        understood = _parse_items(cursor, registry)
        if len(text) <= _SHORT and cursor.literals_taken == literals:
            registry.items_of_text.keep((text, cursor.utf8), understood)
    items, modifiers = understood
    return Fetch(messages, items, modifiers)


def _parse_items(
    cursor: Cursor, registry: Registry
) -> tuple[tuple[FetchItem, ...], tuple[FetchModifier, ...]]:
    """Take all that stands behind the messages."""
    items = macro(cursor)
    if items is None and cursor.peek() == b"(":
        items = cursor.parenthesised(
            lambda: parse_fetch_item(cursor, registry), least=1
        )
    elif items is None:
        items = (parse_fetch_item(cursor, registry),)
    modifiers: tuple[FetchModifier, ...] = ()
    if cursor.peek(2) == b" (":
        cursor.sp()
        known = registry.fetch_modifiers
        modifiers = parse_parameters(cursor, known, "a fetch modifier")
    cursor.end()
    return items, modifiers


def unparse(node: Fetch) -> bytes:
    """Write the command as a client would."""
    name = b"UID FETCH" if isinstance(node.messages, UidSet) else b"FETCH"
    items = b" ".join([item.unparse() for item in node.items])
    written = b"%b %b (%b)" % (name, node.messages.unparse(), items)
    if not node.modifiers:
        return written
    return b"%b %b" % (written, unparse_parameters(node.modifiers))


_DONE = {
    False: Completed("FETCH completed"),
    True: Completed("UID FETCH completed"),
}


def run(context: Context, node: Fetch) -> Completed | Awaitable[Completed]:
    """Answer with one FETCH response a message, then set \\Seen where it is due.

    Raises `Bad` for a number beyond the mailbox or modifiers that cannot be met,
    `No` when there are too many items or when a message was damaged: then it is the
    only one that got no answer.
    """
    limits, selected = context.services.limits(), context.selected
    if len(node.items) > limits.fetch_items:
        raise No(f"a FETCH may have {limits.fetch_items} items at most", "LIMIT")
    environment = Environment(context, selected.mailbox, selected.view)
    if node.modifiers:
        return _run_modified(environment, node)
    uids = selected.view.resolve(node.messages)
    if len(uids) == 1 and _told_at_once(environment, node, uids):
        return _DONE[isinstance(node.messages, UidSet)]
    return _run(environment, node, uids)


def _told_at_once(environment: Environment, node: Fetch, uids: Sequence[int]) -> bool:
    """Answer for one message of which all is at hand, as clients read their mail.

    False: it takes more than that, and nothing was answered.
    """
    plan = _plan(node, environment)
    if not plan.plain:
        return False
    batches = plan.batches(environment, uids)
    if not isinstance(batches, Ready):
        return False
    (name,) = environment.view.names(uids)
    return Sender(environment.context).send_at_once(plan.one(batches.batch, name))


async def _run_modified(environment: Environment, node: Fetch) -> Completed:
    return await _run(environment, node, await _narrowed(environment.context, node))


async def _run(environment: Environment, node: Fetch, uids: Sequence[int]) -> Completed:
    context, by_uid = environment.context, isinstance(node.messages, UidSet)
    uids, code = cut(context, uids)
    for item in node.items:
        if isinstance(item, CheckedItem):
            await item.check(environment, uids)
    plan = _plan(node, environment)
    sender = Sender(context)
    listed = Listed.of(plan, environment, sender, len(uids))
    if listed is not None:
        found = await listed.send(uids)
    else:
        found, unseen = await _send(plan, environment, sender, uids)
        if unseen:
            await _set_seen(context, unseen, with_uid=by_uid)
    if sender.failure is not None:
        raise fault_of(sender.failure)
    if found < len(uids):
        gone = Completed("some of the messages no longer exist", "EXPUNGEISSUED")
        return with_code(context, gone, code)
    return with_code(context, _DONE[by_uid], code)


async def _send(
    plan: Plan, environment: Environment, sender: Sender, uids: Sequence[int]
) -> tuple[int, list[int]]:
    """Answer for messages; gives how many there were, and which are to be \\Seen."""
    found, unseen = 0, list[int]()
    async for batch in plan.batches(environment, uids):
        found += len(batch.uids)
        names = environment.view.names(batch.uids)
        left_out = await sender.send_all(plan, batch, names)
        unseen += plan.unseen(batch, left_out)
        environment.context.progress(found, len(uids))
    return found, unseen


async def _narrowed(context: Context, node: Fetch) -> Sequence[int]:
    """Give the UIDs of the messages that modifiers leave. Raises `Bad`."""
    uids: Sequence[int] = context.selected.view.resolve(node.messages)
    request = FetchRequest(node.messages, node.modifiers)
    modifiers = in_order(node.modifiers, context.registry.fetch_modifiers)
    for modifier in modifiers:
        modifier.check(context, request)
    for modifier in modifiers:
        uids = await modifier.narrow(context, request, uids)
    return uids


def _plan(node: Fetch, environment: Environment) -> Plan:
    """Compile a command; what its parser remembers is known without a comparison."""
    mailbox, view = environment.mailbox, environment.view
    by_uid = isinstance(node.messages, UidSet)
    key = id(node.items), by_uid, mailbox.settable & SEEN, view.telling.fetch
    known = _PLANS.get(key)
    # As long as they are kept here no others have their number.
    if known is not None and known[0] is node.items and not node.modifiers:
        return known[1]
    plan = Plan.of(_all_items(node, view), environment)
    if plan.common and not node.modifiers:
        _PLANS.keep(key, (node.items, plan))
    return plan


def _all_items(node: Fetch, view: View) -> Sequence[FetchItem]:
    """Give the items that are asked for, and those that go without saying."""
    items = [*node.items]
    for modifier in node.modifiers:
        items += modifier.items
    # RFC 3501 §6.4.8: a UID command always tells the UID, once.
    if isinstance(node.messages, UidSet) and not view.telling.uid_only:
        items = items if UID in items else [UID, *items]
    return items


async def _set_seen(context: Context, uids: Sequence[int], *, with_uid: bool) -> None:
    """Set \\Seen on what was read, in one write, and tell it (RFC 3501 §6.4.5)."""
    selected = context.selected
    try:
        stored = await selected.mailbox.store_flags(
            uids, _SEEN, seen_at=selected.view.modseq
        )
    except StoreError as error:
        # The client has its messages. That they can't be marked, on a full disk for
        # example, is no reason to say that they were not fetched.
        context.services.log.event("store", error=str(error), id=context.session.id)
        return
    await tell_stored(context, stored, by_uid=with_uid, silent=False)
