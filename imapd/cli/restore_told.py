"""What ``imapd restore`` tells of one mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imapd.cli.people import in_words
from imapd.logs import escaped

if TYPE_CHECKING:
    from mailstore.maintenance.restore_mail import MailRestored, Plan


def row_of(
    plan: Plan, done: MailRestored | None, shared: dict[str, str]
) -> dict[str, Any]:
    """Give what is told of one mailbox: what came, or would come, and to whom."""
    return {
        "shared_with": shared,
        "mailbox": plan.name,
        "was": plan.was,
        "made": plan.make,
        "restored": len(plan.missing) if done is None else done.restored,
        "there": plan.there,
        "moved": plan.elsewhere,
    }


def line_of(row: dict[str, Any], *, dry: bool) -> str:
    """Write it for people."""
    notes = [
        text
        for text, given in (
            (f"{row['there']} were there", row["there"]),
            (f"{row['moved']} were moved since", row["moved"]),
            (f"made again{in_words(row['shared_with'])}", row["made"]),
        )
        if given
    ]
    more = f" ({', '.join(notes)})" if notes else ""
    verb = "would be restored" if dry else "restored"
    return f"{escaped(row['mailbox'])}: {row['restored']} messages {verb}{more}"
