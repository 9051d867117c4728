"""STATUS DELETED and DELETED-STORAGE: what EXPUNGE would free (RFC 9208 §4.1.4).

::

    C: S0003 STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)
    S: * STATUS INBOX (MESSAGES 12 DELETED 4 DELETED-STORAGE 8)

Both QUOTA and IMAP4rev2 bring DELETED: it is a feature that both require.
"""

from __future__ import annotations

from imapd.session.plugs import StatusItemSpec
from imapd.session.registry import Feature

FEATURE = Feature(
    name="STATUS-DELETED",
    rfc=("9051", "9208"),
    status_items=(
        StatusItemSpec("DELETED", "deleted", "RFC 9051 §6.3.11"),
        # The sum of RFC822.SIZE, as §4.1.4 says it.
        StatusItemSpec(
            "DELETED-STORAGE",
            "deleted_octets",
            "RFC 9208 §4.1.4",
            counts_deleted_octets=True,
        ),
    ),
    requires=("STATUS",),
)
