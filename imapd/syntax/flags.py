"""Flags and keywords as clients write them (RFC 3501 §2.3.2, §9: flag).

A flag is text: ``\\Seen`` in the RFC's spelling, or a keyword as the client spelt it.
Which spelling of a keyword a mailbox keeps is the store's business. For example
``(\\seen $Junk)`` is ``("\\Seen", "$Junk")``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from imapd.wire.cursor import Cursor, Malformed

_SYSTEM = {
    name.upper(): name
    for name in ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
}
MAX_KEYWORD = 64
_SHORT_LIST = re.compile(rb"\([^()\r\n]{0,100}\)")


def parse_flag(cursor: Cursor) -> str:
    """Take a flag that a client may set; a system flag gets its usual spelling.

    Raises `Malformed`: names with a backslash are the RFC's to give (flag-extension),
    and the session alone decides about ``\\Recent`` (§2.3.2).
    """
    start = cursor.at
    if cursor.accept(b"\\"):
        name = "\\" + cursor.atom().decode("ascii")
        known = _SYSTEM.get(name.upper())
        if known is None:
            cursor.at = start
            if name.upper() == "\\RECENT":
                raise cursor.fail("a flag that a client may set, not \\Recent,")
            raise cursor.fail("a flag that a client may set")
        return known
    found = cursor.atom()
    if len(found) > MAX_KEYWORD:
        cursor.at = start
        raise cursor.fail(f"a keyword of {MAX_KEYWORD} octets at most")
    return found.decode("ascii")


def parse_flag_list(cursor: Cursor) -> tuple[str, ...]:
    """Take ``(flag SP flag …)``; each flag is kept once. Raises `Malformed`."""
    short = _SHORT_LIST.match(cursor.text, cursor.at)
    known = None if short is None else _known_list(short[0])
    if known is None or short is None:
        return _read_list(cursor)
    cursor.at = short.end()
    return known


def _read_list(cursor: Cursor) -> tuple[str, ...]:
    return unique(cursor.parenthesised(lambda: parse_flag(cursor)))


@lru_cache(maxsize=1024)
def _known_list(text: bytes) -> tuple[str, ...] | None:
    """Read a list by itself, as clients send few different ones; None: malformed."""
    cursor = Cursor(text)
    try:
        flags = _read_list(cursor)
        cursor.end()
    except Malformed:
        return None
    return flags


def parse_flags(cursor: Cursor) -> tuple[str, ...]:
    """Take a flag list, or flags without parentheses (§9: store-att-flags).

    Each flag is kept once. Raises `Malformed`.
    """
    if cursor.peek() == b"(":
        return parse_flag_list(cursor)
    flags = [parse_flag(cursor)]
    while cursor.peek() == b" ":
        cursor.sp()
        flags.append(parse_flag(cursor))
    return unique(flags)


def unique(flags: Iterable[str]) -> tuple[str, ...]:
    """Drop repetitions in any case; the first spelling and its place stay."""
    found: dict[str, str] = {}
    for flag in flags:
        found.setdefault(flag.upper(), flag)
    return tuple(found.values())


def unparse_flags(flags: Iterable[str]) -> bytes:
    """Write a flag list."""
    return b"(%b)" % " ".join(flags).encode("ascii")
