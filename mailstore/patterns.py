"""Names of annotations, by patterns with wildcards (RFC 5257 §4.3).

``*`` stands for one or more characters, ``%`` for one or more other than ``/``. The
time is that of the name's length, whatever the pattern. Example::

    EntryPattern("/%").matches("/comment") and EntryPattern("*").matches("/1/comment")
"""

from __future__ import annotations

_MOST_KNOWN = 10_000


class EntryPattern:
    """A pattern, made ready to be asked about many names."""

    __slots__ = ("_any", "_end", "_known", "_level", "_literal", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._end = 1 << len(text)
        self._any = self._level = 0  # bits of the places that have a wildcard
        self._literal: dict[str, int] = {}
        for place, char in enumerate(text):
            if char == "*":
                self._any |= 1 << place
            elif char == "%":
                self._level |= 1 << place
            else:
                self._literal[char] = self._literal.get(char, 0) | 1 << place
        self._known: dict[str, bool] = {}

    @property
    def exact(self) -> bool:
        """Whether it is the name of one entry."""
        return not self._any and not self._level

    def matches(self, name: str) -> bool:
        """Tell whether a name fits."""
        if self.exact:
            return name == self.text
        found = self._known.get(name)
        if found is None:
            found = self._match(name)
            if len(self._known) < _MOST_KNOWN:
                self._known[name] = found
        return found

    def _match(self, name: str) -> bool:
        """Follow all ways through the pattern at once, one bit for each place."""
        places = 1
        for char in name:
            wild = self._any if char == "/" else self._any | self._level
            stay = places & wild
            places = stay | (stay | places & self._literal.get(char, 0)) << 1
            if not places:
                return False
        return bool(places & self._end)
