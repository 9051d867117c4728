"""LOGIN-DELAY (RFC 2449 §6.5): who has just been here waits until the next login.

Workers tell each other. Memory is bounded: the oldest are forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

_MOST = 100_000


class LoginDelays:
    """When accounts logged in by POP3. ``now`` is a steady clock, in seconds."""

    def __init__(self, now: Callable[[], float], most: int = _MOST) -> None:
        self._now = now
        self._most = most
        self._tell: Callable[[bytes], None] | None = None
        self._logins: OrderedDict[str, float] = OrderedDict()

    def share(self, tell: Callable[[bytes], None]) -> None:
        """Have ``tell`` send notes to the other workers, for their `hear`."""
        self._tell = tell

    def hear(self, data: bytes) -> None:
        """Take the note of another worker."""
        self._note(data.decode("ascii", "replace"))

    def may_enter(self, account: str, seconds: int) -> bool:
        """Tell whether the last login was long ago; the question counts as one if so.

        Who was refused doesn't wait longer for having tried.
        """
        if seconds <= 0:
            return True
        last = self._logins.get(account)
        if last is not None and self._now() - last < seconds:
            return False
        self._note(account)
        if self._tell is not None:
            self._tell(account.encode("ascii", "replace"))
        return True

    def _note(self, account: str) -> None:
        self._logins[account] = self._now()
        self._logins.move_to_end(account)
        while len(self._logins) > self._most:
            self._logins.popitem(last=False)
