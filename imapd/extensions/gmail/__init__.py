"""X-GM-EXT-1: Gmail's view of mailboxes as labels, for programs that prefer it.

::

    C: a FETCH 1 (X-GM-MSGID X-GM-THRID X-GM-LABELS)
    S: * 1 FETCH (X-GM-MSGID 1278455344230334865 X-GM-THRID 1266894439832287888
        X-GM-LABELS ("\\\\Inbox" "\\\\Sent" Important "Muy Importante"))
    S: a OK FETCH completed

A label of a message is another mailbox that has a copy of it. `ids` has its numbers,
`labels` the item X-GM-LABELS, `names` what labels are called, `query` the language of
searches, `raw` the key that takes it. It is offered only where the configuration says
so: programs that see it take the server for Gmail, and expect all mail in one mailbox.
"""

from __future__ import annotations

from imapd.extensions.gmail.ids import MSGID, THRID, parse_number_key
from imapd.extensions.gmail.labels import (
    LABELS,
    parse_label_key,
    store_items,
)
from imapd.extensions.gmail.raw import parse_raw_key
from imapd.session.plugs import SearchKeySpec
from imapd.session.registry import Capability, Feature

__all__ = ["FEATURE"]

_PLACE = "Gmail"
FEATURE = Feature(
    name="X-GM-EXT-1",
    rfc=(),
    capabilities=(Capability("X-GM-EXT-1"),),
    fetch_items=(MSGID.spec(_PLACE), THRID.spec(_PLACE), LABELS.spec(_PLACE)),
    store_items=store_items(_PLACE),
    search_keys=(
        *(
            SearchKeySpec(name, parse, _PLACE)
            for name, parse in (
                ("X-GM-MSGID", parse_number_key("X-GM-MSGID")),
                ("X-GM-THRID", parse_number_key("X-GM-THRID")),
                ("X-GM-LABELS", parse_label_key),
                ("X-GM-RAW", parse_raw_key),
            )
        ),
    ),
    requires=("FETCH", "STORE", "SEARCH", "OBJECTID"),
)
