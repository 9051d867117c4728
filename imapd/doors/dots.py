"""The message behind DATA: where it ends, and its dots (RFC 5321 §4.5.2).

Only CRLF ends a line, and only ``CRLF . CRLF`` the message. Servers that saw an end
in ``LF . LF`` or ``LF . CRLF`` where the one before them did not have let strangers
smuggle messages in; here such octets are part of the message, which is refused for
them (see docs/explanation/delivery.md). Example::

    DotStream().feed(b"hi\\r\\n..\\r\\n.\\r\\nQUIT") == (b"hi\\r\\n.\\r\\n", b"QUIT")
"""

from __future__ import annotations

_END = b"\r\n.\r\n"


def has_bare(data: bytes) -> bool:
    """Tell whether a CR or LF stands alone; ``data`` is cut behind no CR."""
    ends = data.count(b"\r\n")
    return data.count(b"\n") != ends or data.count(b"\r") != ends


class DotStream:
    """Takes octets as they come, gives those of the message.

    ``bare``: a CR or LF stood alone somewhere.
    """

    def __init__(self) -> None:
        # As if a line had just ended: the first one may be the dot.
        self._held = b"\r\n"
        self._extra = 2
        self.bare = False

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Give octets of the message, and what stands behind its end if it is here."""
        data = self._held + data
        at = data.find(_END)
        rest: bytes | None = None
        if at >= 0:
            data, rest = data[: at + 2], data[at + len(_END) :]
            self._held = b""
        else:
            keep = _held_back(data)
            data, self._held = data[: len(data) - keep], data[len(data) - keep :]
        self.bare = self.bare or has_bare(data)
        made = data.replace(b"\r\n.", b"\r\n")
        taken = min(self._extra, len(made))
        self._extra -= taken
        return made[taken:], rest


def _held_back(data: bytes) -> int:
    """Give the length of the longest end of ``data`` that may begin the real end."""
    for length in range(min(len(_END) - 1, len(data)), 0, -1):
        if data.endswith(_END[:length]):
            return length
    return 0
