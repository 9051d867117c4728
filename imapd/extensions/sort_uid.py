"""SORT=UID: sort by UID, as Cyrus offers it.

::

    sort-key        =/ "UID"

UIDs ascend in a mailbox, so that it serves as REVERSE UID: the latest first.
"""

from __future__ import annotations

from imapd.session.plugs import SortKeySpec
from imapd.session.registry import Capability, Feature
from mailstore.query import SortKey

FEATURE = Feature(
    name="SORT=UID",
    rfc=("5256",),
    capabilities=(Capability("SORT=UID"),),
    sort_keys=(SortKeySpec("UID", SortKey.UID, "RFC 5256 §3"),),
    requires=("SORT",),
)
