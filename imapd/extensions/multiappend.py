"""MULTIAPPEND: many messages by one APPEND, all of them or none (RFC 3502).

::

    append          = "APPEND" SP mailbox 1*append-message

    A003 APPEND saved-messages {329}
    …
     (\\Seen) " 7-Feb-1994 22:43:04 -0800" {295}
    …
    A003 OK [APPENDUID 38505 3955:3956] APPEND completed

They are stored in one transaction. A message without octets cancels the others.
"""

from imapd.session.registry import Capability, Feature

MOST = 1_000
"""Messages of one command; no more literals would be taken anyway."""

FEATURE = Feature(
    name="MULTIAPPEND",
    rfc=("3502",),
    capabilities=(Capability("MULTIAPPEND"),),
    append_most=MOST,
    requires=("APPEND",),
)
