"""UNAUTHENTICATE: another login on the same connection (RFC 8437).

::

    C: A1 UNAUTHENTICATE
    S: A1 OK UNAUTHENTICATE completed
    C: A2 AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=

Nothing of who was there before is left: account, mailbox, what was enabled, watched and
found. TLS stays, and so does what the client said of itself; compression ends (§4.1). A
client that compressed ends its stream with the command if it sends more at once.
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.registry import Capability, Completed, Effects, Feature, States
from imapd.session.words import Bare, bare


async def run(context: Context, _: Bare) -> Completed:
    """Forget the login. There is no NO (§3): clients send the next login at once."""
    session = context.session
    if session.compressed:
        # Before anything is waited for: what comes behind the command is plain.
        context.stop_inflating()
        session.compressed = False
        context.reply.flush()
        context.reply.gathers = False
        context.stop_deflating()  # the OK is the last that is compressed, by itself
    await context.log_out()
    return Completed("UNAUTHENTICATE completed")


FEATURE = Feature(
    name="UNAUTHENTICATE",
    rfc=("8437",),
    capabilities=(Capability("UNAUTHENTICATE", lambda s: s.account is not None),),
    commands=(
        bare(
            "UNAUTHENTICATE",
            run,
            States.LOGGED_IN,
            "RFC 8437 §3",
            Effects.NO_SYNC,
        ),
    ),
)
