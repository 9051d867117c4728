"""What is checked of annotations, and how many are read at once (RFC 5257)."""

from __future__ import annotations

import pytest

from mailstore.errors import AnnotationTooBig, NoSuchPart
from mailstore.index.annotate import Listed
from mailstore.mime.ingest import ingest
from mailstore.model import AnnotationChange, AnnotationName
from mailstore.service import StoreOptions
from mailstore.service.annotations import _groups, check_parts, check_sizes, parts_of


def change(entry: str, value: bytes | None = b"x") -> AnnotationChange:
    return AnnotationChange(AnnotationName(entry, private=True), value)


def test_a_name_tells_its_part():
    assert change("/comment").name.part == ()
    assert change("/1.22/flags/seen").name.part == (1, 22)
    assert change("/vendor/1/2").name.part == ()
    for pattern in ("*", "%/comment", "/*", "/1*/comment", "/%.2/comment"):
        assert AnnotationName(pattern, private=True).part == ()
    assert AnnotationName("/1.2/*", private=True).part == (1, 2)


def test_parts_are_those_of_the_message():
    parts = ingest(b"Subject: x\r\n\r\nbody").parts
    check_parts(parts_of((change("/comment"), change("/1/comment"))), parts)
    with pytest.raises(NoSuchPart, match=r"1\.2"):
        check_parts(parts_of((change("/1.2/comment"),)), parts)


def test_values_have_a_bound():
    options = StoreOptions(annotation_octets=3)
    check_sizes((change("/comment", b"abc"), change("/comment", None)), options)
    with pytest.raises(AnnotationTooBig):
        check_sizes((change("/comment", b"abcd"),), options)


def test_values_are_read_in_groups_of_bounded_size():
    def some(uid: int, octets: int) -> list[Listed]:
        return [Listed(uid, "", "/comment", octets)]

    sizes = {1: 10, 2: 300_000, 3: 0, 4: 262_144, 5: 1}
    found = {uid: some(uid, octets) for uid, octets in sizes.items()}
    groups = [list(group) for group in _groups({**found, 6: []})]
    assert groups == [[1], [2], [3, 4], [5, 6]]
