"""CHILDREN: whether a name has inferior ones (RFC 3348).

::

    * LIST (\\HasChildren) "/" foo

Told with every LIST, so that the return option (RFC 5258 §4) asks for nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable

from imapd.session.listing import AttributeReturn
from imapd.session.registry import Capability, Feature
from mailstore.model import MailboxEntry


def attributes(entry: MailboxEntry) -> Iterable[str]:
    """Give the attribute of one answer of LIST."""
    return ("\\HasChildren",) if entry.has_children else ("\\HasNoChildren",)


FEATURE = Feature(
    name="CHILDREN",
    rfc=("3348", "5258"),
    capabilities=(Capability("CHILDREN"),),
    list_attributes=(attributes,),
    list_returns=(AttributeReturn("CHILDREN", attributes).spec("RFC 5258 §4"),),
    requires=("LIST",),
)
