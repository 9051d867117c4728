"""CONTEXT=SORT: results of SORT that are kept up to date (RFC 5267 §4).

::

    B02 UID SORT RETURN (UPDATE COUNT) (REVERSE DATE) UTF-8 KEYWORD $Junk
    * ESEARCH (TAG "B02") UID COUNT 74
    B02 OK UID SORT completed
    * ESEARCH (TAG "B02") UID ADDTO (1 32769 3 32768)

Each message has its place in the order that was asked for. How a result is followed
is in `imapd.session.search_updates`.
"""

from __future__ import annotations

from imapd.session.registry import Capability, Feature
from imapd.session.search_updates import CONTEXT, UPDATE

FEATURE = Feature(
    name="CONTEXT=SORT",
    rfc=("5267",),
    capabilities=(Capability("CONTEXT=SORT"),),
    sort_returns=(UPDATE, CONTEXT),
    requires=("CONTEXT=SEARCH", "ESORT"),
)
