import base64
import quopri

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailstore.errors import UnknownEncoding
from mailstore.mime import transfer
from mailstore.mime.transfer import (
    decode_base64,
    decode_exactly,
    decoded,
    decoded_whole,
)
from tests.mailstore.mime.growth import grows_linearly


def whole(data: bytes, encoding: bytes) -> bytes:
    return b"".join(decoded(data, 0, len(data), encoding))


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        (b"aGVsbG8=", b"hello"),
        (b"aGVs\r\nbG8", b"hello"),
        (b"aGVs*b-G8=", b"hello"),
        (b"QQ==QUI=QUJD", b"AABABC"),
        (b"Q", b""),
        (b"QUJDR", b"ABC"),
        (b"====", b""),
        (b"\xff\x00", b""),
    ],
)
def test_damaged_base64(text: bytes, octets: bytes):
    assert decode_base64(text) == octets
    assert whole(text, b"base64") == octets


@given(
    st.lists(
        st.sampled_from(
            [b"QUJD", b"Q", b"=", b"==", b"QQ==", b"\r\n", b" ", b"=41", b"!"]
        )
    ).map(b"".join),
    st.sampled_from([b"base64", b"quoted-printable", b"8bit", b"bogus"]),
)
@example(b"QUJDQ", b"base64")
@example(b"QUJDQQ=\r\n", b"base64")
@example(b"QQ==QUI=\r\n", b"base64")
def test_at_once_or_in_pieces(data: bytes, encoding: bytes):
    framed = b"<" + data + b">"
    assert decoded_whole(framed, 1, len(data) + 1, encoding) == whole(data, encoding)


@given(st.binary(), st.integers(1, 9))
def test_base64_in_pieces(data: bytes, size: int):
    text = base64.encodebytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "PIECE", size)
        assert whole(text, b"base64") == data


@given(st.binary(), st.integers(3, 9))
@example(b"a=41=\r\n=", 3)
def test_quoted_printable_in_pieces(data: bytes, size: int):
    text = quopri.encodestring(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "PIECE", size)
        assert whole(text, b"quoted-printable") == quopri.decodestring(text)


@given(st.binary(), st.sampled_from([b"base64", b"quoted-printable", b"7bit", b"x"]))
def test_any_bytes_can_be_decoded(data: bytes, encoding: bytes):
    found = whole(data, encoding)
    assert len(found) <= len(data)
    if encoding in (b"7bit", b"x"):
        assert found == data


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable"])
@pytest.mark.parametrize("unit", [b"=", b"=A", b"A", b"=\r\n", b"==A", b" "])
def test_the_work_is_linear(encoding: bytes, unit: bytes):
    assert grows_linearly(lambda n: whole(unit * n, encoding), 200_000)


# -- exactly


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(st.binary(), st.integers(1, 9))
def test_exact_base64_however_it_is_cut(data: bytes, size: int):
    text = base64.encodebytes(data).replace(b"\n", b"\r\n")
    assert b"".join(decode_exactly(cut(text, size), b"base64")) == data
    bare = text.rstrip(b"=\r\n")
    assert b"".join(decode_exactly(cut(bare, size), b"base64")) == data


@given(st.binary(), st.integers(1, 9))
def test_exact_quoted_printable_however_it_is_cut(data: bytes, size: int):
    rows = [b"".join([b"=%02X" % octet for octet in row]) for row in cut(data, 20)]
    text = b"= \r\n".join(rows) + b" \t"
    assert b"".join(decode_exactly(cut(text, size), b"quoted-printable")) == data


@given(st.text("=AF0 \t\r\nx"), st.integers(1, 9), st.integers(1, 9))
def test_cuts_make_no_difference_to_odd_quoted_printable(text: str, one: int, two: int):
    data = text.encode()
    first = b"".join(decode_exactly(cut(data, one), b"quoted-printable"))
    assert first == b"".join(decode_exactly(cut(data, two), b"quoted-printable"))


@given(st.binary(max_size=40), st.integers(1, 9))
def test_any_octets_are_base64_or_refused(data: bytes, size: int):
    try:
        found = b"".join(decode_exactly(cut(data, size), b"base64"))
    except UnknownEncoding:
        return
    clean = data.translate(None, b" \t\r\n").rstrip(b"=")
    assert base64.b64encode(found).rstrip(b"=")[: len(clean) - 1] == clean[:-1]


@pytest.mark.parametrize("name", [b"", b"x-uuencode", b"base85"])
def test_an_unknown_encoding_is_refused_even_of_nothing(name: bytes):
    with pytest.raises(UnknownEncoding):
        list(decode_exactly([], name))


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable"])
@pytest.mark.parametrize("piece", [b" ", b"\t", b"=", b"A", b"= ", b"=\r\n", b" \n"])
def test_exact_decoding_is_linear(encoding: bytes, piece: bytes):
    def decode(count: int) -> None:
        try:
            for _ in decode_exactly(cut(piece * count, 65_536), encoding):
                pass
        except UnknownEncoding:
            return

    grows_linearly(decode, 200_000)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("blanks", [b" ", b"\t", b" \t  "])
def test_blanks_before_a_line_end_are_no_text(end: bytes, blanks: bytes):
    text = b"a b" + blanks + end + b"c=20" + end + blanks + b"d" + end
    decoded = b"".join(decode_exactly([text], b"quoted-printable"))
    assert decoded == b"a b" + end + b"c " + end + blanks + b"d" + end


def test_blanks_that_were_added_to_lines_join_no_soft_break():
    """RFC 2045 §6.7, rules 3 and 5: an old gateway has padded lines."""
    padded = b"lun= \t\r\nch =20  \nand=\t\n tea"
    assert whole(padded, b"quoted-printable") == b"lunch  \nand tea"
    long = b"x = \r\n" * 60_000
    assert whole(long, b"quoted-printable") == b"x " * 60_000
