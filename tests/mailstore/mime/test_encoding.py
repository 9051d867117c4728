"""Parts with NULs in base64: nothing lost, nothing else touched."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.errors import UnknownEncoding
from mailstore.mime.encoding import without_nul
from mailstore.mime.ingest import ingest
from mailstore.mime.scanner import scan
from mailstore.mime.sections import locate
from mailstore.mime.transfer import decode_exactly


def encoded(data: bytes) -> bytes:
    return b"".join(without_nul(data))


def parts(data: bytes) -> list[bytes]:
    """Give the decoded leaves of a message."""
    return [
        b"".join(decode_exactly([data[part.body : part.end]], part.encoding))
        for part in scan(data).walk()
        if not part.children
    ]


BODIES = st.lists(
    st.one_of(
        st.binary(max_size=200).map(lambda data: data.replace(b"--", b"")),
        st.sampled_from([b"\x00", b"\x00" * 5_000, b"text\r\n", b""]),
    ),
    min_size=1,
    max_size=4,
)


@given(BODIES, st.sampled_from([b"\r\n", b"\n"]))
def test_leaves_are_what_they_were_and_no_nul_is_left(bodies, line):
    pieces = [b"Content-Type: multipart/mixed; boundary=qq", b""]
    for number, body in enumerate(bodies):
        head = b"Content-Transfer-Encoding: binary" if number % 2 else b"X: y"
        pieces += [b"--qq", head, b"", body]
    data = line.join([*pieces, b"--qq--", b""])
    before = parts(data)
    made = encoded(data)
    assert b"\x00" not in made
    assert parts(made) == before
    if b"\x00" not in data:
        assert made == data


def test_only_the_part_with_nul_changes():
    signed = b"--b\r\nContent-Type: text/plain\r\n\r\nsigned\r\n"
    data = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n%b"
        b"--b\r\nContent-TRANSFER-encoding:\r\n binary\r\nX: y\r\n\r\n\x00\r\n--b--\r\n"
    ) % signed
    made = encoded(data)
    assert signed in made
    assert b"--b\r\nContent-Transfer-Encoding: base64\r\nX: y\r\n\r\nAA==\r\n" in made


def test_a_part_of_an_embedded_message_is_reached():
    inner = b"Subject: in\r\nMIME-Version: 1.0\r\n\r\n\x00"
    data = b"Content-Type: message/rfc822\r\n\r\n" + inner
    made = encoded(data)
    place = locate(ingest(made).parts, (1, 1))
    assert place is not None
    assert base64.b64decode(made[place[0] : place[0] + place[1]]) == b"\x00"


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"A: \x00\r\n\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\nAA\x00=",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\x00\r\n--b\r\n\r\n--b--",
    ],
)
def test_nul_elsewhere_is_refused(data):
    with pytest.raises(UnknownEncoding):
        encoded(data)
