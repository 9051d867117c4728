"""Which charsets a search may name (RFC 3501 §6.4.4)."""

import codecs
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.syntax.charset import CHARSETS, codec_of, load_charsets
from imapd.wire import abnf


@pytest.mark.parametrize("name", CHARSETS)
def test_each_name_that_is_offered_is_a_charset_and_an_atom(name):
    codec = codec_of(name.encode())
    assert codec is not None
    assert codec_of(name.lower().replace("-", "_").encode()) == codec
    assert b"5".decode(codec) or codec.startswith("cp")
    assert isinstance(b"".decode(codec), str)
    assert abnf.atom.fullmatch(name.encode())


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        (b"us-ascii", "ascii"),
        (b"UTF8", "utf-8"),
        (b"latin1", "iso8859-1"),
        (b"ISO_8859-1:1987", "iso8859-1"),
        (b"csISO2022JP", "iso2022_jp"),
        (b"cp1252", "cp1252"),
        (b"x-sjis", None),
        (b"", None),
        (b"\xff", None),
        (b"u" * 65, None),
    ],
)
def test_names_are_read_in_every_spelling(name, codec):
    assert codec_of(name) == codec


@pytest.mark.parametrize(
    "name",
    [
        *("base64", "bz2", "hex", "quopri", "rot13", "uu", "zlib", "idna", "punycode"),
        *("unicode_escape", "raw_unicode_escape", "undefined"),
        *("utf-7", "utf-16", "utf-16le", "utf-32", "utf-8-sig"),
    ],
)
def test_what_is_no_charset_of_a_string_is_refused(name):
    codecs.lookup(name)
    assert codec_of(name.encode()) is None


@given(st.binary(max_size=80))
def test_any_name_gives_a_text_codec_or_none(name):
    codec = codec_of(name)
    assert codec is None or isinstance(b"a".decode(codec, "replace"), str)


@given(st.sampled_from(CHARSETS), st.binary(max_size=40))
def test_strings_decode_to_text_without_nul_or_halves_of_characters(name, octets):
    codec = codec_of(name.encode())
    assert codec is not None
    try:
        text = octets.replace(b"\x00", b"").decode(codec)
    except UnicodeError:
        return
    text.encode("utf-8")
    assert "\x00" not in text


def test_a_process_that_serves_loads_all_of_them_once():
    load_charsets()
    before = set(sys.modules)
    for name in CHARSETS:
        b"".decode(str(codec_of(name.encode())))
    assert set(sys.modules) == before
