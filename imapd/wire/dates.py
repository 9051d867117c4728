"""Dates of RFC 3501 §9: ``date-time`` of APPEND and FETCH, ``date`` of SEARCH.

Days count from 1970-01-01, seconds from its midnight in UTC, zones in minutes east
of UTC: ``" 1-Feb-2026 00:30:00 +0100"`` is second 1769902200 in zone 60.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from imapd.wire import abnf
from imapd.wire.cursor import Cursor

_MONTHS = (
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun",
    b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
)  # fmt: skip
_NUMBER = {name.upper(): number for number, name in enumerate(_MONTHS, 1)}
EPOCH_DAY = date(1970, 1, 1).toordinal()


def _day(day: bytes, month: bytes, year: bytes) -> int | None:
    """Days since 1970-01-01, or None for a day that doesn't exist."""
    number = _NUMBER.get(month.upper())
    if number is None:
        return None
    try:
        return date(int(year), number, int(day)).toordinal() - EPOCH_DAY
    except ValueError:
        return None


def parse_date(cursor: Cursor) -> int:
    """Take a ``date``, quoted or not; gives days since 1970-01-01.

    Raises `Malformed`.
    """
    start = cursor.at
    is_quoted = cursor.accept(b'"')
    found = cursor.match(abnf.date_text)
    day = _day(*found.groups()) if found is not None else None
    if day is None or (is_quoted and not cursor.accept(b'"')):
        cursor.at = start
        raise cursor.fail("a date like 1-Feb-2026")
    return day


def unparse_date(day: int) -> bytes:
    """Render days since 1970-01-01 as a ``date``, without quotes."""
    when = date.fromordinal(day + EPOCH_DAY)
    return b"%d-%b-%04d" % (when.day, _MONTHS[when.month - 1], when.year)


def parse_date_time(cursor: Cursor) -> tuple[int, int]:
    """Take a ``date-time``; gives seconds since the epoch and the zone in minutes.

    A leap second becomes the one before it. A day of one digit may stand without
    the space that date-day-fixed puts before it. Raises `Malformed`.
    """
    start = cursor.at
    found = cursor.match(abnf.date_time)
    if found is not None:
        text, month, year, hour, minute, second, sign, zone_hour, zone_minute = (
            found.groups()
        )
        day = _day(text.strip(), month, year)
        clock = _clock(hour, minute, second)
        zone = _clock(zone_hour, zone_minute, b"00")
        if day is not None and clock is not None and zone is not None:
            east = -zone if sign == b"-" else zone
            return day * 86_400 + clock - east, east // 60
    cursor.at = start
    raise cursor.fail('a date-time like "01-Feb-2026 12:00:00 +0000"')


def _clock(hour: bytes, minute: bytes, second: bytes) -> int | None:
    """Seconds since midnight, or None for a time that doesn't exist."""
    if int(hour) > 23 or int(minute) > 59 or int(second) > 60:
        return None
    return int(hour) * 3600 + int(minute) * 60 + min(int(second), 59)


@lru_cache(maxsize=4096)
def _day_text(day: int) -> bytes:
    when = date.fromordinal(min(max(day + EPOCH_DAY, 1), date.max.toordinal()))
    return b"%2d-%b-%04d" % (when.day, _MONTHS[when.month - 1], when.year)


@lru_cache(maxsize=256)
def _zone_text(zone: int) -> bytes:
    hours, minutes = divmod(abs(zone), 60)
    return b"%b%02d%02d" % (b"-" if zone < 0 else b"+", hours, minutes)


_MINUTES = [b"%02d:%02d:" % divmod(minute, 60) for minute in range(1_440)]
_SECONDS = [b"%02d" % second for second in range(60)]


@lru_cache(maxsize=4096)
def _around(day: int, zone: int) -> tuple[bytes, bytes]:
    """Give what stands before and behind the time of a day."""
    return b'"%b ' % _day_text(day), b' %b"' % _zone_text(zone)


def render_date_time(epoch: int, zone: int) -> bytes:
    """Render a ``date-time`` with its quotes.

    ``epoch`` is in seconds, ``zone`` in minutes. A day outside the years 1 to 9999,
    which have four digits, becomes the nearest one inside.
    """
    day, rest = divmod(epoch + zone * 60, 86_400)
    before, behind = _around(day, zone)
    return before + _MINUTES[rest // 60] + _SECONDS[rest % 60] + behind
