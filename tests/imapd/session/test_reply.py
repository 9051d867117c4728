"""What is gathered of answers leaves in chunks, in order, whole."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from imapd.session.reply import CHUNK, Reply


class Wire:
    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        assert type(data) is bytes
        self.writes.append(data)


SIZES = st.integers(0, 200) | st.integers(CHUNK - 3, CHUNK + 3) | st.just(3 * CHUNK)


@given(st.lists(st.lists(SIZES, min_size=1, max_size=3), max_size=12))
def test_whatever_the_pieces_are_chunks_are_whole(answers):
    wire = Wire()
    reply = Reply(cast("Any", wire))
    said, number = b"", 0
    for sizes in answers:
        pieces: list[Any] = []
        for size in sizes:
            number += 1
            pieces.append(bytes([number % 256]) * size)
        said += b"".join(pieces)
        if len(pieces) == 1:
            reply.write(pieces[0])
        else:
            pieces[-1] = memoryview(pieces[-1])
            reply.write_all(pieces, sum(sizes))
        assert len(said) - len(b"".join(wire.writes)) < CHUNK
    assert all(len(data) % CHUNK == 0 for data in wire.writes)
    reply.flush()
    assert b"".join(wire.writes) == said
    assert reply.octets == len(said)
