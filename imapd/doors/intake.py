"""What a client has sent and nobody has read yet: lines, octets, their limits.

Bytes go in by `feed`; `line` and `take` give them out in order. It knows neither
commands nor messages.
"""

from __future__ import annotations

import re

PIECE = 65_536
_NETSTRING = re.compile(rb"(0|[1-9][0-9]{0,8}):")
_NETSTRING_HEAD = re.compile(rb"0?|[1-9][0-9]{0,8}")


class LineError(Exception):
    """The client's line is none. ``fatal``: nothing behind it can be trusted."""

    def __init__(self, text: str, *, fatal: bool) -> None:
        super().__init__(text)
        self.text = text
        self.fatal = fatal


class Intake:
    """A bounded buffer is its owner's affair; a line has ``most`` octets at most.

    With ``bare`` a line may end in LF alone, as people type at servers and as some
    protocols want; without, that is an error.
    """

    def __init__(self, most: int, *, bare: bool = False) -> None:
        self.most = most
        self._bare = bare
        self._data = bytearray()
        self._searched = 0  # octets in which no line ends
        self._skipping = False  # the rest of a line that was too long

    @property
    def waiting(self) -> int:
        """Octets that nobody has read yet."""
        return len(self._data)

    def feed(self, data: bytes) -> None:
        """Append what has come."""
        self._data += data

    def put_back(self, data: bytes) -> None:
        """Give back octets that were taken, to be read next."""
        self._data[:0] = data
        self._searched = 0

    def clear(self) -> None:
        """Forget everything."""
        self._data.clear()
        self._searched = 0

    def take(self, most: int = PIECE) -> bytes:
        """Give the next octets that are here."""
        made = bytes(self._data[:most])
        del self._data[:most]
        self._searched = 0
        return made

    def line(self) -> bytes | None:
        """Give the next line without its end, None while it isn't whole.

        Raises `LineError` for a line that is too long, once, and for one that has a
        bare CR or LF: whoever sends that speaks to a server that reads it otherwise.
        """
        at = self._data.find(b"\n", max(0, self._searched - 1))
        if at < 0:
            self._skip()
            return None
        ends = at > 0 and self._data[at - 1] == 0x0D
        if not ends and not self._bare:
            raise LineError("a line ends in CRLF, not in a bare LF", fatal=True)
        line = bytes(self._data[: at - 1 if ends else at])
        del self._data[: at + 1]
        self._searched = 0
        if self._skipping:
            self._skipping = False
            raise LineError("the line is too long", fatal=False)
        if len(line) + 2 > self.most:
            raise LineError("the line is too long", fatal=False)
        if b"\r" in line or b"\0" in line:
            raise LineError("a line has no bare CR and no NUL", fatal=True)
        return line

    def netstring(self) -> bytes | None:
        """Give the content of the next netstring, None while it isn't whole.

        Raises `LineError` for what is none, or has more than ``most`` octets.
        """
        match = _NETSTRING.match(self._data[:12])
        if match is None:
            if _NETSTRING_HEAD.fullmatch(self._data[:12]):
                return None
            raise LineError("that is no netstring", fatal=True)
        size = int(match[1])
        if size > self.most:
            raise LineError("the netstring is too long", fatal=True)
        end = match.end() + size
        if len(self._data) <= end:
            return None
        if self._data[end] != 0x2C:
            raise LineError("a netstring ends in a comma", fatal=True)
        content = bytes(self._data[match.end() : end])
        del self._data[: end + 1]
        self._searched = 0
        return content

    def _skip(self) -> None:
        """Note where nothing ends; drop what is too long for a line already."""
        self._searched = len(self._data)
        if len(self._data) > self.most:
            self._skipping = True
            # A CR at the end may belong to the line's own.
            del self._data[: len(self._data) - 1]
            self._searched = 0
