"""A change bus between two stores of one process, as two workers have it."""

from __future__ import annotations

import random
from collections.abc import Callable

from mailstore.changes import ChangeNotice, NoBus


class LinkedBus(NoBus):
    """One end; what is published there is received at the other one, at once."""

    def __init__(self) -> None:
        self.other: LinkedBus | None = None
        self._receive: Callable[[ChangeNotice], None] | None = None

    @classmethod
    def pair(cls) -> tuple[LinkedBus, LinkedBus]:
        one, two = cls(), cls()
        one.other, two.other = two, one
        return one, two

    def loses(self) -> bool:
        """Tell whether the next notice gets lost."""
        return False

    def publish(self, notice: ChangeNotice) -> None:
        receive = self.other and self.other._receive
        if receive and not self.loses():
            receive(notice)

    def subscribe(self, receive: Callable[[ChangeNotice], None]) -> None:
        self._receive = receive


class LossyBus(LinkedBus):
    """A bus that loses every fourth notice."""

    def __init__(self) -> None:
        super().__init__()
        self._random = random.Random(0)

    def loses(self) -> bool:
        return not self._random.randrange(4)
