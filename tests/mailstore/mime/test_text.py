import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime import transfer
from mailstore.mime.folding import fold
from mailstore.mime.scanner import scan
from mailstore.mime.text import (
    SEPARATOR,
    all_header_text,
    body_texts,
    contains,
    header_text,
    part_texts,
)
from tests.mailstore.mime.corpus import OWN, own
from tests.mailstore.mime.strategies import messages


def body(data: bytes) -> str:
    return "".join(body_texts(data, scan(data)))


def texts(data: bytes) -> list[str]:
    return [text for text in body(data).split(SEPARATOR) if text]


def test_contains_looks_over_the_edges_of_pieces():
    assert contains(["Stra", "ß", "e"], fold("STRASSE"))
    assert contains(["a", "b", "c"], "abc")
    assert not contains(["a", SEPARATOR, "b"], "ab")
    assert contains([""], "")
    assert not contains([], "")


@given(st.lists(st.text("ab", max_size=4), max_size=6), st.text("ab", max_size=6))
def test_contains_is_as_for_the_whole(pieces: list[str], wanted: str):
    assert contains(pieces, wanted) is (bool(pieces) and wanted in "".join(pieces))


def test_header_values_are_decoded():
    header = (
        b"Subject: =?utf-8?Q?caf=C3=A9?=\r\n =?utf-8?Q?s?=\r\nX: y\r\nSUBJECT:\r\n\r\n"
    )
    assert header_text(header, b"subject") == ["cafés", ""]
    assert header_text(header, b"absent") == []
    assert all_header_text(header) == "Subject: cafés\nX: y\nSUBJECT: \n"


def test_header_values_of_one_name_are_bounded():
    assert len(header_text(b"A: b\n" * 20_000, b"a")) == 10_000


def test_a_nul_is_no_separator():
    assert header_text(b"A: x\0y\n\n", b"a") == ["x\ufffdy"]
    assert texts(b"\r\nx\0y") == ["x\ufffdy"]


def test_bodies_are_decoded():
    found = texts(own("encodings-broken"))
    assert found[0] == "hellogood!"
    assert found[1].startswith("café =ZZ softend")  # RFC 2045 §6.7, rule 3
    assert found[2:] == ["uryyb", "none"]


def test_charsets_are_decoded():
    assert texts(own("charsets")) == [
        "café",
        "café",
        "日本語",
        "한국어",
        "Привет",
        "wide",
        "\\u0041",
        "“quoted”",
    ]


def test_html_is_searched_as_it_is_read():
    (found,) = texts(own("html"))
    for seen in ("Title", "café €", "onetwo", "1 < 2"):
        assert seen in found
    for hidden in ("color", "secret", "hidden", "attribute", "<p"):
        assert hidden not in found


def test_embedded_headers_and_file_names_are_searched():
    assert "rates" in body(own("parameters-2231"))
    assert "report.pdf" in body(own("parameters-broken"))
    found = body(own("rfc822-nested"))
    for text in ("Subject: innermost", "Subject: digest two", "a.eml", "not a message"):
        assert text in found
    assert "Subject: forwarded" not in found  # that is the message's own header


@pytest.mark.parametrize("size", [7, 64, 1 << 18])
def test_pieces_are_the_whole_whatever_their_size(
    size: int, monkeypatch: pytest.MonkeyPatch
):
    whole = [
        (path, body(path.read_bytes())) for path in OWN if "charsets" not in path.stem
    ]
    monkeypatch.setattr(transfer, "PIECE", size)
    for path, text in whole:
        data = path.read_bytes()
        pieces = list(body_texts(data, scan(data)))
        assert "".join(pieces) == text, path.stem
        assert "".join(map(fold, pieces)) == fold(text), path.stem


def test_pieces_are_bounded():
    data = b"Content-Type: text/html\n\n" + "é<p>".encode() * 500_000
    root = scan(data)
    assert max(map(len, part_texts(data, root))) < 600_000


def test_there_is_always_a_text():
    assert list(body_texts(b"", scan(b"")))
    data = b"Content-Type: image/png\n\nx"
    assert contains(body_texts(data, scan(data)), "")
    assert texts(data) == []


@given(messages())
def test_any_message_can_be_searched(data: bytes):
    root = scan(data)
    for piece in body_texts(data, root):
        fold(piece)
    all_header_text(data[: root.body])
