"""SPECIAL-USE: what a mailbox is for (RFC 6154).

::

    * LIST (\\HasNoChildren \\Sent) "/" Sent

The attributes come with every LIST (§2); CREATE takes them too (§3).
"""

from __future__ import annotations

from collections.abc import Iterable

from imapd.session.registry import Capability, Feature
from mailstore.model import MailboxEntry


def attributes(entry: MailboxEntry) -> Iterable[str]:
    """Give the attribute of one answer of LIST."""
    return () if entry.special_use is None else (entry.special_use.value,)


FEATURE = Feature(
    name="SPECIAL-USE",
    rfc=("6154",),
    capabilities=(Capability("SPECIAL-USE"), Capability("CREATE-SPECIAL-USE")),
    list_attributes=(attributes,),
    requires=("LIST", "CREATE"),
)
