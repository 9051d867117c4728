import codecs
import encodings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime import charset as charset_module
from mailstore.mime.charset import decode_charset, decoder, text_codec
from tests.mailstore.mime.growth import grows_linearly


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("utf-8", "grüße €"),
        ("UTF8", "grüße €"),
        ("iso-8859-1", "grüße"),
        ("ISO_8859-15", "grüße €"),
        ("iso-8859-8-i", "שלום"),
        ("windows-1251", "Привет"),
        ("cp-1251", "Привет"),
        ("koi8-r", "Привет"),
        ("gb2312", "中文"),
        ("x-gbk", "中文"),
        ("big5", "中文"),
        ("iso-2022-jp", "日本語"),
        ("shift_jis", "日本語"),
        ("x-sjis", "日本語"),
        ("euc-jp", "日本語"),
        ("ks_c_5601-1987", "한국어"),
        ("utf-7", "grüße €"),
        ("utf-16", "wide €"),
        ("utf-32le", "wide €"),
        ("hz-gb-2312", "中文"),
        ("macintosh", "grüße"),
        ("tis-620", "ไทย"),
    ],
)
def test_charsets_of_real_mail(charset: str, text: str):
    codec = text_codec(charset)
    assert codec is not None
    assert decode_charset(text.encode(codec), charset) == text


@pytest.mark.parametrize(
    "charset",
    [
        "x-no-such",
        "rot13",
        "base64",
        "unicode_escape",
        "raw_unicode_escape",
        "idna",
        "punycode",
        "undefined",
        "mbcs",
        "zlib",
        "os",
        "../../etc/passwd",
        "x" * 1_000,
        "",
        " ",
        "\u0661",
    ],
)
def test_what_is_no_charset_is_read_as_well_as_can_be(charset: str):
    assert text_codec(charset) is None
    assert decode_charset(b"caf\xe9", charset) == "café"
    assert decode_charset(b"caf\xc3\xa9", charset) == "café"


def test_strange_names_are_not_remembered():
    """Python's codec search keeps every unknown name for ever."""
    before = len(encodings._cache)
    for number in range(100):
        decode_charset(b"\xff", f"x-unheard-of-{number}")
    assert len(encodings._cache) == before


@pytest.mark.parametrize("charset", [None, "us-ascii", "utf-8"])
def test_text_that_is_not_what_it_claims(charset: str | None):
    assert decode_charset(b"\x93caf\xe9\x94", charset) == "“café”"


_CHARSETS = st.sampled_from(
    [None, "utf-8", "utf-16", "utf-7", "hz", *sorted(encodings.aliases.aliases)]
)


@given(_CHARSETS, st.binary())
def test_any_bytes_decode(charset: str | None, data: bytes):
    decode_charset(data, charset)


@given(_CHARSETS, st.binary(), st.integers(0, 100))
def test_pieces_never_fail(charset: str | None, data: bytes, cut: int):
    source = decoder(charset)
    source.decode(data[:cut])
    source.decode(data[cut:])
    source.decode(b"", final=True)


@given(st.text(st.characters(codec="utf-8")), st.integers(0, 100))
def test_pieces_of_utf_8_are_the_whole(text: str, cut: int):
    data = text.encode()
    for charset in ("utf-8", None):
        source = decoder(charset)
        pieces = source.decode(data[:cut]) + source.decode(data[cut:], final=True)
        assert pieces == text


def test_a_piece_that_is_no_utf_8_keeps_what_came_before():
    source = decoder(None)
    assert source.decode(b"caf\xc3") + source.decode(b"x\xe9") == "cafÃxé"
    assert source.decode(b"\xe9", final=True) == "é"


@pytest.mark.parametrize(
    "charset", ["utf-7", "hz", "iso-2022-jp", "utf-16", "utf-8", "x-none"]
)
def test_decoding_in_pieces_is_linear(charset: str):
    def run(n: int) -> None:
        source = decoder(charset)
        for _ in range(n // 100):
            source.decode(b"+AAAA~{!!\x1b$B\xff" * 10)

    assert grows_linearly(run, 20_000)


def test_every_known_codec_exists():
    for name in {
        *encodings.aliases.aliases,
        *charset_module._CODECS,
        *charset_module._MEANT,
    }:
        codec = text_codec(name)
        if codec is not None:
            assert codecs.lookup(codec)


@given(st.binary(max_size=20))
def test_western_text_is_windows_1252(data: bytes):
    text = data.decode("cp1252", "replace")
    assert decode_charset(data, "iso-8859-1") == text
    pieces = decoder("windows-1252")
    assert pieces.decode(data) + pieces.decode(b"", final=True) == text


def test_a_codec_is_a_name_of_its_own():
    for name in charset_module._CODECS:
        codec = text_codec(name)
        assert codec is not None
        again = text_codec(codec)
        assert again == codec or {again, codec} <= charset_module.UTF_8
