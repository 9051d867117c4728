"""Random sessions of several people in one person's mailboxes, while rights change.

As `tests.soak.driver`, and some of the owner's sessions say now and then what somebody
else may do. Who may no longer read is sent away and comes back when he may again; who
may not change something is refused, or does what of it he may. Each person has \\Seen
for himself: a client's belief is compared with what its own account is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.soak.driver import BOXES, Player, Soak
from tests.support.client import Answer

RIGHTS = ("lr", "lrs", "lrsw", "lrswi", "lrswit", "lrswite", "lrswite", "lrswite")
NONE = ("l", '""')


@dataclass
class Guests(Soak):
    """A run of an owner and his guests."""

    refused: int = 0  # SELECT of what may not be read

    def begin(self) -> None:
        """Let everybody in, and connect them."""
        owner, *guests = self.people
        with self.connect(owner) as client:
            client.command(f"CREATE {BOXES[1]}")
            for name in BOXES:
                for guest in guests:
                    client.ok(f"SETACL {name} {guest} lrswite")
        super().begin()

    def _choose(self, player: Player) -> None:
        owner = player.who == self.people[0] and not player.idle
        if owner and self._random.random() < 0.3:
            self._give(player)
        else:
            super()._choose(player)

    def _give(self, player: Player) -> None:
        name, guest = self._random.choice(BOXES), self._random.choice(self.people[1:])
        letters = self._random.choice(RIGHTS if self._random.random() < 0.85 else NONE)
        self._send(player, f"SETACL {name} {guest} {letters}")

    def lock_out(self) -> None:
        """Take reading from somebody who has a mailbox selected, and give it back.

        He is sent away, can't select what he had, and later can. Chance alone may take
        reading from nobody in a short run.
        """
        owner, guest = self._players[:2]
        assert owner.who != guest.who == self.people[1]
        self._guarded(lambda: self._lock_out(owner, guest))

    def _lock_out(self, owner: Player, guest: Player) -> None:
        self.rest()  # nobody idles
        self._give_rights(owner, guest, "lrswite")
        self._enter(guest, BOXES[0])
        assert guest.mirror.mailbox == BOXES[0]
        lost, refused = self.lost, self.refused
        self._give_rights(owner, guest, "l")
        self._send(guest, "NOOP")
        self._finish(guest)
        assert self.lost == lost + 1, "who may not read stayed"
        assert self.refused == refused + 1, "who may not read could select"
        self._give_rights(owner, guest, "lrswite")
        self._enter(guest, BOXES[0])
        assert guest.mirror.mailbox == BOXES[0]
        self.rest()

    def _give_rights(self, owner: Player, guest: Player, letters: str) -> None:
        self._send(owner, f"SETACL {BOXES[0]} {guest.who} {letters}")
        self._finish(owner)

    def may_all(self, player: Player) -> bool:
        """Tell whether a player is the owner, of whom no list speaks."""
        return player.who == self.people[0]

    def selected(self, player: Player) -> Answer | None:
        """Say the player's SELECT; None if he may not read the mailbox."""
        answer = player.client.command(player.command)
        if answer.kind == "OK":
            return answer
        code = answer.status.code
        assert player.who != self.people[0], answer.status
        assert code is not None, answer.status
        assert code.name in ("NOPERM", "NONEXISTENT"), answer.status
        self.refused += 1
        player.mirror.leave()
        player.command = ""
        return None
