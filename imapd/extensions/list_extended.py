"""LIST-EXTENDED: options and several patterns for LIST (RFC 5258).

::

    C: A02 LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (CHILDREN)
    S: * LIST (\\HasChildren) "/" Foo ("CHILDINFO" ("SUBSCRIBED"))
    S: A02 OK LIST completed

LIST itself has the grammar and knows what kinds of options there are. No mailbox here
is another server's: REMOTE changes nothing, and nothing is ``\\Remote``.
"""

from __future__ import annotations

from collections.abc import Iterable

from imapd.session.listing import AttributeReturn, ListSelectionSpec, SelectionKind
from imapd.session.registry import Capability, Feature
from mailstore.model import MailboxEntry


def subscribed(entry: MailboxEntry) -> Iterable[str]:
    """Give ``\\Subscribed``, where it holds."""
    return ("\\Subscribed",) if entry.subscribed else ()


_SUBSCRIBED = AttributeReturn("SUBSCRIBED", subscribed)
_RFC = "RFC 5258 §3.1"

FEATURE = Feature(
    name="LIST-EXTENDED",
    rfc=("5258",),
    capabilities=(Capability("LIST-EXTENDED"),),
    list_selections=(
        ListSelectionSpec(
            "SUBSCRIBED",
            _RFC,
            SelectionKind.BASE,
            selects=lambda entry: entry.subscribed,
            missing=True,
            implies=(_SUBSCRIBED,),
        ),
        ListSelectionSpec("REMOTE", _RFC, SelectionKind.INDEPENDENT),
        ListSelectionSpec("RECURSIVEMATCH", _RFC, SelectionKind.MODIFIER, parents=True),
    ),
    list_returns=(_SUBSCRIBED.spec("RFC 5258 §3.2"),),
    requires=("LIST", "CHILDREN"),
)
