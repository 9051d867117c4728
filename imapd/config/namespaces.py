"""The settings of names that lead to others' mailboxes (RFC 2342)."""

from __future__ import annotations

from dataclasses import dataclass, field

from imapd.config.wanted import Level


@dataclass(frozen=True, slots=True)
class NamespaceSettings:
    """What people call mailboxes that are not their own.

    A name is the first level of the mailboxes' names; an empty one hides them all.
    """

    other_users: str = field(
        default="Other Users",
        metadata={
            "wanted": Level(),
            "doc": "where mailboxes are that other people share: "
            "`Other Users/bob/Work`; empty: nowhere",
        },
    )
    shared: str = field(
        default="Shared",
        metadata={
            "wanted": Level(),
            "doc": "where mailboxes are that belong to no person: `Shared/Team`; "
            "empty: nowhere",
        },
    )

    deleted: str = field(
        default="",
        metadata={
            "wanted": Level(),
            "doc": "where people find what was removed from their own mailboxes, to "
            "read it and to copy it back: `Deleted/INBOX`; empty: nowhere. See "
            "[Bring back what was removed](../howto/undelete.md)",
        },
    )

    @property
    def differ(self) -> bool:
        """Whether no name could be of two."""
        names = [n for n in (self.other_users, self.shared, self.deleted) if n]
        return len(names) == len(set(names))
