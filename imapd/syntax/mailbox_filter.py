"""Which mailboxes a command is about, as a filter (RFC 5465 §6, RFC 7377 §2.2).

::

    filter-mailboxes  = "selected" / "selected-delayed" / "inboxes" / "personal" /
                        "subscribed" / ("subtree" / "subtree-one" / "mailboxes") SP
                        (mailbox / "(" mailbox *(SP mailbox) ")")

    subtree (lists work/lists)

NOTIFY and ESEARCH each know most of these, so that a command says which it takes.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Container
from dataclasses import dataclass

from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor

_WORD = re.compile(rb"[A-Za-z-]{1,20}")


class FilterKind(enum.Enum):
    """The word of a filter."""

    SELECTED = "SELECTED"
    SELECTED_DELAYED = "SELECTED-DELAYED"
    INBOXES = "INBOXES"
    PERSONAL = "PERSONAL"
    SUBSCRIBED = "SUBSCRIBED"
    SUBTREE = "SUBTREE"
    SUBTREE_ONE = "SUBTREE-ONE"
    MAILBOXES = "MAILBOXES"

    @property
    def has_names(self) -> bool:
        """Whether names of mailboxes follow."""
        return self in _WITH_NAMES

    @property
    def is_selected(self) -> bool:
        """Whether it is about the selected mailbox (RFC 5465 §6.1)."""
        return self in (FilterKind.SELECTED, FilterKind.SELECTED_DELAYED)


_WITH_NAMES = frozenset(
    {FilterKind.SUBTREE, FilterKind.SUBTREE_ONE, FilterKind.MAILBOXES}
)


@dataclass(frozen=True, slots=True)
class MailboxFilter:
    """Some mailboxes; names are as the client wrote them."""

    kind: FilterKind
    names: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.kind.has_names != bool(self.names):
            raise ValueError("a filter has names if its kind wants them")

    @classmethod
    def parse(cls, cursor: Cursor, kinds: Container[FilterKind]) -> MailboxFilter:
        """Take a filter of one of the kinds. Raises `Malformed`."""
        start = cursor.at
        word = cursor.need(_WORD, "a mailbox filter")[0].decode("ascii").upper()
        try:
            kind = FilterKind(word)
        except ValueError:
            kind = None
        if kind is None or kind not in kinds:
            cursor.at = start
            raise cursor.fail("a mailbox filter")
        if not kind.has_names:
            return cls(kind)
        cursor.sp()
        if cursor.peek() == b"(":
            return cls(
                kind, cursor.parenthesised(lambda: parse_mailbox(cursor), least=1)
            )
        return cls(kind, (parse_mailbox(cursor),))

    def unparse(self) -> bytes:
        """Write the filter as a client would."""
        word = self.kind.value.lower().encode("ascii")
        names = [unparse_name(name) for name in self.names]
        if not names:
            return word
        if len(names) == 1:
            return b"%b %b" % (word, names[0])
        return b"%b (%b)" % (word, b" ".join(names))
