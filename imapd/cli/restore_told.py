"""What ``imapd restore`` tells of one mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from imapd.cli.people import in_words
from imapd.logs import escaped

if TYPE_CHECKING:
    from mailstore.maintenance.restore_mail import MailRestored, Plan
    from mailstore.maintenance.restore_replace import Surplus


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
        "without_flags": len(plan.bare if done is None else done.bare),
        "there": plan.there,
        "moved": plan.elsewhere,
    }


def line_of(row: dict[str, Any], *, dry: bool) -> str:
    """Write it for people."""
    notes = [
        text
        for text, given in (
            (f"{row['without_flags']} without flags", row["without_flags"]),
            (f"{row['there']} were there", row["there"]),
            (f"{row['moved']} were moved since", row["moved"]),
            (f"made again{in_words(row['shared_with'])}", row["made"]),
        )
        if given
    ]
    more = f" ({', '.join(notes)})" if notes else ""
    verb = "would be restored" if dry else "restored"
    return f"{escaped(row['mailbox'])}: {row['restored']} messages {verb}{more}"


def surplus_of(surplus: Surplus | None) -> dict[str, Any]:
    """Give what is told of what a replacement takes away and sets back; None: none."""
    return {
        "removed": 0 if surplus is None else surplus.messages,
        "changed_flags": 0 if surplus is None else surplus.changed,
        "unknown_flags": 0 if surplus is None else surplus.bare,
        "removed_mailboxes": [] if surplus is None else surplus.mailboxes,
        "passed_over": [] if surplus is None else surplus.passed,
    }


def tell_surplus(more: dict[str, Any], *, dry: bool) -> None:
    """Write it for people."""
    click.echo(
        f"{more['removed']} messages and {len(more['removed_mailboxes'])} mailboxes"
        f" {'would be ' if dry else ''}removed,"
        f" flags of {more['changed_flags']} messages set back"
    )
    for name in more["passed_over"]:
        click.echo(f"{escaped(name)}: changed meanwhile, left alone", err=True)
    if more["unknown_flags"]:
        text = f"{more['unknown_flags']} messages keep the flags that they have"
        click.echo(text, err=True)
