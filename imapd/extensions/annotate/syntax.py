"""Names of annotations' entries and attributes, and their values (RFC 5257 §3.2, §5).

::

    entry-att       = entry SP "(" att-value *(SP att-value) ")"
    att-value       = attrib SP value
    entry           = astring       ; /comment, /1.2/flags/seen
    attrib          = astring       ; value.priv, size.shared
    value           = nstring / literal8

Entries have their case; attributes, of which there are two, are read in any.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import groupby

from imapd.syntax.metadata_entry import parse_value, unparse_value
from imapd.wire.cursor import MAX_NUMBER, Cursor
from imapd.wire.encode import client_astring, client_string
from mailstore.model import AnnotationChange, AnnotationName

MAX_ENTRY = 255
MAX_PART = 100
MAX_ENTRIES = 100

PRIVATE, SHARED = ".priv", ".shared"
VALUES = ("value", "value.priv", "value.shared")
OF_ONE = ("value.priv", "value.shared")
ATTRIBUTES = (*VALUES, "size", "size.priv", "size.shared")

_NEVER = re.compile(rb"[\x00-\x1f\x7f-\xff]")
_SHAPE = re.compile(r"(?:/[^/]+)+")
_PATTERN = re.compile(r"(?:[*%][^/]*)?(?:/[^/]+)*")
_PART = re.compile(r"/([0-9][^/]*)")
_NUMBERS = re.compile(r"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*")
_OF_MESSAGE = re.compile(r"/(?:comment|altsubject|vendor(?:/[^/]+)+)")
_OF_PART = re.compile(
    r"/[0-9.]+/(?:comment|flags/(?:seen|answered|flagged|forwarded)|vendor(?:/[^/]+)+)"
)
_FLAG = re.compile(r"/[0-9.]+/flags/")


def parse_entry(cursor: Cursor) -> str:
    """Take the name of an entry. Raises `Malformed`."""
    start = cursor.at
    octets = cursor.astring()
    name = octets.decode("latin-1")
    if (
        len(octets) > MAX_ENTRY
        or _NEVER.search(octets)
        or not _SHAPE.fullmatch(name)
        or not {"*", "%"}.isdisjoint(name)
        or not _is_part_well_said(name)
    ):
        cursor.at = start
        raise cursor.fail("the name of an entry")
    return name


def parse_pattern(cursor: Cursor) -> str:
    """Take the name of an entry, perhaps with wildcards. Raises `Malformed`."""
    start = cursor.at
    octets = cursor.list_mailbox()
    name = octets.decode("latin-1")
    if (
        not name
        or len(octets) > MAX_ENTRY
        or _NEVER.search(octets)
        or not _PATTERN.fullmatch(name)
        or not _is_part_well_said(name)
    ):
        cursor.at = start
        raise cursor.fail("the name of an entry, or a pattern of names")
    return name


def _is_part_well_said(name: str) -> bool:
    """Tell whether a name that begins with a digit does so with a section-part."""
    found = _PART.match(name)
    if found is None or not {"*", "%"}.isdisjoint(found[1]):
        return True
    if not _NUMBERS.fullmatch(found[1]):
        return False
    numbers = found[1].split(".")
    return len(numbers) <= MAX_PART and all(int(n) <= MAX_NUMBER for n in numbers)


def is_known(name: str) -> bool:
    """Tell whether there is such an entry (§3.2.1): ``/flags`` is not to be used."""
    return bool(_OF_MESSAGE.fullmatch(name) or _OF_PART.fullmatch(name))


def parse_attribute(cursor: Cursor, known: Collection[str]) -> str:
    """Take one of some attributes. Raises `Malformed`."""
    start = cursor.at
    name = cursor.astring().decode("latin-1").lower()
    if name not in known:
        cursor.at = start
        raise cursor.fail(" or ".join(known))
    return name


def parse_changes(cursor: Cursor) -> tuple[AnnotationChange, ...]:
    """Take ``(entry-att *(SP entry-att))``. Raises `Malformed`."""
    changes: list[AnnotationChange] = []
    cursor.parenthesised(lambda: _parse_entry_changes(cursor, changes), least=1)
    return tuple(changes)


def _parse_entry_changes(cursor: Cursor, changes: list[AnnotationChange]) -> None:
    start = cursor.at
    entry = parse_entry(cursor)
    if not is_known(entry):
        cursor.at = start
        raise cursor.fail("/comment, /altsubject or /vendor/…, or those of a part,")
    cursor.sp()
    cursor.parenthesised(lambda: changes.append(_parse_change(cursor, entry)), least=1)
    if len(changes) > MAX_ENTRIES:
        raise cursor.fail(f"at most {MAX_ENTRIES} annotations", "LIMIT")
    names = {change.name for change in changes}
    if len(names) < len(changes):
        cursor.at = start
        raise cursor.fail("each attribute once")


def _parse_change(cursor: Cursor, entry: str) -> AnnotationChange:
    attribute = parse_attribute(cursor, OF_ONE)
    cursor.sp()
    start = cursor.at
    value = parse_value(cursor)
    if _FLAG.match(entry) and value not in (b"0", b"1", None):
        cursor.at = start
        raise cursor.fail('"1", "0" or NIL')
    return AnnotationChange(AnnotationName(entry, attribute.endswith(PRIVATE)), value)


def unparse_entry(entry: str) -> bytes:
    """Write a name as a client would."""
    return client_astring(entry.encode("ascii"))


def unparse_pattern(pattern: str) -> bytes:
    """Write a pattern as a client would."""
    return client_string(pattern.encode("ascii"))


def unparse_changes(changes: tuple[AnnotationChange, ...]) -> bytes:
    """Write ``(entry-att *(SP entry-att))`` as a client would."""
    return b"(%b)" % b" ".join(
        [
            b"%b (%b)" % (unparse_entry(entry), b" ".join(map(_unparse_change, some)))
            for entry, some in groupby(changes, lambda change: change.name.entry)
        ]
    )


def _unparse_change(change: AnnotationChange) -> bytes:
    name = b"value.priv" if change.name.private else b"value.shared"
    return b"%b %b" % (name, unparse_value(change.value))
