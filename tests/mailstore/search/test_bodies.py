"""What is found in a body part by part is what is found in all of its text."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailstore.mime import text as mime_text
from mailstore.mime.folding import fold
from mailstore.mime.packed import pack_header
from mailstore.mime.scanner import scan
from mailstore.mime.sections import pack
from mailstore.mime.text import body_texts, contains
from mailstore.mime.textual import kept_records
from mailstore.search import bodies
from mailstore.search.bodies import BodySearch
from mailstore.search.finding import Finder
from tests.mailstore.mime.corpus import OWN
from tests.mailstore.mime.strategies import messages


def has(data: bytes, needle: str) -> bool | None:
    """Look for a string part by part; None: it is looked for elsewhere."""
    finder = Finder(needle)
    root = scan(data)
    found = kept_records(pack(root), len(data))
    if finder.skimmer is None or found is None:
        return None
    search = BodySearch(finder, finder.skimmer)
    return search.has(data, found, pack_header(data, root))


def check(data: bytes, needle: str) -> None:
    there = contains(body_texts(data, scan(data)), fold(needle))
    assert has(data, needle) in (there, None)


@given(messages(), st.sampled_from(["x.png", "png", "ab", "from", "field", "=C3"]))
@example(b"Content-Type: text/plain; charset=utf-7\r\n\r\n+AGEAYg-", "ab")
@example(b"Content-Type: odd; charset=utf-7\r\n\r\n+AGEAYg-", "ab")
@example(
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
    b"Content-Type: image/png; name*0=lun; name*1=ch\r\n\r\n--a--",
    "lunch",
)
@example(
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
    b'Content-Type: image/png; name="lu\\nch"\r\n\r\n--a--',
    "lunch",
)
@example(
    b"Content-Type: message/rfc822\r\n\r\n"
    b"Subject: =?us-ascii?q?lu?=\r\n =?us-ascii?q?nch?=\r\n\r\n",
    "lunch",
)
def test_odd_messages(data, needle):
    check(data, needle)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_ugly_messages(path):
    data = path.read_bytes()
    words = "".join(body_texts(data, scan(data))).split()
    for needle in ("lunch", "ab", *words[:: max(1, len(words) // 20)]):
        check(data, needle[:40])
        check(data, needle[1:-1].upper())


_CHARSETS = (
    "utf-8", "us-ascii", "iso-8859-1", "windows-1252", "koi8-r", "iso-2022-jp",
    "gb2312", "gb18030", "shift_jis", "big5", "euc-kr", "hz-gb-2312", "utf-7",
    "utf-16", "macintosh", "cp037",
)  # fmt: skip
_WORDS = st.text(
    st.sampled_from("abAB lunch<>&;é日本ｌｕªßﬁ\u0301\u212a1½\n"), max_size=8
)


@st.composite
def encoded(draw: st.DrawFn) -> tuple[bytes, str]:
    """Draw a message of texts in odd charsets, and what one of them may have."""
    texts = draw(st.lists(_WORDS, min_size=1, max_size=3))
    lines = [b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"]
    for text in texts:
        charset = draw(st.sampled_from(_CHARSETS))
        told = draw(st.sampled_from([charset, charset, "utf-8", "windows-1252"]))
        kind = draw(st.sampled_from(["plain", "html"]))
        octets, encoding = text.encode(charset, "ignore"), "8bit"
        if draw(st.booleans()):
            octets, encoding = base64.encodebytes(octets), "base64"
        elif draw(st.booleans()):
            octets, encoding = quopri.encodestring(octets), "quoted-printable"
        lines.append(
            f"--b\r\nContent-Type: text/{kind}; charset={told}\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode()
            + octets
            + b"\r\n"
        )
    whole = draw(st.sampled_from(texts))
    start = draw(st.integers(0, len(whole)))
    needle = whole[start : start + draw(st.integers(1, 5))]
    return b"".join([*lines, b"--b--\r\n"]), draw(
        st.sampled_from([needle, needle.upper(), fold(needle), "lunch", "ab"])
    )


@settings(max_examples=300)
@given(encoded())
def test_texts_in_any_charset_and_encoding(drawn):
    check(*drawn)


def test_parts_that_lack_it_are_not_decoded(monkeypatch):
    data = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>p&ouml;ge</p>\r\n"
        b"--b\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n"
        b"\x1b$B$3$l\x1b(B is\r\n"
        b"--b\r\nContent-Type: image/png; name=pasta.png\r\n\r\nfish\r\n"
        b"--b\r\n\r\nfish\r\n--b--\r\n"
    )
    texts, names = [], []
    text_of, name_of = mime_text.part_texts, mime_text.part_name

    def part_texts(octets, part):
        texts.append(octets[part.body : part.end])
        return text_of(octets, part)

    def part_name(octets, part):
        names.append(name_of(octets, part))
        return names[-1]

    monkeypatch.setattr(bodies, "part_texts", part_texts)
    monkeypatch.setattr(bodies, "part_name", part_name)
    assert has(data, "lunch") is False
    assert (texts, names) == ([], [])
    assert has(data, "fish") is True
    assert texts == [b"fish"]
    assert has(data, "pasta") is True
    assert names == ["pasta.png"]


def test_a_long_part_is_read_in_pieces(monkeypatch):
    monkeypatch.setattr(bodies, "PIECE", 10)
    monkeypatch.setattr(bodies, "decoded_whole", None)
    assert has(b"Subject: a\r\n\r\nsome lunch here", "lunch") is True
    assert has(b"Subject: a\r\n\r\nsome lunch here", "launch") is False


def test_a_header_that_is_not_kept_is_read():
    """A message of many fields has no lines in the index."""
    data = b"X: y\r\n" * 300 + b"Subject: x\r\n" * 300
    data += b"Content-Type: text/plain; charset=utf-16le\r\n\r\n"
    data += "lunch".encode("utf-16le")
    assert pack_header(data, scan(data)) == b"\x00\x00"
    assert has(data, "lunch") is True
