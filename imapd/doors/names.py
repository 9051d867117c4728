"""The mailbox that the detail of an address means (``ann+detail@example.org``)."""

from __future__ import annotations

from imapd.syntax.mailbox import InvalidMailboxName, canonical_inbox, check_name


def mailbox_of(detail: str) -> str | None:
    """Give the mailbox's name; None: no mailbox can be called so."""
    try:
        return check_name(canonical_inbox(detail))
    except InvalidMailboxName:
        return None
