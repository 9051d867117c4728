"""The command NOTIFY: its tree, grammar and inverse (RFC 5465 §8).

::

    notify          = "NOTIFY" SP (notify-set / notify-none)
    notify-set      = "SET" [SP "STATUS"] SP event-group *(SP event-group)
    notify-none     = "NONE"
    event-group     = "(" filter-mailboxes SP events ")"
    filter-mailboxes = "selected" / "selected-delayed" / "inboxes" / "personal" /
                      "subscribed" / ("subtree" / "mailboxes") SP
                      (mailbox / "(" mailbox *(SP mailbox) ")")
    events          = "(" event *(SP event) ")" / "NONE"
    event           = "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"] / atom

The examples of §3.1 write the events of a group without parentheses around them; that
is taken too. Which events there are, and which go together, is not the grammar's.
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.plugs import FetchItem, parse_fetch_item
from imapd.session.registry import Registry
from imapd.syntax.mailbox import unparse_name
from imapd.syntax.mailbox_filter import FilterKind, MailboxFilter
from imapd.wire.cursor import Cursor

MESSAGE_NEW = "MESSAGENEW"


_KINDS = frozenset(FilterKind) - {FilterKind.SUBTREE_ONE}
"""The mailboxes that a group may be about (RFC 5465 §6)."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event by its name in upper case; new messages with what is told of each."""

    name: str
    items: tuple[FetchItem, ...] | None = None

    def __post_init__(self) -> None:
        if self.items is not None and (self.name != MESSAGE_NEW or not self.items):
            raise ValueError("items are of new messages, at least one")


@dataclass(frozen=True, slots=True)
class EventGroup:
    """What is wanted of some mailboxes; no events are NONE, nothing at all."""

    filter: FilterKind
    mailboxes: tuple[bytes, ...] = ()
    events: tuple[Event, ...] = ()

    def __post_init__(self) -> None:
        if self.filter.has_names != bool(self.mailboxes):
            raise ValueError("some filters have names, the others have none")


@dataclass(frozen=True, slots=True)
class Notify:
    """Say what the client wants to hear of; without groups: of nothing."""

    groups: tuple[EventGroup, ...] = ()
    status: bool = False

    def __post_init__(self) -> None:
        if self.status and not self.groups:
            raise ValueError("NONE has no counters to tell")


def parse(cursor: Cursor, registry: Registry) -> Notify:
    """Take the arguments of NOTIFY. Raises `Malformed`."""
    cursor.sp()
    start = cursor.at
    word = cursor.atom().upper()
    if word == b"NONE":
        cursor.end()
        return Notify()
    if word != b"SET":
        cursor.at = start
        raise cursor.fail("SET or NONE")
    cursor.sp()
    status = cursor.accept(b"STATUS ")
    groups = [_group(cursor, registry)]
    while cursor.peek() == b" ":
        cursor.sp()
        groups.append(_group(cursor, registry))
    cursor.end()
    return Notify(tuple(groups), status)


def _group(cursor: Cursor, registry: Registry) -> EventGroup:
    cursor.expect(b"(")
    with cursor.nested():
        chosen = MailboxFilter.parse(cursor, _KINDS)
        cursor.sp()
        events = _events(cursor, registry)
        cursor.expect(b")")
    return EventGroup(chosen.kind, chosen.names, events)


def _events(cursor: Cursor, registry: Registry) -> tuple[Event, ...]:
    if cursor.peek() == b"(":
        return cursor.parenthesised(lambda: _event(cursor, registry), least=1)
    if cursor.accept(b"NONE)"):
        cursor.at -= 1
        return ()
    events = [_event(cursor, registry)]
    while cursor.peek() == b" ":
        cursor.sp()
        events.append(_event(cursor, registry))
    return tuple(events)


def _event(cursor: Cursor, registry: Registry) -> Event:
    name = cursor.atom().decode("ascii").upper()
    if name != MESSAGE_NEW or cursor.peek(2) != b" (":
        return Event(name)
    cursor.sp()
    items = cursor.parenthesised(lambda: parse_fetch_item(cursor, registry), least=1)
    return Event(name, items)


def unparse(node: Notify) -> bytes:
    """Write the command as a client would."""
    if not node.groups:
        return b"NOTIFY NONE"
    head = b"NOTIFY SET STATUS" if node.status else b"NOTIFY SET"
    return b" ".join([head, *map(_unparse_group, node.groups)])


def _unparse_group(group: EventGroup) -> bytes:
    words = [group.filter.value.encode("ascii")]
    if group.mailboxes:
        words.append(b"(%b)" % b" ".join(map(unparse_name, group.mailboxes)))
    if group.events:
        words.append(b"(%b)" % b" ".join(map(_unparse_event, group.events)))
    else:
        words.append(b"NONE")
    return b"(%b)" % b" ".join(words)


def _unparse_event(event: Event) -> bytes:
    name = event.name.encode("ascii")
    if event.items is None:
        return name
    return b"%b (%b)" % (name, b" ".join([item.unparse() for item in event.items]))
