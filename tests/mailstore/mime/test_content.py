"""What the Content-* fields of a part say."""

from __future__ import annotations

import pytest

from mailstore.mime.content import (
    content_type,
    disposition,
    encoding,
    kept_text,
    languages,
)

LONG = b"x" * 5_000


@pytest.mark.parametrize(
    ("value", "kind", "params"),
    [
        (b" Text/HTML\r\n", (b"text", b"html"), ()),
        (b" text/plain; CHARSET=UTF-8", (b"text", b"plain"), ((b"charset", b"UTF-8"),)),
        (b" text", (b"text", b"plain"), ()),  # RFC 2045 §5.2
        (b"a/b; boundary=x", (b"a", b"b"), ((b"boundary", b"x"),)),
        (b"a/b; c=" + LONG, (b"a", b"b"), ((b"c", LONG[:4_096]),)),
    ],
)
def test_types(value, kind, params):
    for _ in range(2):  # what is short is remembered
        assert content_type(value) == (kind, params)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, b"7bit"),
        (b"\r\n", b"7bit"),
        (b" Base64\r\n", b"base64"),
        (b' "8bit"', b"8bit"),
        (b" " * 100 + b"BINARY", b"binary"),
    ],
)
def test_encodings(value, said):
    for _ in range(2):
        assert encoding(value) == said


def test_other_fields():
    assert disposition(None) is disposition(b"") is None
    assert disposition(b"Inline") == (b"inline", ())
    assert disposition(b"filename=x") == (b"attachment", ((b"filename", b"x"),))
    assert languages(None) == languages(b"") == ()
    assert languages(b" de,\r\n , fr ") == (b"de", b"fr")
    assert kept_text(b" a\r\n b") == b"a b"
    assert kept_text(LONG) == LONG[:4_096]
