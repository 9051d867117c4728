"""SPECIAL-USE: what a mailbox is for (RFC 6154).

::

    * LIST (\\HasNoChildren \\Sent) "/" Sent

The attributes come with every LIST, asked for or not (§2); CREATE takes them too (§3).
"""

from __future__ import annotations

from collections.abc import Iterable

from imapd.session.listing import AttributeReturn, ListSelectionSpec, SelectionKind
from imapd.session.registry import Capability, Feature
from mailstore.model import MailboxEntry


def attributes(entry: MailboxEntry) -> Iterable[str]:
    """Give the attribute of one answer of LIST."""
    return () if entry.special_use is None else (entry.special_use.value,)


_RETURN = AttributeReturn("SPECIAL-USE", attributes)
FEATURE = Feature(
    name="SPECIAL-USE",
    rfc=("6154",),
    capabilities=(Capability("SPECIAL-USE"), Capability("CREATE-SPECIAL-USE")),
    list_attributes=(attributes,),
    list_selections=(
        ListSelectionSpec(
            "SPECIAL-USE",
            "RFC 6154 §2",
            SelectionKind.INDEPENDENT,
            selects=lambda entry: entry.special_use is not None,
            implies=(_RETURN,),
        ),
    ),
    list_returns=(_RETURN.spec("RFC 6154 §2"),),
    requires=("LIST", "CREATE"),
)
