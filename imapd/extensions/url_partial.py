"""URL-PARTIAL: URLs that name a range of octets (RFC 5550 §5).

::

    URL "/INBOX/;UID=20/;SECTION=1.2/;PARTIAL=0.1024"

Where URLs are taken, in CATENATE and URLFETCH, so is this (`imapd.syntax.url`).
"""

from imapd.session.registry import Capability, Feature

FEATURE = Feature(
    name="URL-PARTIAL",
    rfc=("5550", "5092"),
    capabilities=(Capability("URL-PARTIAL"),),
    requires=("CATENATE",),
)
