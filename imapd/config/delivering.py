"""The table ``[delivery]``: how mail comes in."""

from __future__ import annotations

from dataclasses import dataclass

from imapd.config.wanted import Choice, Text, Whole, YesNo, setting


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How mail comes in by LMTP and SMTP."""

    host: str = setting(
        "", Text(255), "what this server calls itself; without it, the machine's name"
    )
    separators: str = setting(
        "+",
        Text(8),
        "characters before the mailbox in an address: `ann+lists@` goes to the "
        "mailbox `lists` of ann if there is one, else to INBOX; empty: no such address",
    )
    create_mailboxes: bool = setting(
        False, YesNo(), "whether a mailbox that an address names is made"
    )
    groups: bool = setting(
        True, YesNo(), "whether the name of a group is the address of its members"
    )
    duplicate_seconds: int = setting(
        0,
        Whole(0, 31_536_000),
        "a message whose Message-ID came to the same mailbox within that time is "
        "taken and dropped; 0: every message is kept",
    )
    over_quota: str = setting(
        "defer",
        Choice(("defer", "refuse")),
        "whether mail for a full account is to be tried again (452) or is sent back "
        "(552)",
    )
