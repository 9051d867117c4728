"""SORT=DISPLAY: sort by the names that people see (RFC 5957).

::

    sort-key        =/ "DISPLAYFROM" / "DISPLAYTO"

A name that is missing gives way to the address.
"""

from __future__ import annotations

from imapd.session.plugs import SortKeySpec
from imapd.session.registry import Capability, Feature
from mailstore.query import SortKey

FEATURE = Feature(
    name="SORT=DISPLAY",
    rfc=("5957",),
    capabilities=(Capability("SORT=DISPLAY"),),
    sort_keys=(
        SortKeySpec("DISPLAYFROM", SortKey.DISPLAY_FROM, "RFC 5957 §4"),
        SortKeySpec("DISPLAYTO", SortKey.DISPLAY_TO, "RFC 5957 §4"),
    ),
    requires=("SORT",),
)
