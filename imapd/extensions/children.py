"""CHILDREN: whether a name has inferior ones (RFC 3348).

::

    * LIST (\\HasChildren) "/" foo
"""

from __future__ import annotations

from collections.abc import Iterable

from imapd.session.registry import Capability, Feature
from mailstore.model import MailboxEntry


def attributes(entry: MailboxEntry) -> Iterable[str]:
    """Give the attribute of one answer of LIST."""
    return ("\\HasChildren",) if entry.has_children else ("\\HasNoChildren",)


FEATURE = Feature(
    name="CHILDREN",
    rfc=("3348",),
    capabilities=(Capability("CHILDREN"),),
    list_attributes=(attributes,),
    requires=("LIST",),
)
