from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime.date import sent_date


def at(*numbers: int) -> tuple[int, int]:
    *fields, zone = numbers
    moment = datetime(1970, 1, 1, tzinfo=timezone(timedelta(minutes=zone)))
    year, month, day, hour, minute, second = fields
    moment = moment.replace(year, month, day, hour, minute, second)
    return int(moment.timestamp()), zone


@pytest.mark.parametrize(
    ("value", "found"),
    [
        # RFC 5322 §A
        ("Fri, 21 Nov 1997 09:55:06 -0600", at(1997, 11, 21, 9, 55, 6, -360)),
        ("Thu,\r\n 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland Time)",
         at(1969, 2, 13, 23, 32, 0, -210)),
        ("21 Nov 97 09:55:06 GMT", at(1997, 11, 21, 9, 55, 6, 0)),
        ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600",
         at(1997, 11, 21, 9, 55, 6, -360)),
        # obsolete zones and years
        ("1 Jan 49 00:00:00 EST", at(2049, 1, 1, 0, 0, 0, -300)),
        ("1 Jan 50 00:00:00 PDT", at(1950, 1, 1, 0, 0, 0, -420)),
        ("1 Jan 100 00:00:00 Z", at(2000, 1, 1, 0, 0, 0, 0)),
        ("1 Jan 2000 00:00:00 K", at(2000, 1, 1, 0, 0, 0, 0)),
        ("1 Jan 2000 00:00:00 CEST", at(2000, 1, 1, 0, 0, 0, 0)),
        ("1 Jan 2000 00:00:00", at(2000, 1, 1, 0, 0, 0, 0)),
        ("1 Jan 2000", at(2000, 1, 1, 0, 0, 0, 0)),
        # the usual form, with what needs a second look
        ("Tue, 1 Feb 2000 00:00:00 +0000", at(2000, 2, 1, 0, 0, 0, 0)),
        ("Tue, 01 Feb 2000 23:59:59 -1159 (XYZ)", at(2000, 2, 1, 23, 59, 59, -719)),
        ("Sat, 31 Dec 2016 23:59:60 +0000", at(2016, 12, 31, 23, 59, 59, 0)),
        ("Tue, 1 Feb 2000 00:00:00 +2400", at(2000, 2, 1, 0, 0, 0, 0)),
        # leap seconds
        ("31 Dec 2016 23:59:60 +0000", at(2016, 12, 31, 23, 59, 59, 0)),
        # seen in the wild
        ("Mon Mar  2 10:00:00 2026", at(2026, 3, 2, 10, 0, 0, 0)),
        ("Mon Mar  2 10:00:00 EST 2026", at(2026, 3, 2, 10, 0, 0, -300)),
        ("Monday, March 2, 2026 10:00 +0100", at(2026, 3, 2, 10, 0, 0, 60)),
        ("2026-03-02 10:00:00 +01:00", at(2026, 3, 2, 10, 0, 0, 60)),
        ("2026-03-02T10:00:00Z", at(2026, 3, 2, 10, 0, 0, 0)),
        ("2-Mar-2026 10:00:00 +0100", at(2026, 3, 2, 10, 0, 0, 60)),
        ("2 March 2026 10.00.00 +100", at(2026, 3, 2, 10, 0, 0, 60)),
        ("MON,2 MAR 2026 10:00:00 +0100", at(2026, 3, 2, 10, 0, 0, 60)),
        # a zone that can't be
        ("2 Mar 2026 10:00:00 +9900", at(2026, 3, 2, 10, 0, 0, 0)),
    ],
)  # fmt: skip
def test_dates(value: str, found: tuple[int, int]):
    assert sent_date(value.encode()) == found


@pytest.mark.parametrize(
    "value",
    [
        b"Tue, 30 Feb 2000 00:00:00 +0000", b"Tue, 1 Feb 2000 24:00:00 +0000",
        b"Tue, 1 Foo 2000 00:00:00 +0000", b"Tue, 1 Feb 0000 00:00:00 +0000",
        b"", b"yesterday", b"32 Jan 2000 00:00:00", b"29 Feb 2001", b"1 Foo 2000",
        b"1 Jan 2000 25:00:00", b"1 Jan 2000 00:61:00", b"2026-13-01", b"\xff\x00",
        b"Fri, 21 Nov", b"1 Jan 0000 00:00:00", b"(" * 1_000,
    ],
)  # fmt: skip
def test_what_is_no_date(value: bytes):
    assert sent_date(value) is None


@given(st.binary())
def test_any_bytes(value: bytes):
    sent_date(value)


@given(st.integers(-2_000_000_000, 200_000_000_000), st.integers(-1_380, 1_380))
def test_every_proper_date_is_read(seconds: int, zone: int):
    where = timezone(timedelta(minutes=zone))
    moment = datetime(1970, 1, 1, tzinfo=where) + timedelta(seconds=seconds)
    value = (
        f"{moment:%a}, {moment.day} {moment:%b} {moment.year:04} {moment:%H:%M:%S} "
        f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}{abs(zone) % 60:02}"
    )
    assert sent_date(value.encode()) == (int(moment.timestamp()), zone)
