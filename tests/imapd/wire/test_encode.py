"""Values to octets; whatever is rendered reads back as the same value."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imapd.syntax.sequence import UidSet
from imapd.wire import encode
from imapd.wire.cursor import Cursor
from tests.support import strategies
from tests.support.framing import read_frame

STRINGS = [
    (b"", b'""'),
    (b"a b", b'"a b"'),
    (b'a"b\\c', b'"a\\"b\\\\c"'),
    (b"tab\there", b'"tab\there"'),
    (b"a\r\nb", b"{4}\r\na\r\nb"),
    (b"\r", b"{1}\r\n\r"),
    (b"\n", b"{1}\r\n\n"),
    (b"\x1b[31m", b"{5}\r\n\x1b[31m"),
    (b"\x7f", b"{1}\r\n\x7f"),
    ("ø".encode(), b"{2}\r\n\xc3\xb8"),
    (b"x" * 1_000, b'"%b"' % (b"x" * 1_000)),
    (b"x" * 1_001, b"{1001}\r\n%b" % (b"x" * 1_001)),
]


@pytest.mark.parametrize(("data", "wire"), STRINGS)
def test_a_string_is_quoted_when_it_can_be(data: bytes, wire: bytes):
    assert encode.string(data) == wire
    assert encode.nstring(data) == wire
    assert encode.client_string(data) == wire.replace(b"}\r\n", b"+}\r\n", 1)


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        (b"INBOX", b"INBOX"),
        (b"a]b", b"a]b"),
        (b"", b'""'),
        (b"a b", b'"a b"'),
        (b"a%b", b'"a%b"'),
        (b"NIL", b'"NIL"'),
        (b"nil", b'"nil"'),
        (b"{5}", b'"{5}"'),
        (b"\xff", b"{1}\r\n\xff"),
    ],
)
def test_an_astring_is_an_atom_when_it_can_be(data: bytes, wire: bytes):
    assert encode.astring(data) == wire


def test_nil_is_no_string():
    assert encode.nstring(None) == b"NIL"
    assert encode.nstring(b"NIL") == b'"NIL"'


def test_a_literal_says_its_size():
    assert encode.literal(b"a\x00\r\n") == b"{4}\r\na\x00\r\n"


def test_flags_stand_in_parentheses():
    assert encode.flag_list(()) == b"()"
    assert encode.flag_list(("\\Seen", "$Junk")) == b"(\\Seen $Junk)"


@given(strategies.string)
@pytest.mark.parametrize(
    ("render", "rule"),
    [
        (encode.string, Cursor.string),
        (encode.client_string, Cursor.string),
        (encode.nstring, Cursor.nstring),
        (encode.astring, Cursor.astring),
        (encode.client_astring, Cursor.astring),
    ],
)
def test_what_is_rendered_reads_back(render, rule, data: bytes):
    frame = read_frame(render(data))
    cursor = Cursor(frame.text, frame.literals)
    assert rule(cursor) == data
    cursor.end()


@given(st.binary(max_size=60))
def test_quoting_never_breaks_out_of_its_quotes(data: bytes):
    wire = encode.string(data)
    if wire.startswith(b'"'):
        assert not set(wire) & {*b"\r\n\0", *range(0x80, 0x100)}
        assert Cursor(wire).quoted() == data
    else:
        assert wire == encode.literal(data)


class TestRanges:
    @pytest.mark.parametrize(
        ("numbers", "wire"),
        [
            ([], b""),
            ([7], b"7"),
            ([1, 2], b"1:2"),
            ([1, 3], b"1,3"),
            ([1, 2, 3, 5, 7, 8, 4294967295], b"1:3,5,7:8,4294967295"),
        ],
    )
    def test_neighbours_become_one_range(self, numbers: list[int], wire: bytes):
        assert encode.sequence_set(numbers) == wire

    @given(st.sets(st.integers(1, 60)))
    @example(set(range(1, 60, 2)))
    def test_a_set_names_its_numbers_and_no_others(self, numbers: set[int]):
        wire = encode.sequence_set(sorted(numbers))
        named: list[int] = []
        for low, high in encode.ranges(sorted(numbers)):
            named.extend(range(low, high + 1))
        assert named == sorted(numbers)
        if numbers:
            resolved = UidSet.parse(Cursor(wire)).resolve(60)
            assert list(resolved) == encode.ranges(sorted(numbers))

    def test_ranges_are_never_expanded(self):
        assert encode.render_ranges([(1, 4294967295), (7, 7)]) == b"1:4294967295,7"
        assert encode.sequence_set(range(1, 10**9)) == b"1:999999999"
