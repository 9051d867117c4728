"""LIST responses for names that others changed (RFC 5465 §5.4, §5.5).

::

    * LIST (\\Subscribed \\HasNoChildren) "/" NewMailbox ("OLDNAME" (OldMailbox))

A mailbox that was made or deleted affects its parent too: that name is told with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from imapd.extensions.notify.interests import (
    MAILBOX_NAME,
    SUBSCRIPTION_CHANGE,
    Interests,
)
from imapd.session.listing import list_response, name_attributes
from imapd.session.registry import Registry
from imapd.syntax.mailbox import DELIMITER, ancestors, render_name
from mailstore.model import MailboxEntry, NameChange


@dataclass(frozen=True, slots=True)
class NameNews:
    """One name to be told of, as it is now, and what it was called before."""

    entry: MailboxEntry
    old_name: str | None = None

    def render(self, registry: Registry, *, utf8: bool) -> bytes:
        """Write the response, without ``* ``."""
        entry = self.entry
        attributes = name_attributes(registry, entry)
        if not entry.readable:
            attributes.append("\\NoAccess")  # §3.1, §5.9
        elif not entry.selectable:
            # §5.4: whatever is left of a deleted mailbox is no mailbox.
            attributes.insert(0, "\\NonExistent")
        if entry.subscribed:
            attributes.append("\\Subscribed")
        extended: tuple[tuple[str, bytes], ...] = ()
        if self.old_name is not None:
            old = b"(%b)" % render_name(self.old_name, utf8=utf8)
            extended = (("OLDNAME", old),)
        return list_response(entry.name, attributes, extended, utf8=utf8)


class NamesTold:
    """What was told by now of one lot of changes; they may come part by part.

    ``named`` knows the names there are now.
    """

    __slots__ = ("interests", "named", "names", "renamed")

    def __init__(
        self, interests: Interests, named: Callable[[str], MailboxEntry | None]
    ) -> None:
        self.interests = interests
        self.named = named
        self.names: set[str] = set()
        self.renamed: set[str] = set()  # the old names

    def news(self, changes: Iterable[NameChange]) -> Iterator[NameNews]:
        """Give what is to be told of changes."""
        for change in changes:
            before, after = change.before, change.after
            if before is not None and after is not None and before.name != after.name:
                yield from _renamed(self, before, after, along=change.along)
            else:
                yield from _changed(self, before, after)

    def once(self, entry: MailboxEntry) -> Iterator[NameNews]:
        """Tell of a name, unless it was told."""
        if entry.name not in self.names:
            self.names.add(entry.name)
            yield NameNews(entry)


def _renamed(
    told: NamesTold, before: MailboxEntry, after: MailboxEntry, *, along: bool
) -> Iterator[NameNews]:
    # §5.4: nothing of its own for what followed a mailbox that is told of.
    if along and any(name in told.renamed for name in ancestors(before.name)):
        told.renamed.add(before.name)
        return
    want = told.interests.want
    if want(MAILBOX_NAME, before, after):
        told.renamed.add(before.name)
        told.names.add(after.name)
        yield NameNews(after, before.name)
    elif want(SUBSCRIPTION_CHANGE, before, after):
        # The subscription went from one name to the other.
        if before.subscribed:
            yield from told.once(_gone(before))
        if after.subscribed:
            yield from told.once(after)


def _changed(
    told: NamesTold, before: MailboxEntry | None, after: MailboxEntry | None
) -> Iterator[NameNews]:
    entry = after or _gone(before)
    existed = before is not None and _is_mailbox(before)
    want = told.interests.want
    name_event = existed != _is_mailbox(entry) or (
        before is not None and replace(before, subscribed=entry.subscribed) != entry
    )
    subscribed = before is not None and before.subscribed
    if (name_event and want(MAILBOX_NAME, before, entry)) or (
        subscribed != entry.subscribed and want(SUBSCRIPTION_CHANGE, before, entry)
    ):
        yield from told.once(entry)
    if existed == _is_mailbox(entry):
        return
    # §5.4: the direct parent is affected too, whether it exists or not.
    parent = entry.name.rpartition(DELIMITER)[0]
    if parent:
        above = told.named(parent) or _missing(parent)
        if want(MAILBOX_NAME, above):
            yield from told.once(above)


def _is_mailbox(entry: MailboxEntry) -> bool:
    """Tell whether a name is a mailbox, be it one that may not be read."""
    return entry.selectable or not entry.readable


def _gone(entry: MailboxEntry | None) -> MailboxEntry:
    return _missing(entry.name if entry is not None else "")


def _missing(name: str) -> MailboxEntry:
    return MailboxEntry(
        name, exists=False, selectable=False, has_children=False, subscribed=False
    )
