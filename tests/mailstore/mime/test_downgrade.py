from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailstore.mime.downgrade import Edit, downgraded, downgraded_size, edits
from mailstore.mime.header import fields
from mailstore.mime.scanner import Part, scan
from tests.mailstore.mime.strategies import messages


def made(data: bytes) -> bytes:
    return b"".join(downgraded(data, edits(data)))


def value(header: str) -> bytes:
    """Give what becomes of a header, unfolded, behind its name."""
    result = made(header.encode() + b"\r\n\r\n")
    return result.partition(b":")[2].replace(b"\r\n", b"").strip()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Subject: café", b"=?utf-8?q?caf=C3=A9?="),
        ("Subject: one café two", b"one =?utf-8?q?caf=C3=A9?= two"),
        ("Subject: é ü", b"=?utf-8?b?w6kgw7w=?="),
        ("Subject: =?utf-8?q?=C3=A9?= ü", b"=?utf-8?b?w6kgw7w=?="),
        ("X-Note: naïve", b"=?utf-8?q?na=C3=AFve?="),
        ("Keywords: a b, éa,c", b"a b, =?utf-8?b?w6lh?=, c"),
        ("Message-ID: <ü@x>", b""),
        ("Received: from ü by x", b""),
        ("List-Id: é <a.b>", b""),
        ("Content-Type: text/plain; charset=é", b"text/plain; charset*=utf-8''%C3%A9"),
        ("Content-Type: téxt; a=b", b"text/plain"),
        ("Content-Disposition: é; a=b", b"attachment; a=b"),
        (
            'Content-Disposition: inline; filename="a é"',
            b"inline; filename*=utf-8''a%20%C3%A9",
        ),
    ],
)
def test_fields(header: str, expected: bytes):
    assert value(header) == expected


def test_what_is_ascii_or_no_utf8_stays_as_it_came():
    data = b"Subject: plain\n x\r\nFrom: \xe9 <a@b>\r\nno field\r\n\r\n\xc3\xa9"
    assert edits(data) == ()
    data = b"Subject: \xc3\xa9\r\n" + data
    assert edits(data) == (Edit(0, 13, b"Subject: =?utf-8?b?w6k=?=\r\n"),)


def test_line_ends_stay_what_they_were():
    assert made("Subject: é\nX: y\n\n".encode()) == (
        b"Subject: =?utf-8?b?w6k=?=\nX: y\n\n"
    )


def test_stray_lines_are_left_out():
    assert made("Subject: x\r\né\r\n\r\nbody é".encode()) == (
        "Subject: x\r\n\r\nbody é".encode()
    )


def test_headers_of_parts_and_of_messages_within():
    data = (
        "Content-Type: multipart/mixed; boundary=b\r\n\r\npré\r\n"
        "--b\r\nContent-Type: message/global; x=y\r\n\r\nSubject: é\r\n\r\nü\r\n"
        "--b\r\nContent-Description: é\r\n\r\nö\r\n--b--\r\né"
    ).encode()
    assert (
        made(data)
        == (
            "Content-Type: multipart/mixed; boundary=b\r\n\r\npré\r\n"
            "--b\r\nContent-Type: message/rfc822; x=y\r\n\r\n"
            "Subject: =?utf-8?b?w6k=?=\r\n\r\nü\r\n"
            "--b\r\nContent-Description: =?utf-8?b?w6k=?=\r\n\r\nö\r\n--b--\r\né"
        ).encode()
    )


def test_a_boundary_in_utf8_keeps_its_parts():
    data = (
        "Content-Type: multipart/mixed; boundary=bé\r\n\r\n--bé\r\nSubject: é\r\n\r\n"
        "x\r\n--bé--\r\n"
    ).encode()
    assert len(scan(made(data)).children) == 1


def tree(part: Part, data: bytes) -> Any:
    """Give the structure and the bodies of leaves, but for edits of types."""
    kind = (part.type, part.subtype.replace(b"global", b"rfc822"))
    if not part.children:
        return kind, data[part.body : part.end]
    return kind, [tree(child, data) for child in part.children]


_HIGH = st.lists(
    st.sampled_from(
        [
            "é", "日本", " ", "\r\n ", "a", "<", ">", "@", ",", ";", ":", '"', "\\",
            "(", ")", "=?utf-8?q?", "?=", "=", "*", "*0*=", "'", "%C3", "/", "x=",
            "\x00", "\t", "☃", "�", ".", "boundary=", "multipart/mixed;", "\x85",
        ]
    ),
    max_size=12,
).map("".join)  # fmt: skip
_NAMES = st.sampled_from(
    ["Subject", "From", "Content-Type", "Content-Disposition", "Keywords", "Received"]
)
headers = st.lists(st.tuples(_NAMES, _HIGH), max_size=4).map(
    lambda lines: "".join([f"{name}: {text}\r\n" for name, text in lines]).encode()
)


@given(headers | st.just(b""), messages())
@example(b"Content-Type: multipart/mixed; boundary=\xc3\xa9\r\n", b"\r\n--\xc3\xa9")
def test_any_message_keeps_its_parts_and_becomes_ascii(header: bytes, rest: bytes):
    data = header + rest
    changes = edits(data)
    result = b"".join(downgraded(data, changes))
    assert len(result) == downgraded_size(len(data), changes)
    assert tree(scan(result), result) == tree(scan(data), data)
    for part in scan(result).walk():
        for span in fields(result, part.header, part.body):
            line = result[span.start : span.end]
            if not line.isascii() and b"boundary" not in line:
                with pytest.raises(UnicodeDecodeError):
                    result[span.value : span.end].decode("utf-8")


def test_work_is_bounded():
    """What is beyond two megabytes of headers in UTF-8 is left as it came."""
    header = "X: é é é é é é\r\n".encode() * 150_000
    assert edits(header + b"\r\n") == ()
