"""APOP (RFC 1939 §7): for accounts whose password is kept in clear, and no others.

The server must know the password itself, and MD5 is broken for other uses: it is off
unless an administrator turns it on, and so is the keeping of the password.
"""

from __future__ import annotations

import hashlib
import hmac

from imapd.auth.desk import Desk
from imapd.session.credentials import DigestAnswer, Grant
from mailstore.directory import Proof
from mailstore.directory.passwords import scram_form


async def digest(desk: Desk, stamp: bytes, answer: DigestAnswer) -> Grant:
    """Compare the digest of the greeting's stamp. Raises `LoginRefused`."""
    name, client = answer.name, answer.client
    await desk.begin(name, client)
    found = desk.directory.recoverable(name)
    # RFC 6856 §2.2: clients prepare the password as for SCRAM.
    secret = scram_form(found[1]) if found is not None else b"nobody's"
    wanted = hashlib.md5(stamp + secret, usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(wanted, answer.digest) or found is None:
        raise desk.refuse(name, client, "name and password do not match")
    return desk.admit(name, Proof(found[0]), None, client, "APOP")
