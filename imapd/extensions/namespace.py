"""NAMESPACE: where whose mailboxes are (RFC 2342).

::

    C: A001 NAMESPACE
    S: * NAMESPACE (("" "/")) (("Other Users/" "/")) (("Shared/" "/"))
    S: A001 OK NAMESPACE completed
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.namespaces import namespaces
from imapd.session.registry import Capability, Completed, Feature, States
from imapd.session.words import Bare, bare


async def run(context: Context, _: Bare) -> Completed:
    """Tell one's own namespace, that of others, and that of public mailboxes."""
    context.reply.untagged(namespaces(context))
    return Completed("NAMESPACE completed")


FEATURE = Feature(
    name="NAMESPACE",
    rfc=("2342",),
    capabilities=(Capability("NAMESPACE"),),
    commands=(bare("NAMESPACE", run, States.LOGGED_IN, "RFC 2342 §5"),),
)
