import base64
import quopri

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailstore.mime import transfer
from mailstore.mime.transfer import decode_base64, decoded
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
