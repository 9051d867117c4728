"""ESORT: say what SORT is to return (RFC 5267 §3).

::

    extended-sort  = ["UID" SP] "SORT" search-return-opts SP sort-criteria
                     SP search-criteria

    E01 UID SORT RETURN () (REVERSE DATE) UTF-8 UNDELETED UNKEYWORD $Junk
    * ESEARCH (TAG "E01") UID ALL 23765,23764,23763,23761

The lowest message is the first in the order that was asked for, the highest the last.
"""

from __future__ import annotations

from imapd.session.registry import Capability, Feature
from imapd.session.search_returns import PARTIAL, RETURNS

FEATURE = Feature(
    name="ESORT",
    rfc=("5267",),
    capabilities=(Capability("ESORT"),),
    # RFC 5267 §4.4 and RFC 9394 §3.1 give PARTIAL to every searching command.
    sort_returns=(*RETURNS, PARTIAL),
    requires=("SORT",),
)
