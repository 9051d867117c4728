"""What is asked many times for one command, and answered by the database once."""

from __future__ import annotations

from collections.abc import Callable


class OnceATurn:
    """Keeps a number until the event thread has heard something from outside.

    Every command asks several times whether another process has committed anything,
    for its names, its rights and its messages; each time is a transaction of its own
    and several system calls. Whatever a command must see was committed before it came:
    within one turn the first answer holds (`mailstore.lanes.Runtime.turn`). What this
    process itself commits in the turn is no exception: see `forget`.

    Called on the event thread.
    """

    __slots__ = ("_ask", "_known", "_turn", "_turn_of_known")

    def __init__(self, ask: Callable[[], int], turn: Callable[[], int]) -> None:
        self._ask = ask
        self._turn = turn
        self._known = 0
        self._turn_of_known: int | None = None

    def __call__(self) -> int:
        """Give the number. Raises what asking for it raises."""
        turn = self._turn()
        if turn != self._turn_of_known:
            self._known = self._ask()
            self._turn_of_known = turn
        return self._known

    def forget(self) -> None:
        """Ask again the next time. Any thread may call it."""
        self._turn_of_known = None
