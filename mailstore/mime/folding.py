"""Folding: the form in which texts are compared without case and composition.

In the spirit of i;unicode-casemap (RFC 5051): compatibility decomposition and case
folding. So "CAFE" and "Café" begin alike. It must not know what a text is of.

Invariants: folding what is folded changes nothing; for pieces that are cut in front
of a character that is no combining mark, folding each gives the folding of all:
``fold(a) + fold(b) == fold(a + b)``. Hence a text without marks is folded character by
character, and few of a text's characters are not folded already. Example::

    fold("Straße") == "strasse"
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ASCII = bytes(range(128))
_MOST_FOLDINGS = 20_000
_FEW = 32  # characters that are replaced one after the other, each in the whole text
_MAX_MARKS = 30  # UAX #15, stream-safe text: real text has no more
_STEP = 3
_RUNS = re.compile("([^\x00-\x7f]+)")
_SHORT = 8  # characters of a run that will come again: a letter of a Western language
_DENSE = 4  # characters for each part of a text in which ASCII is rare


def fold(text: str) -> str:
    """Fold case and compatibility variants, for both sides of a comparison."""
    if text.isascii():
        return text.lower()
    return decode(folded(text))


def folded(text: str) -> bytes:
    """Give the folded text as octets: UTF-8, of lone surrogates too."""
    if text.isascii():
        # By octets it is faster than by characters.
        return text.encode("ascii").lower()
    octets = encode(text)
    others = set(decode(octets.translate(None, _ASCII)))
    foldings = {char: _FOLDINGS[char] for char in others}
    if None in foldings.values():
        return encode(_fold_marked(text))
    changes = [(char, new) for char, new in foldings.items() if new != char]
    if not changes:
        return octets.lower()
    if len(changes) > _FEW:
        lower = decode(octets.lower())
        return encode("".join([foldings.get(char) or char for char in lower]))
    for char, new in changes:
        text = text.replace(char, new or "")
    return encode(text).lower()  # of octets: of ASCII alone


def encode(text: str) -> bytes:
    """Give a text as octets; lone surrogates too, which UTF-7 can bring."""
    return text.encode("utf-8", "surrogatepass")


def decode(octets: bytes) -> str:
    """Give back what `encode` was given."""
    return octets.decode("utf-8", "surrogatepass")


class _Foldings(dict[str, str | None]):
    """What characters become that were met so far; None: a mark stands in front.

    Marks are put into an order, so that their neighbours matter.
    """

    def __missing__(self, char: str) -> str | None:
        new: str | None = _fold(char)
        if _begins_marked(char):
            new = None
        if len(self) >= _MOST_FOLDINGS:
            self.clear()  # so that nobody fills it for good with what is never met
        self[char] = new
        return new


_FOLDINGS = _Foldings()


def _begins_marked(char: str) -> bool:
    """Tell whether a character begins with a mark when it is decomposed."""
    if unicodedata.decomposition(char):
        char = unicodedata.normalize("NFKD", char)[0]
    return unicodedata.combining(char) > 0


def _fold_marked(text: str) -> str:
    parts = _RUNS.split(text)
    if len(parts) * _DENSE > len(text):
        return _fold(text)
    # No character of ASCII is a mark, so that each run can be folded by itself.
    parts[::2] = [part.lower() for part in parts[::2]]
    parts[1::2] = [
        _fold_short(run) if len(run) <= _SHORT else _fold(run) for run in parts[1::2]
    ]
    return "".join(parts)


def _fold(text: str) -> str:
    return _decompose(_decompose(text).casefold())


_fold_short = lru_cache(maxsize=4_096)(_fold)


def fold_character(char: str) -> str:
    """Give what `fold` gives, for one character that others ask about too."""
    return _fold_short(char)


def _decompose(text: str) -> str:
    # Python orders combining marks by insertion, which is quadratic in their run. A
    # run that is too long has marks at all steps that fall on it.
    marks_at_steps, many_marks = _marks()
    if len(text) > _MAX_MARKS and marks_at_steps.search(text[::_STEP]):
        text = many_marks.sub(_order, text)
    return unicodedata.normalize("NFKD", text)


@lru_cache(maxsize=1)
def _marks() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Match what begins with a combining mark when decomposed: in steps, all of it.

    A class of its own in front makes the search for it fast.
    """
    ranges: list[list[int]] = []
    for code in range(0x300, 0x20000):  # there are none beyond
        if not _begins_marked(chr(code)):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    marks = "".join([f"{chr(low)}-{chr(high)}" for low, high in ranges])
    return (
        re.compile(f"[{marks}][{marks}]{{{_MAX_MARKS // _STEP - 1}}}"),
        re.compile(f"[{marks}][{marks}]{{{_MAX_MARKS},}}+"),
    )


def _order(run: re.Match[str]) -> str:
    """Put marks into canonical order, as normalization would."""
    marks = "".join([unicodedata.normalize("NFKD", mark) for mark in run[0]])
    return "".join(sorted(marks, key=unicodedata.combining))
