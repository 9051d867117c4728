"""APPENDLIMIT: how big a message may be, before it is sent (RFC 7889).

::

    C: t1 CAPABILITY
    S: * CAPABILITY IMAP4rev1 ID APPENDLIMIT=257890
    C: t2 STATUS INBOX (APPENDLIMIT)
    S: * STATUS INBOX (APPENDLIMIT 257890)

All mailboxes have the same limit (§2 (a)); what is bigger gets ``NO [TOOBIG]`` (§4).
"""

from imapd.session.plugs import StatusItemSpec
from imapd.session.registry import Capability, Feature

FEATURE = Feature(
    name="APPENDLIMIT",
    rfc=("7889",),
    capabilities=(Capability("APPENDLIMIT", value=lambda limits: limits.message),),
    status_items=(StatusItemSpec("APPENDLIMIT", "max_message", "RFC 7889 §3.1"),),
    requires=("APPEND", "STATUS"),
)
