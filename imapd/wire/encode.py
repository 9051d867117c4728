"""Terminals in the other direction: values to the octets of a response.

A quoted string never holds what its grammar forbids: such values become literals
(RFC 3501 §4.3, §9 ``quoted``)::

    string(b'a "b"')     # "a \\"b\\""
    string("ø".encode()) # {2}, a line end and two octets
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from imapd.wire import abnf

_PLAIN = re.compile(rb"[\x20-\x21\x23-\x5b\x5d-\x7e]*")
# TEXT-CHAR permits control characters too, but clients were seen to drop or show
# them; as a literal they pass.
_QUOTABLE = re.compile(rb"[\x09\x20-\x7e]*")
_MAX_QUOTED = 1_000


def literal(data: bytes) -> bytes:
    """Render a literal as a server sends it."""
    return b"{%d}\r\n%b" % (len(data), data)


def string(data: bytes) -> bytes:
    """Render a string, quoted when it can be."""
    if len(data) <= _MAX_QUOTED:
        if _PLAIN.fullmatch(data):
            return b'"%b"' % data
        if _QUOTABLE.fullmatch(data):
            return b'"%b"' % data.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return literal(data)


def nstring(data: bytes | None) -> bytes:
    """Render a string or NIL."""
    return b"NIL" if data is None else string(data)


def astring(data: bytes) -> bytes:
    """Render an atom where that is possible, a string otherwise."""
    if abnf.astring_atom.fullmatch(data) and data.upper() != b"NIL":
        return data
    return string(data)


def client_string(data: bytes) -> bytes:
    """Render a string as a client sends it: with a non-synchronizing literal."""
    if len(data) <= _MAX_QUOTED and _QUOTABLE.fullmatch(data):
        return string(data)
    return b"{%d+}\r\n%b" % (len(data), data)


def client_astring(data: bytes) -> bytes:
    """Render an astring as a client sends it."""
    if abnf.astring_atom.fullmatch(data):
        return data
    return client_string(data)


def flag_list(flags: Iterable[str]) -> bytes:
    """Render flags in parentheses."""
    return b"(%b)" % " ".join(flags).encode("ascii")


def ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Join ascending numbers, each there once, to closed ranges."""
    if not numbers:
        return []
    if numbers[-1] - numbers[0] + 1 == len(numbers):
        return [(numbers[0], numbers[-1])]
    return steps(numbers)


def steps(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Join neighbours that ascend by one, in an order that need not ascend.

    There is one number at least.
    """
    found: list[tuple[int, int]] = []
    low = high = numbers[0]
    for number in numbers[1:]:
        if number == high + 1:
            high = number
        else:
            found.append((low, high))
            low = high = number
    found.append((low, high))
    return found


def render_ranges(pairs: Iterable[tuple[int, int]]) -> bytes:
    """Render closed ranges as a sequence set."""
    return b",".join(
        b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in pairs
    )


def sequence_set(numbers: Sequence[int]) -> bytes:
    """Render ascending numbers, each there once, as a compact sequence set."""
    return render_ranges(ranges(numbers))
