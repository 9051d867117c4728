"""How many messages one command may be about, where that is bounded (RFC 9738).

A command over more messages does its work for those with the highest UIDs and says
where it ended; one that does all or nothing is refused. Without a bound, which is the
default, nothing here has any effect::

    03 OK [MESSAGELIMIT 1000 23221] FETCH completed
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.limits import UNBOUNDED, Limits
from imapd.session.registry import Completed
from imapd.session.view import View
from mailstore.query import And, Nothing, Predicate, Uids

_TEXT = "for the messages with the highest UIDs"


def is_bounded(limits: Limits) -> bool:
    """Tell whether commands over messages are bounded."""
    return limits.message_limit < UNBOUNDED


def is_saving_bounded(limits: Limits) -> bool:
    """Tell whether only commands that make messages are bounded."""
    return limits.save_limit < UNBOUNDED and not is_bounded(limits)


def cut(context: Context, uids: Sequence[int]) -> tuple[Sequence[int], str | None]:
    """Give the messages that a command is done for, and the code that says so."""
    most = context.services.limits().message_limit
    if len(uids) <= most:
        return uids, None
    rest = uids[-most:]
    return rest, f"MESSAGELIMIT {most} {rest[0]}"


def refuse_beyond(context: Context, uids: Sequence[int]) -> None:
    """Refuse what is done for a part of a set that the client chose. Raises `No`."""
    most = context.services.limits().message_limit
    if len(uids) > most:
        raise No(f"{most} messages at most", f"MESSAGELIMIT {most}")


def check_saving(context: Context, count: int, uids: Sequence[int] = ()) -> None:
    """Refuse to make more messages than one command may (§3.1). Raises `No`.

    ``uids`` are those that would be copied.
    """
    limits = context.services.limits()
    most = min(limits.message_limit, limits.save_limit)
    if count > most:
        lowest = f" {uids[-most]}" if uids else ""
        raise No("too many messages, try less", f"MESSAGELIMIT {most}{lowest}")


def with_code(context: Context, done: Completed, code: str | None) -> Completed:
    """Put the code into a reply; where another one stands, before it (§3.1)."""
    if code is None:
        return done
    if done.code is None:
        return done._replace(text=f"{done.text} {_TEXT}", code=code)
    context.reply.untagged(context.status(b"NO", f"completed {_TEXT}", code))
    return done


def cut_search(
    context: Context, view: View, predicate: Predicate
) -> tuple[Predicate, str | None]:
    """Bound a search: messages that are looked at count, not those that are found.

    Ranges of UIDs that all have to hold tell which are looked at.
    """
    most = context.services.limits().message_limit
    if view.exists <= most:
        return predicate, None
    uids: Sequence[int] = view.uids[: view.exists]
    for term in predicate.terms if isinstance(predicate, And) else (predicate,):
        if isinstance(term, Uids):
            uids = _within(uids, term)
        elif isinstance(term, Nothing):
            uids = ()
    if len(uids) <= most:
        return predicate, None
    lowest = uids[-most]
    bound = Uids(((lowest, view.largest_uid),))
    return And((bound, predicate)), f"MESSAGELIMIT {most} {lowest}"


def _within(uids: Sequence[int], term: Uids) -> Sequence[int]:
    found: list[int] = []
    for low, high in term.ranges:
        start = bisect_left(uids, low)
        found.extend(uids[start : bisect_right(uids, high, start)])
    return found
