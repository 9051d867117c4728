"""The fetch item ANNOTATION (RFC 5257 §4.3, §4.4).

::

    fetch-att       =/ "ANNOTATION" SP "(" entries SP attribs ")"
    entries         = entry-match / "(" entry-match *(SP entry-match) ")"
    attribs         = attrib / "(" attrib *(SP attrib) ")"

    C: a FETCH 1 (ANNOTATION ((/comment /altsubject) value.priv))
    S: * 1 FETCH (ANNOTATION (/comment (value.priv "What a chowder-head")
        /altsubject (value.priv NIL)))

An entry that is named is told whether the message has it or not; wildcards stand for
those that it has. Where there are none the list is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from imapd.extensions.annotate.syntax import (
    ATTRIBUTES,
    MAX_ENTRIES,
    PRIVATE,
    SHARED,
    parse_attribute,
    parse_pattern,
    unparse_pattern,
)
from imapd.session.plugs import CheckedItem, FetchEnvironment, FetchItem, Rendering
from imapd.syntax.metadata_entry import render_value
from imapd.wire.cursor import Cursor
from imapd.wire.encode import astring, string
from mailstore.model import Annotation, AnnotationName, Batch, Column

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FetchAnnotation(CheckedItem):
    """Some attributes of the entries that fit one of some patterns."""

    patterns: tuple[str, ...]
    attributes: tuple[str, ...]
    columns: ClassVar[Collection[Column]] = ()
    sets_seen: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.patterns or not set(self.attributes) <= set(ATTRIBUTES):
            raise ValueError("there are entries, and attributes that exist")

    def unparse(self) -> bytes:
        """Write the item."""
        entries = _unparse_list([unparse_pattern(one) for one in self.patterns])
        attributes = _unparse_list([one.encode("ascii") for one in self.attributes])
        return b"ANNOTATION (%b %b)" % (entries, attributes)

    async def check(self, environment: FetchEnvironment, uids: Sequence[int]) -> None:
        """Refuse parts that one of the messages lacks (§3.2.1). Raises `NoSuchPart`."""
        parts = {AnnotationName(one, private=True).part for one in self.patterns}
        await environment.mailbox.annotations.check_parts(uids, parts - {()})

    def compile(self, environment: FetchEnvironment) -> Rendering:
        """Prepare its answers."""
        annotations = environment.mailbox.annotations
        patterns = tuple(dict.fromkeys(self.patterns))
        named = [one for one in patterns if {"*", "%"}.isdisjoint(one)]
        told = _full_names(self.attributes)
        texts = any(name.startswith("value") for name in told)

        def values(batch: Batch) -> Iterator[bytes]:
            for found in annotations.get(batch.uids, patterns, values=texts):
                yield _render(found, named, told)

        return Rendering(b"ANNOTATION", values, large=True)


def _full_names(attributes: Sequence[str]) -> list[str]:
    """Give attributes with their suffix: without one both are meant (§3.2.2)."""
    found: list[str] = []
    for name in attributes:
        whole = [name] if "." in name else [name + PRIVATE, name + SHARED]
        found += [one for one in whole if one not in found]
    return found


def _render(
    found: Sequence[Annotation], named: Sequence[str], told: Sequence[str]
) -> bytes:
    """Render one message's entries: first those that were named, in that order."""
    by_entry: dict[str, dict[str, Annotation]] = {entry: {} for entry in named}
    suffixes = {name[name.index(".") :] for name in told}
    for one in found:
        suffix = PRIVATE if one.name.private else SHARED
        if suffix in suffixes:
            by_entry.setdefault(one.name.entry, {})[suffix] = one
    return b"(%b)" % b" ".join(
        [
            b"%b (%b)"
            % (
                astring(entry.encode("ascii")),
                b" ".join([_render_attribute(some, name) for name in told]),
            )
            for entry, some in by_entry.items()
        ]
    )


def _render_attribute(some: dict[str, Annotation], name: str) -> bytes:
    kind, _, suffix = name.partition(".")
    one = some.get(f".{suffix}")
    if kind == "size":
        value = string(b"%d" % (0 if one is None else one.octets))
    else:
        value = render_value(None if one is None else one.value)
    return b"%b %b" % (name.encode("ascii"), value)


def parse_fetch_item(cursor: Cursor) -> FetchItem:
    """Take the entries and attributes. Raises `Malformed`."""
    cursor.sp()
    cursor.expect(b"(")
    patterns = _parse_some(cursor, lambda: parse_pattern(cursor))
    cursor.sp()
    attributes = _parse_some(cursor, lambda: parse_attribute(cursor, ATTRIBUTES))
    cursor.expect(b")")
    return FetchAnnotation(patterns, attributes)


def _parse_some(cursor: Cursor, item: Callable[[], T]) -> tuple[T, ...]:
    if cursor.peek() != b"(":
        return (item(),)
    start = cursor.at
    found = cursor.parenthesised(item, least=1)
    if len(found) > MAX_ENTRIES:
        cursor.at = start
        raise cursor.fail(f"at most {MAX_ENTRIES} names", "LIMIT")
    return found


def _unparse_list(items: Sequence[bytes]) -> bytes:
    return items[0] if len(items) == 1 else b"(%b)" % b" ".join(items)
