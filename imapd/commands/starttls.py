"""STARTTLS (RFC 3501 §6.2.1).

::

    a002 STARTTLS
    a002 OK Begin TLS negotiation now
    <TLS negotiation, further commands are under TLS layer>

Bytes that came with the command, before TLS could protect them, are an attack: they
would be obeyed as if the client had sent them inside (CVE-2011-0411).
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.faults import Bad, Bye
from imapd.session.registry import Capability, Completed, Effects, Feature, States
from imapd.session.words import Bare, bare


async def run(context: Context, _: Bare) -> Completed:
    """Agree to TLS, which begins behind the OK. Raises `Bad`, `Bye`."""
    if context.session.secure:
        raise Bad("TLS protects this connection already")
    if not context.session.starttls:
        raise Bad("there is no TLS on this port")
    if context.input.buffered:
        raise Bye("nothing may follow STARTTLS before TLS begins")
    return Completed("Begin TLS negotiation now", then=context.start_tls)


FEATURE = Feature(
    name="STARTTLS",
    rfc=("3501",),
    capabilities=(
        Capability(
            "STARTTLS", lambda s: s.starttls and not s.secure and s.account is None
        ),
    ),
    commands=(
        bare(
            "STARTTLS",
            run,
            States.NOT_AUTHENTICATED,
            "RFC 3501 §6.2.1",
            Effects.NO_SYNC,
        ),
    ),
)
