"""NAMESPACE: where whose mailboxes are (RFC 2342).

::

    C: A001 NAMESPACE
    S: * NAMESPACE (("" "/")) NIL NIL
    S: A001 OK NAMESPACE completed
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.registry import Capability, Completed, Feature, States
from imapd.session.words import Bare, bare
from imapd.syntax.mailbox import DELIMITER


async def run(context: Context, _: Bare) -> Completed:
    """Tell the one namespace that there is: a person's own mailboxes."""
    delimiter = DELIMITER.encode("ascii")
    context.reply.untagged(b'NAMESPACE (("" "%b")) NIL NIL' % delimiter)
    return Completed("NAMESPACE completed")


FEATURE = Feature(
    name="NAMESPACE",
    rfc=("2342",),
    capabilities=(Capability("NAMESPACE"),),
    commands=(bare("NAMESPACE", run, States.LOGGED_IN, "RFC 2342 §5"),),
)
