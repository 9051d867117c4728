"""The text that a reader of HTML sees, taken from its source piece by piece.

Tags are dropped, block tags end a line, comments, scripts and styles are skipped,
character references are undone. It is no HTML parser: what looks like a tag is one,
and what never ends is text. Linear, and it holds no more than a piece. Example::

    HtmlText().feed("<p>a &amp; <b>b</b></p>", final=True) == "\\na & b\\n"
"""

from __future__ import annotations

import html
import re
from functools import lru_cache

_HIDDEN = re.compile(r"<(script|style)\b[^<>]*+>|<!--", re.IGNORECASE)
_HIDDEN_END = {
    "script": re.compile(r"</script\s*+>", re.IGNORECASE),
    "style": re.compile(r"</style\s*+>", re.IGNORECASE),
    "": re.compile("-->"),
}
_TAG = re.compile(
    r"<(?:(/?(?:p|div|br|tr|td|th|li|ul|ol|dl|dt|dd|h[1-6]|table|hr|blockquote|pre"
    r"|title|section|article|center)\b)|[/!?a-z])[^<>]*+>",
    re.IGNORECASE,
)
_REFERENCE_PATTERN = r"&(?:#[0-9]++|#x[0-9a-f]++|[^\s<>&;#]{1,32}+);?"
_REFERENCE = re.compile(_REFERENCE_PATTERN, re.IGNORECASE)
_REFERENCE_OCTETS = re.compile(_REFERENCE_PATTERN.encode(), re.IGNORECASE)
_REFERENCE_END = re.compile("[;>]")  # in a tag it must not be cut off
_MAX_TAG = 4_096  # what is longer and goes on in the next piece is text
_MAX_REFERENCE = 40
_MAX_END = 32


class HtmlText:
    """Turns HTML into text; feed it pieces, the last one with ``final``."""

    def __init__(self) -> None:
        self._rest = ""
        self._until: re.Pattern[str] | None = None  # the end of what is hidden

    def feed(self, source: str, *, final: bool = False) -> str:
        """Give the text of the next piece of source, less an unfinished end."""
        source, self._rest = self._rest + source, ""
        pieces: list[str] = []
        at = 0
        while True:
            if self._until is not None:
                end = self._until.search(source, at)
                if end is None:
                    self._rest = source[max(at, len(source) - _MAX_END) :]
                    break
                self._until, at = None, end.end()
                pieces.append(" ")
            start = _HIDDEN.search(source, at)
            if start is None:
                stop = len(source) if final else _safe_end(source, at)
                self._rest = source[stop:]
                pieces.append(_visible(source[at:stop]))
                break
            pieces.append(_visible(source[at : start.start()]))
            self._until = _HIDDEN_END[(start[1] or "").lower()]
            at = start.end()
        return "".join(pieces)


def _safe_end(source: str, at: int) -> int:
    """Give where to stop, so as not to cut a tag or a character reference."""
    end = len(source)
    tag = source.rfind("<", max(at, end - _MAX_TAG))
    if tag >= 0 and source.find(">", tag) < 0:
        end = tag
    reference = source.rfind("&", max(at, end - _MAX_REFERENCE), end)
    if reference >= 0 and _REFERENCE_END.search(source, reference, end) is None:
        end = reference
    return end


def _visible(source: str) -> str:
    # Tags by a pattern of their own: with one beginning it is looked for faster. What
    # stands between two is read alone, so that none of it makes a reference with what
    # stands behind a tag.
    parts = _TAG.split(source)
    parts[1::2] = ["\n" if block else "" for block in parts[1::2]]
    if "&" in source:
        parts[::2] = [
            _REFERENCE.sub(_character, text) if "&" in text else text
            for text in parts[::2]
        ]
    return "".join(parts)


def _character(reference: re.Match[str]) -> str:
    text = reference[0]
    return _short(text) if len(text) <= _MAX_REFERENCE else unescape(text)


def unescape(reference: str) -> str:
    """Give what a character reference stands for; itself, if for nothing."""
    # Python refuses to read decimal numbers of more than 4,300 digits.
    return html.unescape(reference) if len(reference) <= _MAX_REFERENCE else "\ufffd"


_short = lru_cache(maxsize=1_024)(unescape)  # few are used, and those often


def references(source: bytes) -> set[bytes]:
    """Give the different character references of a page, and what looks like some.

    They are ASCII, in any charset whose ASCII stands for itself.
    """
    return set(_REFERENCE_OCTETS.findall(source))
