"""Any bytes at all, through everything that looks at a message.

The properties: nothing raises, what is rendered is grammatical, what is located lies
inside the message, and a damaged message is still described.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime.bodystructure import body, leaves
from mailstore.mime.header import select_fields
from mailstore.mime.ingest import ingest
from mailstore.mime.packed import PackedFields
from mailstore.mime.scanner import scan
from mailstore.mime.sections import locate
from mailstore.mime.text import body_texts, contains, header_text
from tests.mailstore.mime.corpus import OWN
from tests.mailstore.mime.grammar import read_body, read_envelope
from tests.mailstore.mime.strategies import messages

_SEEDS = [path.read_bytes() for path in OWN]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw one of our ugly messages with some bytes cut, changed or repeated."""
    data = bytearray(draw(st.sampled_from(_SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, len(data)))
        last = min(first + draw(st.integers(0, 40)), len(data))
        kind = draw(st.sampled_from(["cut", "write", "repeat", "end"]))
        if kind == "cut":
            del data[first:last]
        elif kind == "write":
            data[first:last] = draw(st.binary(max_size=8))
        elif kind == "repeat":
            data[first:first] = data[first:last] * draw(st.integers(1, 20))
        else:
            del data[first:]
    return bytes(data)


@given(damaged() | messages() | st.binary())
def test_a_message_is_always_described(data: bytes):
    found = ingest(data)
    read_envelope(found.envelope)
    read_body(found.bodystructure, rev2=True)
    read_body(body(found.bodystructure), rev2=True)
    read_body(leaves(found.bodystructure))
    read_body(body(found.bodystructure, nested=False))
    for rendered in (found.envelope, found.bodystructure):
        assert b"\0" not in rendered


@given(
    damaged() | messages(),
    st.lists(st.integers(0, 4), max_size=4).map(tuple),
    st.sampled_from([None, "HEADER", "TEXT", "MIME"]),
)
def test_a_section_lies_inside_the_message(data: bytes, path, text):
    packed = ingest(data).parts
    found = locate(packed, path, text)
    if found is None:
        return
    start, length = found
    assert 0 <= start <= start + length <= len(data)
    parent = locate(packed, path[:-1])
    assert parent is not None
    assert parent[0] <= start or text == "MIME"
    assert start + length <= sum(parent)


@given(damaged() | messages())
def test_listings_never_differ_from_the_message(data: bytes):
    names = (b"SUBJECT", b"From", b"date", b"content-type")
    rendered = PackedFields(names).render(ingest(data).header)
    assert rendered in (None, select_fields(data[: scan(data).body], names))


@given(damaged() | messages(), st.text(max_size=3))
def test_any_message_can_be_searched(data: bytes, wanted: str):
    root = scan(data)
    contains(body_texts(data, root), wanted)
    header_text(data[: root.body], b"subject")
