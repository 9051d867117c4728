"""Whether a response is the one that a transcript asks for.

Placeholders and what has no order in IMAP: see `tests.support.transcript`. It knows
no server and no file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

_PLACEHOLDER = re.compile(r"\\\{([a-z][a-z_]*)\\\}")
_PATTERNS = {
    "text": r"[^\r\n]+",
    "any": r"[^\r\n]*",
    "word": r"[^\s()]+",
    "date": r'"[ \d]\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d [+-]\d{4}"',
}
_FREE_ORDER = re.compile(rb"(FLAGS|LIST|LSUB) \(([^()]*)\)")
_FETCH = re.compile(rb"(\* \d+ FETCH )\((.*)\)\r\n", re.DOTALL)
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")
_MORE = b" {more})\r\n"


def canonical(response: bytes, names: Collection[bytes] | None = None) -> bytes:
    """Put what has no order in IMAP into one order: flags, attributes, FETCH items.

    With ``names`` all other items of a FETCH are left out.
    """
    found = _FETCH.fullmatch(response)
    if found is None:
        return _FREE_ORDER.sub(
            lambda m: m[1] + b" " + _sort_words(b"(%s)" % m[2]), response
        )
    tokens = list(_tokens(found[2]))
    if len(tokens) % 2:
        return response  # a placeholder stands for several items
    pairs = sorted(
        (name.upper(), _sort_words(value))
        for name, value in zip(tokens[::2], tokens[1::2], strict=True)
        if names is None or name.upper() in names
    )
    items = b" ".join(name + b" " + value for name, value in pairs)
    return found[1] + b"(" + items + b")\r\n"


def _without_more(expected: bytes) -> tuple[bytes, Collection[bytes] | None]:
    """Take ``{more}`` out of a FETCH; give the items that it has to have then."""
    if not expected.endswith(_MORE):
        return expected, None
    shorter = expected.removesuffix(_MORE) + b")\r\n"
    found = _FETCH.fullmatch(shorter)
    tokens = list(_tokens(found[2])) if found is not None else []
    return shorter, {name.upper() for name in tokens[::2]}


def _sort_words(value: bytes) -> bytes:
    if value[:1] != b"(" or not re.fullmatch(rb"\([^()\"]*\)", value):
        return value
    return b"(" + b" ".join(sorted(value[1:-1].split(b" "))) + b")"


def _tokens(data: bytes) -> Iterator[bytes]:
    """Split at the spaces that stand outside of any brackets, quotes and literals."""
    start = at = depth = 0
    while at < len(data):
        octet = data[at : at + 1]
        if octet == b'"':
            at = _end_of_quoted(data, at)
            continue
        literal = _LITERAL.match(data, at)
        if literal is not None:
            at = literal.end() + int(literal[1])
            continue
        if octet == b" " and depth == 0:
            yield data[start:at]
            start = at + 1
        depth += (octet in b"([") - (octet in b")]")
        at += 1
    yield data[start:]


def _end_of_quoted(data: bytes, at: int) -> int:
    at += 1
    while at < len(data) and data[at : at + 1] != b'"':
        at += 2 if data[at : at + 1] == b"\\" else 1
    return at + 1


def match(
    expected: bytes, actual: bytes, numbers: Mapping[str, bytes]
) -> dict[str, bytes] | None:
    """Compare two responses; give the numbers that are new, None if they differ."""
    seen: set[str] = set()

    def pattern(found: re.Match[str]) -> str:
        name = found[1]
        if name in _PATTERNS:
            return _PATTERNS[name]
        if name in numbers:
            return re.escape(numbers[name].decode("ascii"))
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>[0-9]+)"

    expected, names = _without_more(expected)
    text = re.escape(canonical(expected).decode("latin-1"))
    whole = re.compile(_PLACEHOLDER.sub(pattern, text), re.DOTALL)
    found = whole.fullmatch(canonical(actual, names).decode("latin-1"))
    if found is None:
        return None
    return {name: value.encode("ascii") for name, value in found.groupdict().items()}
