import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime.wire import nstring, string
from tests.mailstore.mime.grammar import _Reader


@pytest.mark.parametrize(
    ("data", "rendered"),
    [
        (b"", b'""'),
        (b"plain text", b'"plain text"'),
        (b'a "b"', b'{5}\r\na "b"'),
        (b"a\\b", b"{3}\r\na\\b"),
        (b"a\tb", b'"a b"'),
        (b"\x7f", b"{1}\r\n\x7f"),
        (b"caf\xc3\xa9", b"{5}\r\ncaf\xc3\xa9"),
        (b"a\x00b", b"{3}\r\na?b"),
        (b"x" * 1_001, b"{1001}\r\n" + b"x" * 1_001),
    ],
)
def test_strings(data: bytes, rendered: bytes):
    assert string(data) == rendered


def test_nil_is_not_the_empty_string():
    assert (nstring(None), nstring(b"")) == (b"NIL", b'""')


@given(st.binary())
def test_a_strict_reader_gets_what_went_in(data: bytes):
    reader = _Reader(string(data))
    assert reader.string() == data.replace(b"\0", b"?").replace(b"\t", b" ")
    reader.end()
