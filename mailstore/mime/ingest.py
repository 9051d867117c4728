"""Everything that the index keeps of a message, found once, at its arrival.

The one entry to this package for those who store mail. It must not know where a
message comes from or goes to, and it never raises: whatever bytes arrive, mail is
kept and can be listed. Example::

    ingest(b"Subject: hi\\r\\n\\r\\nhi\\r\\n").envelope
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mailstore.mime.bodystructure import bodystructure
from mailstore.mime.date import sent_date
from mailstore.mime.downgrade import Edit, edits
from mailstore.mime.envelope import envelope_of, envelope_values
from mailstore.mime.header import Buffer, unfold
from mailstore.mime.outline import Outline
from mailstore.mime.packed import pack_header
from mailstore.mime.preview import preview
from mailstore.mime.scanner import DEFAULT_LIMITS, Part, scan
from mailstore.mime.sections import moved, pack
from mailstore.mime.sorting import SortFields, sort_fields
from mailstore.mime.wire import string

_MESSAGE_ID = re.compile(rb"<[^<>\s]++>")
_MAX_MESSAGE_ID = 998  # RFC 5322 §2.1.1: the longest line


class Ingested(NamedTuple):
    """What is kept of one message.

    ``envelope``, ``bodystructure`` and ``preview`` are wire-ready; ``header`` belongs
    to `mailstore.mime.packed`, ``parts`` to `mailstore.mime.sections`.
    """

    envelope: bytes
    bodystructure: bytes  # the extensible form; see `bodystructure.body`
    header: bytes
    parts: bytes
    sent: int | None  # seconds since the epoch of the Date field
    sent_zone: int  # its zone, minutes east; the date there is what SENTON compares
    preview: bytes  # wire-ready
    message_id: bytes | None  # with its angle brackets, where it has them
    sort: SortFields  # what SORT and THREAD compare
    edits: tuple[Edit, ...]  # what makes its headers ASCII; none: they are


def ingest(data: Buffer, outline: Outline | None = None) -> Ingested:
    """Look at a message once. Never raises, whatever the bytes.

    ``outline`` is what was found in them as they came, if somebody looked.
    """
    root = scan(data, DEFAULT_LIMITS, outline)
    values = envelope_values(root.fields)
    date, message_id = values.get(b"date"), values.get(b"message-id")
    sent, zone = (None if date is None else sent_date(unfold(date))) or (None, 0)
    return Ingested(
        envelope=envelope_of(values),
        bodystructure=bodystructure(root),
        header=pack_header(data, root),
        parts=pack(root),
        sent=sent,
        sent_zone=zone,
        preview=wire_preview(data, root),
        message_id=None if message_id is None else _message_id(unfold(message_id)),
        sort=sort_fields(values, values.get(b"references"), sent),
        edits=edits(data, root),
    )


def behind_fields(seen: Ingested, octets: int) -> Ingested:
    """Give what `ingest` would of the message with so many octets of fields before it.

    They are fields that tell of its way (``Received`` and its like), in ASCII, and the
    message has no ``edits``: nothing else of what is kept depends on them then.
    """
    return seen._replace(parts=moved(seen.parts, octets))


def wire_preview(data: Buffer, root: Part) -> bytes:
    """Render the preview as it is sent (RFC 8970 §3.3: UTF-8)."""
    return string(preview(data, root).encode("utf-8"))


def _message_id(value: bytes) -> bytes | None:
    if not value:
        return None
    found = _MESSAGE_ID.search(value)
    return (found[0] if found is not None else value)[:_MAX_MESSAGE_ID]
