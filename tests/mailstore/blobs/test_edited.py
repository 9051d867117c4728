from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from mailstore.blobs.edited import EditedReader
from mailstore.blobs.reader import BlobReader


class InMemory(BlobReader):
    """A message that is no file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)
        self.closed = False

    def pread(self, start: int, length: int) -> bytes:
        return self.data[start : start + length]

    def verify(self) -> None:
        """Nothing is wrong."""

    def close(self) -> None:
        self.closed = True


@given(st.data())
def test_every_range_is_that_of_the_edited_message(data):
    content = data.draw(st.binary(max_size=12))
    cuts = st.integers(0, len(content))
    edges = sorted(data.draw(st.lists(cuts, max_size=6).filter(lambda x: ~len(x) & 1)))
    edits = [
        (start, end, data.draw(st.binary(max_size=3)))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]
    expected, at = b"", 0
    for start, end, text in edits:
        expected += content[at:start] + text
        at = end
    expected += content[at:]
    reader = EditedReader(InMemory(content), edits)
    assert reader.size == len(expected)
    for start in range(len(expected) + 2):
        for length in range(len(expected) + 2):
            assert reader.pread(start, length) == expected[start : start + length]
    with reader.buffer() as whole:
        assert whole == expected
    assert reader.digest() == hashlib.sha256(expected).digest()


def test_the_message_is_closed_with_it():
    inner = InMemory(b"abc")
    with EditedReader(inner, [(0, 1, b"")]) as reader:
        reader.verify()
        assert reader.pread(0, 9) == b"bc"
    assert inner.closed
