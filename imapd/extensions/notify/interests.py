"""Which events of which mailboxes a client wants to hear of (RFC 5465 §5, §6).

The groups are asked in their order. A mailbox that a group is about has the group's
events beside those of the others, as the examples of §6 show; after a group that wants
NONE of it, no later one counts. For the selected mailbox SELECTED alone decides about
messages (§3.1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from imapd.extensions.notify.syntax import (
    MESSAGE_NEW,
    Event,
    EventGroup,
    Notify,
)
from imapd.session.faults import Bad, No
from imapd.session.plugs import FetchItem
from imapd.syntax.mailbox import (
    InvalidMailboxName,
    ancestors,
    check_name,
    decode_name,
    normalized,
)
from imapd.syntax.mailbox_filter import FilterKind
from mailstore.model import MailboxEntry

MAX_GROUPS = 50

MESSAGE_EXPUNGE = "MESSAGEEXPUNGE"
FLAG_CHANGE = "FLAGCHANGE"
MAILBOX_NAME = "MAILBOXNAME"
SUBSCRIPTION_CHANGE = "SUBSCRIPTIONCHANGE"

# As RFC 5465 §8 spells them.
MESSAGE_EVENTS = {
    MESSAGE_NEW: "MessageNew",
    MESSAGE_EXPUNGE: "MessageExpunge",
    FLAG_CHANGE: "FlagChange",
}
OTHER_EVENTS = {
    MAILBOX_NAME: "MailboxName",
    SUBSCRIPTION_CHANGE: "SubscriptionChange",
}


_NO_MORE: Mapping[str, str] = {}


def check(
    node: Notify,
    most_items: int,
    more: Mapping[str, str] = _NO_MORE,
    of_messages: Mapping[str, str] = _NO_MORE,
) -> None:
    """Refuse what cannot be asked for; ``more`` are events that others tell.

    Those that are ``of_messages`` may be asked for of the selected mailbox too.

    Raises `No` BADEVENT for an event that isn't known, `No` LIMIT for too many fetch
    items, `No` NOTIFICATIONOVERFLOW for too many groups, `Bad` for events or filters
    that do not go together.
    """
    events = [event for group in node.groups for event in group.events]
    known = {**MESSAGE_EVENTS, **of_messages, **OTHER_EVENTS, **more}
    if not {event.name for event in events} <= known.keys():
        # §3.1: NO and not BAD, with all events that there are.
        raise No("there is no such event", f"BADEVENT ({' '.join(known.values())})")
    if any(len(event.items or ()) > most_items for event in events):
        raise No(f"{most_items} items at most can be asked for", "LIMIT")
    if sum(group.filter.is_selected for group in node.groups) > 1:
        raise Bad("SELECTED and SELECTED-DELAYED may be said once")
    for group in node.groups:
        _check_group(group, of_messages)
    if len(node.groups) > MAX_GROUPS:
        # Each may have to be asked about each mailbox (§3.1: too expensive).
        most = f"{MAX_GROUPS} groups at most can be asked for"
        raise No(most, "NOTIFICATIONOVERFLOW")


def _check_group(group: EventGroup, more: Mapping[str, str]) -> None:
    names = {event.name for event in group.events}
    if group.filter.is_selected and not names <= MESSAGE_EVENTS.keys() | more.keys():
        raise Bad("of the selected mailbox there are events of messages only")
    if not group.filter.is_selected and any(event.items for event in group.events):
        raise Bad("items are told of the selected mailbox's messages only")
    # §5: numbers make no sense to a client that hears of some changes only.
    if (MESSAGE_NEW in names) != (MESSAGE_EXPUNGE in names):
        raise Bad("MessageNew and MessageExpunge go together")
    changes = {FLAG_CHANGE: MESSAGE_EVENTS[FLAG_CHANGE], **more}
    for event in sorted(names & changes.keys()):
        if MESSAGE_NEW not in names:
            raise Bad(f"{changes[event]} wants MessageNew and MessageExpunge beside it")


@dataclass(frozen=True, slots=True)
class OfSelected:
    """What is wanted of the selected mailbox: at least arrivals and removals."""

    items: tuple[FetchItem, ...] = ()
    flags: bool = False
    delayed: bool = False  # removals wait for a command that allows them
    events: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Group:
    events: frozenset[str]
    subscribed: bool = False
    names: Collection[str] | None = None  # None: all
    inferior: bool = False  # names below those too

    def about(self, entry: MailboxEntry) -> bool:
        if self.subscribed:
            return entry.subscribed
        if self.names is None:
            return entry.personal
        if entry.name in self.names:
            return True
        return self.inferior and any(n in self.names for n in ancestors(entry.name))


class Interests:
    """A checked NOTIFY command, made ready to be asked."""

    __slots__ = ("_changes", "_groups", "selected")

    def __init__(
        self, node: Notify, *, utf8: bool = False, of_messages: Collection[str] = ()
    ) -> None:
        self.selected: OfSelected | None = None
        self._changes = (FLAG_CHANGE, *of_messages)
        self._groups: list[_Group] = []
        for group in node.groups:
            if group.filter.is_selected:
                self.selected = _of_selected(group)
            else:
                self._groups.append(_ready(group, utf8=utf8))

    @property
    def everywhere(self) -> bool:
        """Whether mailboxes of others may be among those that something is wanted of.

        PERSONAL and INBOXES are of one's own.
        """
        return any(
            group.events and (group.subscribed or group.names is not None)
            for group in self._groups
        )

    def concern(self, entry: MailboxEntry) -> bool:
        """Tell whether anything is wanted of a mailbox."""
        for group in self._groups:
            if group.about(entry):
                return bool(group.events)
        return False

    @property
    def of_others(self) -> bool:
        """Whether anything is wanted beside the selected mailbox's messages."""
        return any(group.events for group in self._groups)

    def want(self, event: str, *entries: MailboxEntry | None) -> bool:
        """Tell whether an event is wanted that one of some names is affected by."""
        return any(self._want(event, entry) for entry in entries if entry is not None)

    def want_changes(self, entry: MailboxEntry) -> bool:
        """Tell whether changes of messages are wanted that stay (§5.1)."""
        return any(self._want(event, entry) for event in self._changes)

    def want_anywhere(self, event: str) -> bool:
        """Tell whether an event is wanted that is of no mailbox (§5.7)."""
        return any(event in group.events for group in self._groups)

    def _want(self, event: str, entry: MailboxEntry) -> bool:
        for group in self._groups:
            if group.about(entry):
                if not group.events:
                    return False
                if event in group.events:
                    return True
        return False


def _of_selected(group: EventGroup) -> OfSelected | None:
    events = {event.name: event for event in group.events}
    if MESSAGE_NEW not in events:
        return None
    return OfSelected(
        items=events[MESSAGE_NEW].items or (),
        flags=FLAG_CHANGE in events,
        events=frozenset(events),
        delayed=group.filter is FilterKind.SELECTED_DELAYED,
    )


def _ready(group: EventGroup, *, utf8: bool) -> _Group:
    events = _names_of(group.events)
    match group.filter:
        case FilterKind.SUBSCRIBED:
            return _Group(events, subscribed=True)
        case FilterKind.SUBTREE | FilterKind.MAILBOXES:
            names = _readable(group.mailboxes, utf8=utf8)
            below = group.filter is FilterKind.SUBTREE
            return _Group(events, names=names, inferior=below)
        case _:
            # §6.3: any personal mailbox may be one that mail is delivered to.
            return _Group(events)


def _names_of(events: Iterable[Event]) -> frozenset[str]:
    return frozenset(event.name for event in events)


def _readable(mailboxes: Iterable[bytes], *, utf8: bool) -> frozenset[str]:
    """Read names; one that no mailbox can have is passed over (§3.1)."""
    found = []
    for octets in mailboxes:
        try:
            name = check_name(decode_name(octets, utf8=utf8), trailing=True)
            found += [name, check_name(normalized(name))] if utf8 else [name]
        except InvalidMailboxName:
            continue
    return frozenset(found)
