"""Whose mailbox a name means: one's own, another person's, or nobody's (RFC 2342).

::

    Archive/2026                  one's own
    Other Users/bob/Archive       bob's Archive
    Shared/Team                   the public owner's Team
    Deleted/Archive               what one's own Archive has lost

Names are as `mailstore.model` has them. It must not know who may see what.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailstore.model import DELIMITER, INBOX


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A name that is none of one's own mailboxes. ``owner`` None: the public one's.

    With ``removed`` it is one's own, of what was removed from a mailbox.
    """

    owner: str | None
    name: str  # as the owner calls it; empty: the place above all his mailboxes
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The first levels that lead elsewhere; an empty one leads nowhere."""

    other_users: str = "Other Users"
    shared: str = "Shared"
    deleted: str = ""

    def split(self, name: str) -> Elsewhere | None:
        """Tell whose a name is; None: one's own, as far as the name goes."""
        first, delimiter, rest = name.partition(DELIMITER)
        if not first or first not in (self.shared, self.deleted, self.other_users):
            return None
        if first == self.shared:
            return Elsewhere(None, rest)
        if first == self.deleted:
            return Elsewhere(None, _local(rest), removed=True)
        if delimiter:
            owner, _, local = rest.partition(DELIMITER)
            return Elsewhere(owner, _local(local))
        return Elsewhere("", "")

    def of_person(self, owner: str, name: str = "") -> str:
        """Give what others call a person's mailbox."""
        return _joined(self.other_users, owner, name)

    def of_public(self, name: str = "") -> str:
        """Give what all call a public mailbox."""
        return _joined(self.shared, name)

    def of_removed(self, name: str = "") -> str:
        """Give what the owner of a mailbox calls that which it has lost."""
        return _joined(self.deleted, name)


def _joined(*levels: str) -> str:
    return DELIMITER.join([level for level in levels if level])


def _local(name: str) -> str:
    """Spell another person's INBOX as one's own is spelled (RFC 3501 §5.1)."""
    first, delimiter, rest = name.partition(DELIMITER)
    if first.isascii() and first.upper() == INBOX:
        return INBOX + delimiter + rest
    return name
