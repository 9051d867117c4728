"""Message IDs in the form that threads compare."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime.message_id import hashed, message_ids
from tests.mailstore.mime.growth import grows_linearly


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"<a@b>", [b"a@b"]),
        # RFC 5256 §3: these two are the same Message ID.
        (b'<"01KF8JCEOCBS0045PS"@xxx.yyy.com>', [b"01KF8JCEOCBS0045PS@xxx.yyy.com"]),
        (b"<01KF8JCEOCBS0045PS@xxx.yyy.com>", [b"01KF8JCEOCBS0045PS@xxx.yyy.com"]),
        (b'<"a\\"b"@c>', [b'a"b@c']),
        (b'<"a > b"@c>', [b"a > b@c"]),
        (b"<a@b>\r\n <c@d>,<e@f>", [b"a@b", b"c@d", b"e@f"]),
        (b"Your message of today <a@b> from x@y", [b"a@b"]),
        (b"<a\r\n @b>", [b"a@b"]),
        (b"<a@[1.2.3.4]>", [b"a@[1.2.3.4]"]),
        (b"<A@b>", [b"A@b"]),
        (b"<a@b", []),
        (b"<a b@c>", [b"ab@c"]),
        (b"<<a@b>", [b"a@b"]),
        # no valid Message IDs
        (b"", []),
        (b"a@b", []),
        (b"<ab>", []),
        (b"<@b>", []),
        (b"<a@>", []),
        (b"<>", []),
        (b'<"a@b>', []),
    ],
)
def test_known_answers(value, found):
    assert list(message_ids(value)) == found


@given(st.binary())
def test_any_bytes(value):
    for found in message_ids(value):
        left, at, right = found.rpartition(b"@")
        assert left
        assert at
        assert right


@given(st.binary(), st.binary())
def test_numbers_tell_ids_apart(a, b):
    assert (hashed(a) == hashed(b)) == (a == b)
    assert -(1 << 63) <= hashed(a) < 1 << 63
    assert hashed(a) != 0


@pytest.mark.parametrize(
    "unit", [b'<"\\"', b'<\\"', b'<"', b'<"<', b'<a"', b'"<"\\"', b"<", b'<""', b'<a>"']
)
def test_the_work_is_linear_whatever_the_quotations_are(unit: bytes):
    def run(size: int) -> None:
        message_ids(unit * (size // len(unit)))

    assert grows_linearly(run, 32_000)


@pytest.mark.parametrize("unit", [b'<"\\"', b'<\\"', b'<"<'])
def test_a_bracket_in_vain_hides_nothing_behind_it(unit: bytes):
    assert message_ids(unit + b'<a@b> "x" <c@d>')[-1] == b"c@d"
