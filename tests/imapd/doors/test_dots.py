"""The message behind DATA: its end and its dots, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.doors.dots import DotStream, has_bare


def read(*pieces: bytes) -> tuple[bytes, bytes | None, bool]:
    stream, made, rest = DotStream(), b"", None
    for piece in pieces:
        assert rest is None
        one, rest = stream.feed(piece)
        made += one
    return made, rest, stream.bare


@pytest.mark.parametrize(
    ("data", "message", "rest"),
    [
        (b".\r\n", b"", b""),
        (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
        (b"..\r\n.\r\n", b".\r\n", b""),
        (b"...a\r\n.\r\n", b"..a\r\n", b""),
        (b".a\r\n.\r\n", b"a\r\n", b""),
        (b"\r\n..\r\n\r\n.\r\nx", b"\r\n.\r\n\r\n", b"x"),
        (b"a\r\n..\r\n..\r\n.\r\n", b"a\r\n.\r\n.\r\n", b""),
        (b"a\r\n.\r", b"a\r\n"[:1], None),
        (b"a.\r\nb\r\n.\r\n", b"a.\r\nb\r\n", b""),
    ],
)
def test_known_messages(data: bytes, message: bytes, rest: bytes | None):
    assert read(data) == (message, rest, False)


@pytest.mark.parametrize(
    "smuggled",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r\n.\r",
        b"\r.\r\n",
        b"\n\n.\r\n",
        b"\r\r\n.\r\r\n",
        b"\r\n\x00.\r\n\n",
    ],
)
def test_only_the_real_end_ends_a_message_and_the_others_are_told(smuggled: bytes):
    data = b"a" + smuggled + b"MAIL FROM:<evil@example.net>\r\n"
    message, rest, bare = read(data + b".\r\nNOOP\r\n")
    assert b"MAIL FROM" in message
    assert rest == b"NOOP\r\n"
    assert bare


_octets = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a", b"\0", b"\xff"])
).map(b"".join)


@given(_octets, st.data())
def test_it_does_not_matter_where_the_stream_is_cut(
    message: bytes, data: st.DataObject
):
    wire = message + b"\r\n.\r\nrest"
    whole = read(wire)
    pieces = []
    left = wire
    while left:
        at = data.draw(st.integers(1, len(left)))
        pieces.append(left[:at])
        left = left[at:]
    stream, made = DotStream(), b""
    rest: bytes | None = None
    for number, piece in enumerate(pieces):
        one, rest = stream.feed(piece)
        made += one
        if rest is not None:
            rest += b"".join(pieces[number + 1 :])
            break
    assert (made, rest, stream.bare) == whole


@given(st.lists(st.sampled_from([b"", b".", b"..", b".a", b"a", b" "])))
def test_what_a_client_has_stuffed_comes_out_as_it_was(lines: list[bytes]):
    message = b"".join(line + b"\r\n" for line in lines)
    wire = b"".join(
        (b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines
    )
    assert read(wire + b".\r\n") == (message, b"", False)


def test_bare_ends_are_found():
    assert not has_bare(b"a\r\nb\r\n")
    for wrong in (b"a\nb", b"a\rb", b"\n", b"\r\r\n", b"\r\n\n"):
        assert has_bare(wrong)
