"""Everything that the index keeps of a message, found once, at its arrival."""

from __future__ import annotations

from dataclasses import dataclass

from mailstore.mime.bodystructure import bodystructure
from mailstore.mime.date import sent_date
from mailstore.mime.envelope import envelope
from mailstore.mime.packed import pack_header
from mailstore.mime.scanner import Buffer, scan
from mailstore.mime.sections import pack


@dataclass(frozen=True, slots=True)
class Ingested:
    """Wire-ready descriptions and offsets of one message."""

    envelope: bytes
    bodystructure: bytes
    header: bytes
    parts: bytes
    sent: int | None  # seconds since the epoch
    sent_zone: int  # minutes
    message_id: bytes | None  # as the field has it, unfolded


def ingest(data: Buffer) -> Ingested:
    """Look at a message once. Never raises, whatever the bytes."""
    root = scan(data)
    date = root.value(b"date")
    sent = sent_date(date) if date is not None else None
    return Ingested(
        envelope=envelope(root.fields),
        bodystructure=bodystructure(root),
        header=pack_header(data, root),
        parts=pack(root),
        sent=None if sent is None else sent[0],
        sent_zone=0 if sent is None else sent[1],
        message_id=root.value(b"message-id") or None,
    )
