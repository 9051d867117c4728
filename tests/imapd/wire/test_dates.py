"""Dates on the wire against the standard library's calendar (RFC 3501 §9)."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given

from imapd.wire import dates
from imapd.wire.cursor import Cursor, Malformed
from tests.support import strategies

UTC = dt.UTC


def day(year: int, month: int, number: int) -> int:
    return (dt.date(year, month, number) - dt.date(1970, 1, 1)).days


def second(*when: int) -> int:
    epoch = dt.datetime(1970, 1, 1, tzinfo=UTC)
    moment = dt.datetime(*when, tzinfo=UTC)  # type: ignore[misc, arg-type]
    return int((moment - epoch).total_seconds())


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (b"1-Jan-1970", 0),
        (b"01-Jan-1970", 0),
        (b'"1-Jan-1970"', 0),
        (b"1-FEB-1994", day(1994, 2, 1)),
        (b"29-feb-2000", day(2000, 2, 29)),
        (b"31-Dec-9999", day(9999, 12, 31)),
        (b"1-Jan-0001", day(1, 1, 1)),
    ],
)
def test_a_date_is_a_day(wire: bytes, value: int):
    cursor = Cursor(wire)
    assert dates.parse_date(cursor) == value
    cursor.end()


@pytest.mark.parametrize(
    "wire",
    [
        b"", b"NIL", b"0-Jan-1970", b"32-Jan-1970", b"30-Feb-2000", b"29-Feb-1900",
        b"1-Foo-1970", b"1-Jan-0000", b"1-Jan-70", b"1 Jan 1970", b"-Jan-1970",
        b'"1-Jan-1970', b'" 1-Jan-1970"', b"1-January-1970", b"001-Jan-1970",
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused(wire: bytes):
    cursor = Cursor(b"ON " + wire)
    cursor.at = 3
    with pytest.raises(Malformed, match="a date like 1-Feb-2026 wanted at octet 3"):
        dates.parse_date(cursor)
    assert cursor.at == 3


def test_a_date_has_four_digits_of_year():
    """What follows is for the next rule to refuse."""
    cursor = Cursor(b"1-Jan-19700")
    dates.parse_date(cursor)
    with pytest.raises(Malformed):
        cursor.end()


@given(strategies.date)
@example(day(1, 1, 1))
@example(day(9999, 12, 31))
def test_a_date_comes_back(number: int):
    wire = dates.unparse_date(number)
    assert dates.parse_date(Cursor(wire)) == number
    assert dates.parse_date(Cursor(b'"%b"' % wire)) == number


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (b'"17-Jul-1996 02:44:25 -0700"', (second(1996, 7, 17, 9, 44, 25), -420)),
        (b'" 1-Feb-2026 00:30:00 +0100"', (second(2026, 1, 31, 23, 30), 60)),
        (b'"1-Feb-2026 00:30:00 +0100"', (second(2026, 1, 31, 23, 30), 60)),
        (b'"01-feb-2026 00:30:00 +0530"', (second(2026, 1, 31, 19, 0), 330)),
        (b'"01-Jan-1970 00:00:00 +0000"', (0, 0)),
        (b'"01-Jan-1970 00:00:00 -0000"', (0, 0)),
        (b'"31-Dec-2016 23:59:60 +0000"', (second(2016, 12, 31, 23, 59, 59), 0)),
        (b'"01-Jan-0001 00:00:00 +1400"', (second(1, 1, 1) - 14 * 3600, 840)),
        (b'"31-Dec-9999 23:59:59 -2359"', (second(9999, 12, 31, 23, 59, 59) + 86340,
                                           -1439)),
    ],
)  # fmt: skip
def test_a_date_time_is_a_moment_with_its_zone(wire: bytes, value: tuple[int, int]):
    cursor = Cursor(wire)
    assert dates.parse_date_time(cursor) == value
    cursor.end()


@pytest.mark.parametrize(
    "text",
    [
        "", "01-Feb-2026", "01-Feb-2026 00:00:00", "01-Feb-2026 00:00:00 0000",
        "30-Feb-2026 00:00:00 +0000", "00-Feb-2026 00:00:00 +0000",
        "  1-Feb-2026 00:00:00 +0000", "001-Feb-2026 00:00:00 +0000",
        "01-Feb-0000 00:00:00 +0000", "01-Feb-26 00:00:00 +0000",
        "01-Feb-2026 24:00:00 +0000", "01-Feb-2026 00:60:00 +0000",
        "01-Feb-2026 00:00:61 +0000", "01-Feb-2026 0:00:00 +0000",
        "01-Feb-2026 00:00:00 +2400", "01-Feb-2026 00:00:00 +0060",
        "01-Feb-2026 00:00:00 UTC", "01-Feb-2026  00:00:00 +0000",
        "01-Feb-2026 00:00:00 +0000 ", "01 Feb 2026 00:00:00 +0000",
    ],
)  # fmt: skip
def test_what_is_no_date_time_is_refused(text: str):
    cursor = Cursor(b'"' + text.encode() + b'"')
    with pytest.raises(Malformed) as refusal:
        dates.parse_date_time(cursor)
    assert refusal.value.at == 0
    assert refusal.value.wanted == 'a date-time like "01-Feb-2026 12:00:00 +0000"'


@given(strategies.date_time)
@example((0, -720))
@example((-1, 840))
def test_a_date_time_comes_back(value: tuple[int, int]):
    epoch, zone = value
    wire = dates.render_date_time(epoch, zone)
    assert len(wire) == 28  # date-day-fixed: always as long
    assert dates.parse_date_time(Cursor(wire)) == value
    local = dt.datetime(1970, 1, 1) + dt.timedelta(  # noqa: DTZ001
        seconds=epoch + zone * 60
    )
    month = "JanFebMarAprMayJunJulAugSepOctNovDec"[local.month * 3 - 3 :][:3]
    clock = f"{local.hour:02}:{local.minute:02}:{local.second:02}"
    expected = f'"{local.day:2}-{month}-{local.year:04} {clock}'
    assert wire.startswith(expected.encode())


@pytest.mark.parametrize(("epoch", "year"), [(-(10**18), b"0001"), (10**18, b"9999")])
def test_a_moment_beyond_the_calendar_is_rendered_all_the_same(epoch: int, year: bytes):
    wire = dates.render_date_time(epoch, 0)
    assert year in wire
    dates.parse_date_time(Cursor(wire))
