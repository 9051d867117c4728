"""PARTIAL: a page of what SEARCH found (RFC 9394).

::

    search-return-opt  =/ "PARTIAL" SP partial-range

    A01 UID SEARCH RETURN (PARTIAL -1:-100) UNDELETED
    * ESEARCH (TAG "A01") UID PARTIAL (-1:-100 23:140)
"""

from __future__ import annotations

from imapd.session.registry import Feature
from imapd.session.search_returns import PARTIAL

FEATURE = Feature(
    name="PARTIAL",
    rfc=("9394",),
    search_returns=(PARTIAL,),
    requires=("ESEARCH",),
)
