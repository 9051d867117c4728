"""STATUS=SIZE: how many octets a mailbox's messages have together (RFC 8438).

::

    C: A01 STATUS frop (MESSAGES SIZE)
    S: * STATUS frop (MESSAGES 8 SIZE 44421)
"""

from __future__ import annotations

from imapd.session.plugs import StatusItemSpec
from imapd.session.registry import Capability, Feature

FEATURE = Feature(
    name="STATUS=SIZE",
    rfc=("8438",),
    capabilities=(Capability("STATUS=SIZE"),),
    # The sum of RFC822.SIZE of all messages, exactly.
    status_items=(StatusItemSpec("SIZE", "bytes", "RFC 8438 §3"),),
    requires=("STATUS",),
)
