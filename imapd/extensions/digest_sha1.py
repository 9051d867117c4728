"""DIGEST=SHA1: the SHA-1 digest of a message, in hexadecimal (Cyrus's extension).

::

    C: a1 UID FETCH 7 (DIGEST.SHA1)
    S: * 3 FETCH (UID 7 DIGEST.SHA1 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12)
    S: a1 OK UID FETCH completed

It is of all octets that BODY[] gives. Programs that compare servers use it, to see
what is on both without reading it. It is found when somebody asks, and kept then.
"""

from __future__ import annotations

from imapd.session.fetch_attribute import Attribute, column
from imapd.session.registry import Capability, Feature
from mailstore.model import Column

DIGEST = Attribute("DIGEST.SHA1", (Column.SHA1,), column(Column.SHA1))

FEATURE = Feature(
    name="DIGEST=SHA1",
    rfc=(),
    capabilities=(Capability("DIGEST=SHA1"),),
    fetch_items=(DIGEST.spec("Cyrus IMAP"),),
    requires=("FETCH",),
)
