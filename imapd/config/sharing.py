"""The settings about mailboxes of other people."""

from __future__ import annotations

from dataclasses import dataclass

from imapd.config.wanted import Choices, setting


@dataclass(frozen=True, slots=True)
class SharingSettings:
    """What people have for themselves in mailboxes of others, and in public ones."""

    private_flags: tuple[str, ...] = setting(
        ("\\Seen",),
        Choices(("\\Seen", "\\Flagged", "\\Answered", "\\Draft")),
        "flags that each person has alone there: what one has read stays unread for "
        "the others; an empty list makes all flags common",
    )
