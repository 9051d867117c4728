from pathlib import Path

import pytest
from hypothesis import given

from mailstore.mime.scanner import MimeLimits, Part, scan
from mailstore.mime.sections import (
    contains_nul,
    encoded,
    locate,
    locator,
    pack,
    records,
)
from tests.mailstore.mime.corpus import OWN, own
from tests.mailstore.mime.strategies import messages


def section(data: bytes, path: tuple[int, ...], text: str | None = None):
    found = locate(pack(scan(data)), path, text)
    return None if found is None else data[found[0] : found[0] + found[1]]


KNOWN = (b"7bit", b"8bit", b"binary", b"base64", b"quoted-printable")
PLAIN = b"Subject: x\r\n\r\nbody\r\n"
HEAD = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
INNER = (
    b"Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    b"--c\r\n\r\ntext\r\n--c\r\nContent-Type: image/png\r\n\r\npng\r\n--c--"
)
NESTED = (
    HEAD
    + b"--b\r\nX-A: 1\r\n\r\none\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    + INNER
    + b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    + PLAIN
    + b"\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("data", "path", "text", "found"),
    [
        (PLAIN, (), None, PLAIN),
        (PLAIN, (), "HEADER", b"Subject: x\r\n\r\n"),
        (PLAIN, (), "TEXT", b"body\r\n"),
        (PLAIN, (), "MIME", None),
        # RFC 3501 §6.4.5: part 1 of what is no multipart is its body
        (PLAIN, (1,), None, b"body\r\n"),
        (PLAIN, (1,), "MIME", b"Subject: x\r\n\r\n"),
        (PLAIN, (1,), "HEADER", None),
        (PLAIN, (1,), "TEXT", None),
        (PLAIN, (2,), None, None),
        (PLAIN, (0,), None, None),
        (PLAIN, (1, 1), None, None),
        (NESTED, (0,), None, None),
        (NESTED, (1,), None, b"one"),
        (NESTED, (1,), "MIME", b"X-A: 1\r\n\r\n"),
        (NESTED, (1,), "HEADER", None),
        (NESTED, (1, 1), None, None),
        (NESTED, (2,), None, INNER),
        (NESTED, (2,), "MIME", b"Content-Type: message/rfc822\r\n\r\n"),
        (NESTED, (2,), "HEADER", INNER.partition(b"\r\n--c")[0] + b"\r\n"),
        (NESTED, (2,), "TEXT", b"--c" + INNER.partition(b"\r\n--c")[2]),
        (NESTED, (2, 1), None, b"text"),
        (NESTED, (2, 1), "MIME", b"\r\n"),
        (NESTED, (2, 1), "HEADER", None),
        (NESTED, (2, 2), None, b"png"),
        (NESTED, (2, 2), "MIME", b"Content-Type: image/png\r\n\r\n"),
        (NESTED, (2, 3), None, None),
        (NESTED, (2, 2, 1), None, None),
        (NESTED, (3,), None, PLAIN),
        (NESTED, (3, 1), None, b"body\r\n"),
        (NESTED, (3, 1), "MIME", b"Subject: x\r\n\r\n"),
        (NESTED, (3, 1, 1), None, None),
        (NESTED, (3, 2), None, None),
        (NESTED, (4,), None, None),
        (NESTED, (4_294_967_295,), None, None),
    ],
)
def test_sections(data: bytes, path: tuple[int, ...], text: str | None, found):
    assert section(data, path, text) == found


def test_a_message_that_is_itself_an_embedded_message():
    data = own("rfc822-alone")
    inner = data.partition(b"\r\n\r\n")[2]
    assert section(data, (1,)) == inner
    assert (
        section(data, (1,), "HEADER") == inner.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    )
    assert section(data, (1,), "TEXT") == inner.partition(b"\r\n\r\n")[2]
    assert section(data, (1, 1)) == inner.partition(b"\r\n\r\n")[2]
    assert section(data, (1, 1, 1)) is None


def paths(root: Part) -> list[tuple[tuple[int, ...], Part]]:
    """List the part numbers of all parts, as a client finds them."""
    found = []

    def parts(prefix: tuple[int, ...], entity: Part) -> None:
        """Number the parts of a message."""
        if entity.is_multipart:
            for number, child in enumerate(entity.children, 1):
                part((*prefix, number), child)
        else:
            part((*prefix, 1), entity)

    def part(path: tuple[int, ...], node: Part) -> None:
        found.append((path, node))
        if node.is_multipart:
            parts(path, node)
        elif node.message is not None:
            parts(path, node.message)

    parts((), root)
    return found


def check(data: bytes) -> None:
    root = scan(data)
    packed = pack(root)
    assert locate(packed, (), None) == (0, len(data))
    assert encoded(packed, ()) == (0, len(data), b"binary")
    assert encoded(packed, (0,)) is None
    header, text = locate(packed, (), "HEADER"), locate(packed, (), "TEXT")
    assert header is not None
    assert text is not None
    assert header == (0, text[0])
    assert sum(header) + text[1] == len(data)
    types = {(one.header, one.body, one.media) for one in records(packed) or ()}
    for path, part in paths(root):
        assert locate(packed, path) == (part.body, part.size)
        assert locator(path, "MIME")(packed) == locate(packed, path, "MIME")
        assert locate(packed, path, "MIME") == (part.header, part.body - part.header)
        media = part.type + b"/" + part.subtype
        assert (part.header, part.body, media) in types
        name = part.encoding if part.encoding in KNOWN else b""
        # RFC 2045 §6.4: what is made of parts is not encoded.
        if part.type == b"multipart":
            name = b"binary"
        assert encoded(packed, path) == (part.body, part.size, name)
        inner = part.message
        if inner is None:
            assert locate(packed, path, "HEADER") is None
            assert locate(packed, path, "TEXT") is None
        else:
            assert locate(packed, path, "HEADER") == (
                inner.header,
                inner.body - inner.header,
            )
            assert locate(packed, path, "TEXT") == (inner.body, inner.size)
    assert contains_nul(packed) is (b"\0" in data)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_every_part_of_ugly_messages_is_located(path: Path):
    check(path.read_bytes())


@given(messages())
def test_every_part_of_any_message_is_located(data: bytes):
    check(data)


def test_types_and_encodings():
    packed = pack(scan(own("encodings-broken")))
    found = [encoded(packed, (number,)) for number in range(1, 6)]
    names = [None if one is None else one[2] for one in found]
    assert names == [b"base64", b"quoted-printable", b"", b"7bit", None]
    known = records(packed)
    assert known is not None
    whole, *parts = known
    assert whole.media == b"multipart/mixed"
    assert [part.encoding for part in parts] == names[:4]


def test_the_last_of_ten_thousand_parts_is_located():
    data = HEAD + b"--b\r\n\r\nx\r\n" * 9_999 + b"--b--\r\n"
    packed = pack(scan(data))
    assert len(packed) < 10_000 * 24
    assert locate(packed, (9_999,)) == (data.rindex(b"x"), 1)
    assert locate(packed, (10_000,)) is None


def test_sections_of_the_most_parts():
    root = scan(HEAD + b"--b\r\n" * 70_000, MimeLimits(parts=65_535))
    assert locate(pack(root), (65_534,)) is not None
