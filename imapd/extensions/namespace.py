"""NAMESPACE: where whose mailboxes are (RFC 2342).

::

    C: A001 NAMESPACE
    S: * NAMESPACE (("" "/")) (("Other Users/" "/")) (("Shared/" "/"))
    S: A001 OK NAMESPACE completed
"""

from __future__ import annotations

from imapd.session.context import Context
from imapd.session.names import uses_utf8
from imapd.session.registry import Capability, Completed, Feature, States
from imapd.session.words import Bare, bare
from imapd.syntax.mailbox import DELIMITER
from imapd.wire import utf7
from imapd.wire.encode import string


async def run(context: Context, _: Bare) -> Completed:
    """Tell one's own namespace, that of others, and that of public mailboxes."""
    names, utf8 = context.account.namespaces, uses_utf8(context)
    told = [
        b'(("" "%b"))' % DELIMITER.encode("ascii"),
        _namespace(names.other_users, utf8=utf8),
        _namespace(names.shared, utf8=utf8),
    ]
    context.reply.untagged(b"NAMESPACE " + b" ".join(told))
    return Completed("NAMESPACE completed")


def _namespace(first: str, *, utf8: bool) -> bytes:
    """Render a namespace that has one prefix; NIL where it is switched off."""
    if not first:
        return b"NIL"
    prefix = first + DELIMITER
    octets = prefix.encode("utf-8") if utf8 else utf7.encode(prefix)
    return b'((%b "%b"))' % (string(octets), DELIMITER.encode("ascii"))


FEATURE = Feature(
    name="NAMESPACE",
    rfc=("2342",),
    capabilities=(Capability("NAMESPACE"),),
    commands=(bare("NAMESPACE", run, States.LOGGED_IN, "RFC 2342 §5"),),
)
