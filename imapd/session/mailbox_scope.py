"""Which mailboxes of an account a filter covers (RFC 5465 §6, RFC 7377 §2.2).

It speaks of names alone: the filters for the selected mailbox cover none here. Example:
``subtree-one a`` covers ``a`` and ``a/b``, not ``a/b/c``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.names import uses_utf8
from imapd.syntax.mailbox import (
    DELIMITER,
    InvalidMailboxName,
    ancestors,
    check_name,
    decode_name,
    normalized,
)
from imapd.syntax.mailbox_filter import FilterKind, MailboxFilter
from mailstore.model import MailboxEntry


@dataclass(frozen=True, slots=True)
class MailboxScope:
    """The mailboxes that one filter covers, whatever exists by now."""

    kind: FilterKind
    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, context: Context, chosen: MailboxFilter) -> MailboxScope:
        """Read the names of a filter; one that no mailbox can have covers nothing."""
        utf8 = uses_utf8(context)
        return cls(chosen.kind, frozenset(_readable(chosen.names, utf8=utf8)))

    def covers(self, entry: MailboxEntry) -> bool:
        """Tell whether a mailbox is among those, if it can be selected at all."""
        if not entry.selectable:
            return False
        match self.kind:
            case FilterKind.SELECTED | FilterKind.SELECTED_DELAYED:
                return False
            case FilterKind.INBOXES | FilterKind.PERSONAL:
                # RFC 5465 §6.3: rules of delivery may choose any mailbox, so the
                # inboxes are all of them.
                return entry.personal
            case FilterKind.SUBSCRIBED:
                return entry.subscribed
            case FilterKind.MAILBOXES:
                return entry.name in self.names
            case FilterKind.SUBTREE:
                return entry.name in self.names or not self.names.isdisjoint(
                    ancestors(entry.name)
                )
            case FilterKind.SUBTREE_ONE:
                superior = entry.name.rpartition(DELIMITER)[0]
                return entry.name in self.names or superior in self.names


def merged(scopes: Iterable[MailboxScope]) -> list[MailboxScope]:
    """Put scopes together that cover the same: as many as there are kinds, at most.

    However many filters a client names, a mailbox is then asked about a few times.
    """
    names: dict[FilterKind, set[str]] = {}
    for scope in scopes:
        names.setdefault(scope.kind, set()).update(scope.names)
    return [MailboxScope(kind, frozenset(some)) for kind, some in names.items()]


def _readable(names: Iterable[bytes], *, utf8: bool) -> Iterable[str]:
    for octets in names:
        try:
            # A client may mark a superior name by the delimiter behind it.
            name = check_name(decode_name(octets, utf8=utf8), trailing=True)
            yield name
            if utf8:  # what it is in Net-Unicode (RFC 9051 §5.1)
                yield check_name(normalized(name))
        except InvalidMailboxName:
            continue
