"""Flags and keywords as clients write them (RFC 3501 §2.3.2, §9: flag)."""

from __future__ import annotations

from collections.abc import Iterable

from imapd.wire.cursor import Cursor

_SYSTEM = {
    name.upper(): name
    for name in ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
}
MAX_KEYWORD = 64


def parse_flag(cursor: Cursor) -> str:
    """Take a flag that a client may set; a system flag gets its usual spelling.

    ``\\Recent`` can't be set, and other names with a backslash are reserved.
    """
    start = cursor.at
    if cursor.accept(b"\\"):
        name = "\\" + cursor.atom().decode("ascii")
        known = _SYSTEM.get(name.upper())
        if known is None:
            cursor.at = start
            raise cursor.fail("a flag that a client may set")
        return known
    keyword = cursor.atom().decode("ascii")
    if len(keyword) > MAX_KEYWORD:
        cursor.at = start
        raise cursor.fail(f"a keyword of {MAX_KEYWORD} octets at most")
    return keyword


def parse_flag_list(cursor: Cursor) -> tuple[str, ...]:
    """Take ``(flag SP flag …)``; each flag is kept once."""
    return unique(cursor.parenthesised(lambda: parse_flag(cursor)))


def parse_flags(cursor: Cursor) -> tuple[str, ...]:
    """Take a flag list, or flags without parentheses (store-att-flags)."""
    if cursor.peek() == b"(":
        return parse_flag_list(cursor)
    flags = [parse_flag(cursor)]
    while cursor.peek() == b" ":
        cursor.sp()
        flags.append(parse_flag(cursor))
    return unique(flags)


def unique(flags: Iterable[str]) -> tuple[str, ...]:
    """Drop repetitions; keywords differ by more than case."""
    return tuple({flag.upper(): flag for flag in reversed(list(flags))}.values())[::-1]


def unparse_flags(flags: Iterable[str]) -> bytes:
    """Write a flag list."""
    return b"(%b)" % " ".join(flags).encode("ascii")
