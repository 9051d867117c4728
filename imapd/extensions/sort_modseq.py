"""SORT=MODSEQ: sort by mod-sequence, as Cyrus offers it.

::

    sort-key        =/ "MODSEQ"

Messages that were changed by one command have one mod-sequence; they stay in the order
of the mailbox.
"""

from __future__ import annotations

from imapd.session.plugs import SortKeySpec
from imapd.session.registry import Capability, Feature
from mailstore.query import SortKey

FEATURE = Feature(
    name="SORT=MODSEQ",
    rfc=("5256",),
    capabilities=(Capability("SORT=MODSEQ"),),
    sort_keys=(SortKeySpec("MODSEQ", SortKey.MODSEQ, "RFC 5256 §3"),),
    requires=("SORT",),
)
