"""The Date field as a moment (RFC 5322 §3.3, with the obsolete forms of §4.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

_MAX = 100


def sent_date(value: bytes) -> tuple[int, int] | None:
    """Give (seconds since the epoch, zone in minutes), None if it can't be read."""
    try:
        found = parsedate_tz(value[:_MAX].decode("latin-1"))
        if found is None:
            return None
        year, month, day, hour, minute, second = found[:6]
        local = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        zone = (found[9] or 0) // 60
        if not -24 * 60 < zone < 24 * 60:
            zone = 0
        moment = local - timedelta(minutes=zone)
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        return None
    epoch = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return epoch, zone
