"""EXPUNGE (RFC 3501 §6.4.3).

::

    a202 EXPUNGE
    * 3 EXPUNGE
    a202 OK EXPUNGE completed

The handler changes the store; the dispatcher tells the removals before the OK.
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.registry import Completed, Feature, States
from imapd.session.words import Bare, bare


async def run(context: Context, _: Bare) -> Completed:
    """Remove every message that has \\Deleted; a read-only mailbox refuses."""
    with context.at_work():
        await context.selected.mailbox.expunge()
    return Completed("EXPUNGE completed")


FEATURE = Feature(
    name="EXPUNGE",
    rfc=("3501",),
    commands=(bare("EXPUNGE", run, States.SELECTED, "RFC 3501 §6.4.3"),),
)
