"""The Date field as a moment (RFC 5322 §3.3, with the obsolete forms of §4.3).

It also reads what is often seen and never was allowed: asctime, a missing weekday,
ISO 8601, a missing zone. What can't be a date gives None. Example::

    sent_date(b"Fri, 21 Nov 1997 09:55:06 -0600") == (880127706, -360)
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_MAX = 256  # octets that are looked at
_COMMENT = re.compile(rb"\([^()]*+\)")
_WEEKDAY = rb"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*+[,.\s]\s*+)?"
_MONTH = rb"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*+\.?"
_TIME = (
    rb"(?P<hour>\d{1,2})\s*[:.]\s*(?P<minute>\d{1,2})"
    rb"(?:\s*[:.]\s*(?P<second>\d{1,2})(?:[.,]\d*+)?)?"
)
_ZONE = rb"(?:\s*(?P<zone>[+-]\s?\d{1,2}:?\d{2}\b|[a-z]{1,5}\b))?"
_RFC_5322 = re.compile(
    rb"\s*+" + _WEEKDAY + rb"(?P<day>\d{1,2})[\s\-]*" + _MONTH
    + rb"[\s\-,]*(?P<year>\d{2,4})(?:[,\s]\s*" + _TIME + _ZONE + rb")?",
    re.IGNORECASE,
)  # fmt: skip
# What nearly all mail programs write: a form of the above in which nothing is optional.
_USUAL = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d?) ([A-Z][a-z]{2}) (\d{4})"
    rb" (\d\d):(\d\d):(\d\d)"
    rb" ([+-])(\d\d)(\d\d)(?: \([A-Za-z ]*\))?"
).fullmatch
_ASCTIME = re.compile(
    rb"\s*+" + _WEEKDAY + _MONTH + rb"\s*(?P<day>\d{1,2}),?\s+"
    + _TIME + _ZONE + rb"\s+(?P<year>\d{4})",
    re.IGNORECASE,
)  # fmt: skip
_AMERICAN = re.compile(
    rb"\s*+" + _WEEKDAY + _MONTH + rb"\s*(?P<day>\d{1,2}),?\s+"
    rb"(?P<year>\d{4})(?:[,\s]\s*" + _TIME + _ZONE + rb")?",
    re.IGNORECASE,
)  # fmt: skip
_ISO_8601 = re.compile(
    rb"\s*+(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?:[t\s]\s*"
    + _TIME + _ZONE + rb")?",
    re.IGNORECASE,
)  # fmt: skip
_FORMS = (_RFC_5322, _ASCTIME, _AMERICAN, _ISO_8601)
_MONTHS = {
    name: number
    for number, name in enumerate(
        b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1
    )
}
# RFC 5322 §4.3; all other letters, the military ones too, are -0000.
_ZONES = {
    b"edt": -240,
    b"est": -300,
    b"cdt": -300,
    b"cst": -360,
    b"mdt": -360,
    b"mst": -420,
    b"pdt": -420,
    b"pst": -480,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_ZONE = 24 * 60


def sent_date(value: bytes) -> tuple[int, int] | None:
    """Give (seconds since the epoch, zone in minutes east), or None."""
    usual = _usual(value)
    if usual is not None:
        return usual
    found = _read(value)
    return None if found is None else _moment(found, _time(found))


def _usual(value: bytes) -> tuple[int, int] | None:
    """Give a date in the usual form, most of which fall on few days; None: it is not.

    What could need a second look is left to the other forms.
    """
    found = _USUAL(value)
    if found is None:
        return None
    day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
    midnight = _midnight(day, month, year)
    at = int(hour) * 3600 + int(minute) * 60 + int(second)
    zone = int(hours) * 60 + int(minutes)
    if midnight is None or minute > b"59" or second > b"59" or at >= 86_400:
        return None
    if zone >= _MAX_ZONE:
        return None
    zone = -zone if sign == b"-" else zone
    return midnight + at - zone * 60, zone


@lru_cache(maxsize=512)
def _midnight(day: bytes, month: bytes, year: bytes) -> int | None:
    number = _MONTHS.get(month.lower())
    try:
        date = datetime(int(year), number or 0, int(day), tzinfo=UTC)
    except ValueError:
        return None
    return int((date - _EPOCH).total_seconds())


def sort_date(value: bytes) -> int | None:
    """Give the moment by which messages are sorted (RFC 5256 §2.2), or None.

    An invalid zone is UTC; a time that can't be is midnight, if the day can be.
    """
    found = _read(value)
    if found is None:
        return None
    moment = _moment(found, _time(found)) or _moment(found, (0, 0, 0))
    return None if moment is None else moment[0]


def _read(value: bytes) -> re.Match[bytes] | None:
    text = value[:_MAX]
    if b"(" in text:
        text = _COMMENT.sub(b" ", text)
    for form in _FORMS:
        found = form.match(text)
        if found is not None:
            return found
    return None


def _time(found: re.Match[bytes]) -> tuple[int, int, int]:
    second = min(int(found["second"] or 0), 59)  # 60 is a leap second
    return int(found["hour"] or 0), int(found["minute"] or 0), second


def _moment(
    found: re.Match[bytes], time: tuple[int, int, int]
) -> tuple[int, int] | None:
    month = found["month"].lower()
    try:
        local = datetime(
            _year(found["year"]),
            _MONTHS.get(month) or int(month),
            int(found["day"]),
            *time,
            tzinfo=UTC,
        )
    except ValueError:
        return None
    zone = _zone(found["zone"])
    return int((local - _EPOCH).total_seconds()) - zone * 60, zone


def _year(digits: bytes) -> int:
    """RFC 5322 §4.3: two digits and three digits."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def _zone(name: bytes | None) -> int:
    if name is None:
        return 0
    if name[:1] in b"+-":
        digits = name[1:]
        if len(digits) != 4 or not digits.isdigit():
            digits = bytes([c for c in name if chr(c).isdigit()]).rjust(4, b"0")
        minutes = int(digits[:2]) * 60 + int(digits[2:])
        if minutes >= _MAX_ZONE:
            return 0
        return -minutes if name[:1] == b"-" else minutes
    return _ZONES.get(name.lower(), 0)
