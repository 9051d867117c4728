"""ESEARCH: say what SEARCH is to return (RFC 4731).

::

    search-return-opt  = "MIN" / "MAX" / "ALL" / "COUNT"

    A282 SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"
    * ESEARCH (TAG "A282") MIN 2 COUNT 3
    A282 OK SEARCH completed
"""

from __future__ import annotations

from imapd.session.registry import Capability, Feature
from imapd.session.search_returns import RETURNS

FEATURE = Feature(
    name="ESEARCH",
    rfc=("4731",),
    capabilities=(Capability("ESEARCH"),),
    search_returns=RETURNS,
    requires=("SEARCH",),
)
