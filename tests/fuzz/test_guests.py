"""The sessions of `tests.fuzz.test_sessions` with a guest, who has \\Seen for himself.

What a client of the owner is told, and one of the guest, has to be true for each: they
see other flags and other mod-sequences of the same messages.
"""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis.stateful import initialize, multiple

from tests.fuzz.mirror import Kind
from tests.fuzz.test_sessions import BOXES, Sessions
from tests.support.session import World


class Guests(Sessions):
    """Random commands of clients of two people in one person's mailboxes."""

    @initialize(target=Sessions.clients)
    def begin(self) -> Any:
        self.world.close()
        self.world = World(self.path, "ann", "bob")
        first = self._connect(Kind.PLAIN)
        first.run("CREATE Other")
        for name in BOXES:
            self.world.share(name, "bob", "lrswite")
        for _ in range(4):
            self._append("INBOX")
        first.select("INBOX")
        again = self._connect(Kind.CONDSTORE)
        guests = [self._connect(kind, "bob") for kind in Kind]
        return multiple(first, again, *guests)


Guests.TestCase.settings = settings(
    max_examples=8, stateful_step_count=30, deadline=None
)
test_mirrors_of_guests_are_true = Guests.TestCase
