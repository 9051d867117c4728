"""What SORT and THREAD compare of one message, found once, at its arrival.

RFC 5256 §3, RFC 5957 §3. Texts are kept before any collation is applied to them
(RFC 5255 §4.2): UTF-8, or, where a charset doesn't explain them, an octet that no
UTF-8 has and the octets as they are (§4.6). So all of the second kind come behind
all of the first, however the first are collated. It must not know sessions or SQL.
Example::

    stored_fields(b"Subject: Re: [x] hi\\r\\nFrom: A <b@c>\\r\\n").subject == b"hi"
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from mailstore.mime.address import Address, first_address
from mailstore.mime.date import sort_date
from mailstore.mime.envelope import envelope_values
from mailstore.mime.header import Field, decode_exactly, fields, unfold
from mailstore.mime.message_id import hashed, message_ids
from mailstore.mime.subject import base_subject

UNDECODED = b"\xff"  # begins a text that is octets, no characters
_MAX_SUBJECT = 1 << 16  # octets of the field that are looked at
_MAX_TEXT = 1_000  # octets kept of a text: two that agree so far are equal
_SHORT, _LISTS = 200, 1_024  # lists of addresses, of which many come again
_MAX_REFERENCES = 2_000  # of the last ones; mail programs shorten long lists too


class SortFields(NamedTuple):
    """The sort values of one message.

    ``references`` are Message IDs as packed numbers of 64 bits, the parent last.
    """

    sent: int | None = None  # since the epoch; None: INTERNALDATE counts (§2.2)
    subject: bytes = b""  # the base subject
    reply: bool = False  # the subject says that it is a reply or forward
    from_: bytes = b""
    to_: bytes = b""
    cc: bytes = b""
    display_from: bytes = b""
    display_to: bytes = b""
    message_id: int | None = None
    references: bytes = b""


def sort_fields(
    values: Mapping[bytes, bytes], references: bytes | None, sent: int | None = None
) -> SortFields:
    """Find the sort values in a message's `envelope_values` and References.

    ``sent`` is what `sent_date` found, if it found something.
    """
    get = values.get
    subject, reply = _subject(get(b"subject", b""))
    from_, display_from = _first(get(b"from"))
    to_, display_to = _first(get(b"to"))
    own = message_ids(get(b"message-id", b""))
    date = get(b"date")
    if sent is None and date is not None:
        sent = sort_date(unfold(date))
    return SortFields(
        sent=sent,
        subject=subject,
        reply=reply,
        from_=from_,
        to_=to_,
        cc=_first(get(b"cc"))[0],
        display_from=display_from,
        display_to=display_to,
        message_id=hashed(own[0]) if own else None,
        references=_references(references or b"", get(b"in-reply-to", b"")),
    )


def stored_fields(header: bytes) -> SortFields:
    """Find the sort values in the raw lines of a header, as they were stored."""
    found = list(_fields(header))
    references = [field.value for field in found if field.name == b"references"]
    return sort_fields(envelope_values(found), references[0] if references else None)


def _fields(header: bytes) -> Iterator[Field]:
    for span in fields(header):
        yield Field(span.name, header[span.value : span.end], b"")


def _subject(value: bytes) -> tuple[bytes, bool]:
    text = decode_exactly(unfold(value[:_MAX_SUBJECT]))
    if isinstance(text, str):
        found = base_subject(text)
        return _kept(found.text), found.reply
    # The artifacts are ASCII: they are found in the octets of any charset.
    found = base_subject(text.decode("latin-1"))
    return _cut(UNDECODED + found.text.encode("latin-1")), found.reply


def _kept(text: str | bytes) -> bytes:
    """Give a text as it is stored."""
    return _cut(text.encode() if isinstance(text, str) else UNDECODED + text)


def _cut(octets: bytes) -> bytes:
    """Give the first octets of a text, whole characters of UTF-8."""
    if len(octets) <= _MAX_TEXT:
        return octets
    end = _MAX_TEXT
    if not octets.startswith(UNDECODED):
        while octets[end] & 0xC0 == 0x80:
            end -= 1
    return octets[:end]


def _first(value: bytes | None) -> tuple[bytes, bytes]:
    """Give addr-mailbox and DISPLAY value of the first address of a list."""
    if value is None:
        return b"", b""
    return (_known if len(value) <= _SHORT else _read)(value)


def _read(value: bytes) -> tuple[bytes, bytes]:
    address = first_address(value)
    return _mailbox(address), _display(address)


_known = lru_cache(maxsize=_LISTS)(_read)


def _raw(octets: bytes) -> bytes:
    # RFC 2047 §5: there are no encoded words in an addr-spec.
    try:
        return _kept(octets.decode())
    except UnicodeDecodeError:
        return _kept(octets)


def _mailbox(address: Address | None) -> bytes:
    """Give the addr-mailbox of an address; of a group, its name."""
    return _raw(address.mailbox or b"") if address is not None else b""


def _display(address: Address | None) -> bytes:
    """Give the DISPLAY value of an address (RFC 5957 §3)."""
    if address is None:
        return b""
    if address.name:
        name = decode_exactly(address.name)
        if name:
            return _kept(name)
    if address.mailbox is not None and address.host is not None:
        return _raw(address.mailbox + b"@" + address.host)
    return _raw(address.mailbox or b"")


def _references(references: bytes, in_reply_to: bytes) -> bytes:
    """Give the references of a message (RFC 5256 §3), packed."""
    found = message_ids(references) if references else []
    if not found and in_reply_to:
        found = message_ids(in_reply_to)[:1]
    if not found:
        return b""
    return array("q", map(hashed, found[-_MAX_REFERENCES:])).tobytes()
