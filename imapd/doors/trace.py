"""The fields that tell of a message's way, set before it (RFC 5321 §4.4).

::

    Return-Path: <bob@example.net>
    Delivered-To: ann@example.org
    Received: from mx.example.net ([192.0.2.7])
            by mail.example.org with ESMTPS id 0-1f-1
            for <ann@example.org>; Wed, 25 Nov 2026 12:00:00 +0000
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from imapd.doors.paths import write_address


@dataclass(frozen=True, slots=True)
class Way:
    """What is known of how a message came here.

    ``hello`` is what the client called itself; ``protocol`` a word of RFC 3848 §2 or
    RFC 6531 §4.3; ``id`` that of the session with the message's number.
    """

    sender: str
    hello: str
    address: str
    host: str
    protocol: str
    id: str
    now: float


def trace_fields(way: Way, recipient: str) -> bytes:
    """Write the fields for one recipient."""
    to = write_address(recipient)
    origin = way.hello or "unknown"
    if way.address:
        literal = f"IPv6:{way.address}" if ":" in way.address else way.address
        origin += f" ([{literal}])"
    lines = (
        f"Return-Path: {write_address(way.sender) if way.sender else '<>'}",
        f"Delivered-To: {to[1:-1]}",
        f"Received: from {origin}",
        f"\tby {way.host} with {way.protocol} id {way.id}",
        f"\tfor {to}; {format_datetime(datetime.fromtimestamp(int(way.now), UTC))}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8")


def protocol_word(base: str, *, extended: bool, secure: bool, utf8: bool) -> str:
    """Give the word for what was spoken (RFC 3848 §2, RFC 6531 §4.3).

    ``base`` is LMTP or SMTP.
    """
    if utf8:
        return f"UTF8{base}{'S' if secure else ''}"
    if base == "SMTP" and not extended:
        return "SMTP"
    return f"{'E' if base == 'SMTP' else ''}{base}{'S' if secure else ''}"
