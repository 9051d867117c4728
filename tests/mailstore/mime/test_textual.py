import pytest
from hypothesis import example, given

from mailstore.mime import textual as subject
from mailstore.mime.scanner import scan
from mailstore.mime.sections import pack, records
from mailstore.mime.text import body_texts
from mailstore.mime.textual import textual
from tests.mailstore.mime.corpus import OWN
from tests.mailstore.mime.strategies import messages


def check(data: bytes) -> None:
    """Compare what a search needs of the parts with what a scan finds."""
    root = scan(data)
    found = textual(pack(root), data)
    assert found is not None
    for one, other in zip(found.walk(), root.walk(), strict=True):
        assert (one.header, one.body, one.end) == (other.header, other.body, other.end)
        assert (one.type, one.subtype) == (other.type, other.subtype)
        if one is not found.parts[0]:
            assert one.disposition == other.disposition
            assert one.fields == other.fields
        if one is not found.parts[0] or one.type == b"text":
            assert one.params == other.params
    assert list(body_texts(data, found)) == list(body_texts(data, root))


@given(messages())
@example(b"Content-Type: multipart/mixed; charset=x\r\n\r\nno part")
@example(b"Content-Type: odd; charset=utf-7\r\n\r\n+2AA-")
@example(b"Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n<p>")
@example(
    b"Content-Type: message/rfc822; name=x\r\n\r\n"
    b"Content-Type: text/plain; charset=koi8-r\r\n\r\n\xc1"
)
def test_it_says_what_a_scan_says(data: bytes):
    check(data)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_ugly_messages(path):
    check(path.read_bytes())


def test_what_cannot_be_read_is_scanned():
    data = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n"
    )
    packed = pack(scan(data))
    assert textual(packed, data) is not None
    assert textual(packed, data[:-20]) is None  # of another message
    assert textual(b"", data) is None
    for at in range(len(packed)):
        for bit in range(8):
            damaged = bytearray(packed)
            damaged[at] ^= 1 << bit
            textual(bytes(damaged), data)  # whatever it says, it is no error
            records(bytes(damaged[:at]))


def test_headers_in_which_a_limit_may_hold_are_scanned():
    data = b"X: " + b"y" * subject._MOST_HEADER + b"\r\n\r\nbody"
    assert textual(pack(scan(data)), data) is None
    inner = b"To:\r\n" * 20_000 + b"Content-Type: text/html\r\n\r\n<p>"
    data = b"Content-Type: message/rfc822\r\n\r\n" + inner
    assert textual(pack(scan(data)), data) is None
