"""UNSELECT: leaving a mailbox without expunging (RFC 3691).

::

    A341 UNSELECT
    A341 OK UNSELECT completed
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.registry import Capability, Completed, Effects, Feature, States
from imapd.session.words import Bare, bare


async def run(context: Context, _: Bare) -> Completed:
    """Deselect."""
    await context.deselect()
    return Completed("UNSELECT completed")


FEATURE = Feature(
    name="UNSELECT",
    rfc=("3691",),
    capabilities=(Capability("UNSELECT"),),
    commands=(bare("UNSELECT", run, States.SELECTED, "RFC 3691 §2", Effects.NO_SYNC),),
)
