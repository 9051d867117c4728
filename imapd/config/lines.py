"""Where in a TOML file a key stands, which `tomllib` does not tell.

It must be given text that `tomllib` has accepted: it finds the keys of a valid
document and judges nothing::

    [store]
    path = "mail"        ->  {("store",): 1, ("store", "path"): 2}

Keys inside inline tables have no line of their own; `Lines.of` gives the nearest
outer one. The work is linear in the text.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEY})[ \t]*\]\]?")
_ASSIGNMENT = re.compile(rf"[ \t]*({_KEY})[ \t]*=")
_COMMENT_OR_NOTHING = re.compile(r"[ \t]*(?:#[^\n]*)?")
_TOKEN = re.compile(
    r'"""(?:[^\\"]|\\.|"(?!""))*"{3,5}'  # a text block may end in quotes of its own
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]"
    r"""|[^\[\]{}\n"'#]+""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Lines:
    """The line of each key; lines count from 1."""

    places: dict[Path, int] = field(repr=False)

    def of(self, path: Path) -> int | None:
        """Give the line of a key, or of the nearest table around it."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path[:-1]
        return None


def find_lines(text: str) -> Lines:
    """Find the line of every key of a valid TOML document."""
    text = text.replace("\r\n", "\n")
    places: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    at, line = 0, 1
    while at < len(text):
        header = _HEADER.match(text, at)
        assignment = None if header else _ASSIGNMENT.match(text, at)
        if header is not None:
            table = _resolve(_parts(header[2]), counts)
            if header[1] == "[[":
                table = (*table[:-1], *_next_of(table, counts))
            places.setdefault(table, line)
            at = header.end()
        elif assignment is not None:
            key = (*table, *_parts(assignment[1]))
            for length in range(len(table) + 1, len(key) + 1):
                places.setdefault(key[:length], line)
            end = _value_end(text, assignment.end())
            line += text.count("\n", at, end)
            at = end
        rest = _COMMENT_OR_NOTHING.match(text, at)
        at = (rest.end() if rest else at) + 1
        line += 1
    return Lines(places)


def _parts(dotted: str) -> Path:
    """Split a dotted key; the quoting rules are `tomllib`'s."""
    value: object = tomllib.loads(f"{dotted} = 0")
    parts: list[str | int] = []
    while isinstance(value, dict):
        (key, value), *_ = value.items()
        parts.append(key)
    return tuple(parts)


def _resolve(parts: Path, counts: dict[Path, int]) -> Path:
    """Put in the index of the last element where a part is an array of tables."""
    path: Path = ()
    for index, part in enumerate(parts):
        path = (*path, part)
        if path in counts and index < len(parts) - 1:
            path = (*path, counts[path] - 1)
    return path


def _next_of(table: Path, counts: dict[Path, int]) -> Path:
    counts[table] = counts.get(table, 0) + 1
    return (table[-1], counts[table] - 1)


def _value_end(text: str, at: int) -> int:
    """Give the offset of the line end behind a value."""
    depth = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:  # not valid TOML; never for what tomllib accepted
            at += 1
            continue
        what = token[0]
        if what == "\n" and depth == 0:
            return at
        if what in "[{":
            depth += 1
        elif what in "]}":
            depth -= 1
        at = token.end()
    return at
