"""ANNOTATION in SEARCH and SORT (RFC 5257 §4.8, §4.9).

::

    search-key      =/ "ANNOTATION" SP entry-match SP att-search SP value
    att-search      = "value" / "value.priv" / "value.shared"
    sort-key        =/ "ANNOTATION" SP entry SP att-sort
    att-sort        = "value.priv" / "value.shared"

    C: a SEARCH ANNOTATION /comment value "IMAP4"
    S: * SEARCH 2 3 5 7 11 13 17 19 23

NIL finds the messages whose annotation has no value.
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.extensions.annotate.syntax import (
    OF_ONE,
    PRIVATE,
    VALUES,
    parse_attribute,
    parse_entry,
    parse_pattern,
    unparse_entry,
    unparse_pattern,
)
from imapd.session.plugs import SearchEnvironment
from imapd.session.registry import Registry
from imapd.syntax.metadata_entry import parse_value, unparse_value
from imapd.wire.cursor import Cursor
from mailstore.model import AnnotationName
from mailstore.query import AnnotationContains, Criterion, Not, Predicate, SortKey


@dataclass(frozen=True, slots=True)
class AnnotationKey:
    """Messages with a string in an annotation; None: without a value there."""

    pattern: str
    attribute: str
    value: bytes | None

    def __post_init__(self) -> None:
        if self.attribute not in VALUES:
            raise ValueError("values are searched")

    def unparse(self) -> bytes:
        """Write the key."""
        return b"ANNOTATION %b %b %b" % (
            unparse_pattern(self.pattern),
            self.attribute.encode("ascii"),
            unparse_value(self.value),
        )

    def lower(self, environment: SearchEnvironment) -> Predicate:
        """Say it in the store's terms."""
        needle = None if self.value is None else environment.decode(self.value)
        found = AnnotationContains(
            self.pattern,
            needle,
            private=self.attribute != "value.shared",
            shared=self.attribute != "value.priv",
        )
        return Not(found) if needle is None else found


@dataclass(frozen=True, slots=True)
class SortByAnnotation:
    """The annotation that is sorted by."""

    name: AnnotationName

    def unparse(self) -> bytes:
        """Write what stands behind the key's name."""
        attribute = b"value.priv" if self.name.private else b"value.shared"
        return b"%b %b" % (unparse_entry(self.name.entry), attribute)

    def criterion(self, key: SortKey, *, reverse: bool) -> Criterion:
        """Say it in the store's terms."""
        return Criterion(key, reverse, self.name)


def parse_search_key(cursor: Cursor, _: Registry) -> AnnotationKey:
    """Take entry, attribute and value. Raises `Malformed`."""
    cursor.sp()
    pattern = parse_pattern(cursor)
    cursor.sp()
    attribute = parse_attribute(cursor, VALUES)
    cursor.sp()
    return AnnotationKey(pattern, attribute, parse_value(cursor))


def parse_sort_argument(cursor: Cursor) -> SortByAnnotation:
    """Take entry and attribute. Raises `Malformed`."""
    cursor.sp()
    entry = parse_entry(cursor)
    cursor.sp()
    attribute = parse_attribute(cursor, OF_ONE)
    return SortByAnnotation(AnnotationName(entry, attribute.endswith(PRIVATE)))
