"""The greeting: what the server says first, and what it can do then (RFC 3501 §7.1.1).

::

    S: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED ...] mail.example ready
"""

from __future__ import annotations

from imapd.session.context import Services
from imapd.session.responses import status
from imapd.session.state import SessionState


def greeting(services: Services, session: SessionState) -> bytes:
    """Render the greeting of a session that begins (RFC 3501 §7.1.1).

    What it can do hangs on few things then, which are the same for most who connect.
    """
    limits = session.limits()
    facts = (
        session.secure,
        session.starttls,
        session.plaintext_login,
        session.refers,
        session.mechanisms,
    )
    known = services.greetings.get(facts)
    if known is None or known[0] is not limits:
        text = services.registry.capability_text(session)
        ready = f"{services.server_name} ready"
        line = b"* %b\r\n" % status(b"OK", ready, f"CAPABILITY {text}")
        known = services.greetings.keep(facts, (limits, line))
    return known[1]
