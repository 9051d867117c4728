"""CAPABILITY (RFC 3501 §6.1.1), NOOP (§6.1.2) and LOGOUT (§6.1.3): any state.

::

    a1 CAPABILITY
    * CAPABILITY IMAP4rev1 STARTTLS ...
    a1 OK CAPABILITY completed
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.registry import (
    Capability,
    Completed,
    Effects,
    Feature,
    States,
)
from imapd.session.words import Bare, bare


def run_capability(context: Context, _: Bare) -> Completed:
    """List what this session can do now (RFC 3501 §7.2.1)."""
    text = context.registry.capability_text(context.session)
    context.reply.untagged(b"CAPABILITY %b" % text.encode("ascii"))
    return Completed("CAPABILITY completed")


_NOTHING_DONE = Completed("NOOP completed")


def run_noop(_: Context, __: Bare) -> Completed:
    """Do nothing; the dispatcher tells of changes behind it."""
    return _NOTHING_DONE


async def run_logout(context: Context, _: Bare) -> Completed:
    """Say goodbye (RFC 3501 §6.1.3): BYE first, then the tagged OK."""
    context.reply.untagged(context.status(b"BYE", "see you later"))
    return Completed("LOGOUT completed", then=context.end)


FEATURE = Feature(
    name="IMAP4rev1",
    rfc=("3501",),
    capabilities=(Capability("IMAP4rev1"),),
    commands=(
        bare("CAPABILITY", run_capability, States.ANY, "RFC 3501 §6.1.1"),
        bare("NOOP", run_noop, States.ANY, "RFC 3501 §6.1.2"),
        bare("LOGOUT", run_logout, States.ANY, "RFC 3501 §6.1.3", Effects.NO_SYNC),
    ),
)
