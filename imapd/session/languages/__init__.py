"""What the server says to people, in other languages than English (RFC 5255 §3).

A catalogue is a file beside this: an English text, and below it, behind a tab, what it
is in the language. ``{}`` stands for a value, and for the text that a value is; ``{1}``
is the second value, where the order is another one. A text that no catalogue has stays
English::

    a FETCH may have {} items at most
        ein FETCH darf höchstens {} Angaben haben
"""

from __future__ import annotations

import pkgutil
import re
from functools import cache, lru_cache

DEFAULT = "i-default"
ENGLISH = "en"
TRANSLATED = ("de", "fr", "es")
LANGUAGES = (DEFAULT, ENGLISH, *TRANSLATED)

_VALUE = re.compile(r"\{([0-9]?)\}")
_DEEPEST = 3  # texts within texts
_SHORT = 200  # letters of a text that is remembered


class Catalogue:
    """The texts of one language."""

    __slots__ = ("_templates", "texts")

    def __init__(self, written: str) -> None:
        self.texts: dict[str, str] = {}
        lines = iter(written.splitlines())
        for english, other in zip(lines, lines, strict=True):
            self.texts[english] = other.removeprefix("\t")
        templates = [text for text in self.texts if "{}" in text]
        # What says most is tried first: ``{}: {}`` fits much.
        templates.sort(key=lambda text: len(text.replace("{}", "")), reverse=True)
        self._templates = [(text.split("{}"), self.texts[text]) for text in templates]

    def translate(self, text: str, depth: int = 0) -> str | None:
        """Give a text in this language; None: it isn't here."""
        found = self.texts.get(text)
        if found is not None or depth >= _DEEPEST:
            return found
        for pieces, template in self._templates:
            values = _values(pieces, text)
            if values:
                own = [self.translate(value, depth + 1) or value for value in values]
                return _filled(template, own)
        return None


def _values(pieces: list[str], text: str) -> list[str]:
    """Give what stands between the pieces of a template; nothing if it isn't that."""
    first, last = pieces[0], pieces[-1]
    end = len(text) - len(last)
    if not (text.startswith(first) and text.endswith(last)):
        return []
    found: list[str] = []
    at = len(first)
    for piece in pieces[1:-1]:
        following = text.find(piece, at + 1, end)
        if following < 0:
            return []
        found.append(text[at:following])
        at = following + len(piece)
    return [*found, text[at:end]] if at < end else []


def _filled(template: str, values: list[str]) -> str:
    """Put values into a template; one that is not numbered is the next."""
    following = iter(values)

    def value(match: re.Match[str]) -> str:
        return values[int(match[1])] if match[1] else next(following)

    return _VALUE.sub(value, template)


@cache
def catalogue(language: str) -> Catalogue:
    """Read the catalogue of a language; half a millisecond, once."""
    written = pkgutil.get_data(__name__, f"{language}.txt")
    assert written is not None
    return Catalogue(written.decode("utf-8"))


def translated(text: str, language: str) -> str:
    """Give a text in a language, in English where it isn't known in that."""
    if language not in TRANSLATED:
        return text
    # A text may have what a client brought in, as long as that was.
    find = _found if len(text) <= _SHORT else _found.__wrapped__
    return find(text, language)


@lru_cache(maxsize=2_048)
def _found(text: str, language: str) -> str:
    return catalogue(language).translate(text) or text
