"""What a NOTIFY client believes of others' mailboxes, by what it is told (RFC 5465)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.support.responses import ListLine, Response, StatusLine
from tests.support.session import Session

EVENTS = "(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)"
NOTIFY = f'NOTIFY SET STATUS (subtree ("Other Users" Shared) {EVENTS})'


@dataclass
class Watcher:
    """One client that follows all that others share."""

    session: Session
    barred: dict[str, bool] = field(default_factory=dict)  # by mailbox: no access
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def begin(self) -> None:
        """See how all is, and follow it from then on."""
        returns = "RETURN (STATUS (MESSAGES UNSEEN))"
        self.absorb(self.session.ok(f'LIST "" "*" {returns}'.encode()).untagged)
        self.absorb(self.session.ok(NOTIFY.encode()).untagged)

    def listen(self) -> None:
        """Hear what came unasked, and what comes with a command."""
        self.absorb(self.session.read())
        self.absorb(self.session.ok(b"NOOP").untagged)

    def absorb(self, responses: Iterable[Response]) -> None:
        """Take what it is told."""
        for one in responses:
            if isinstance(one, ListLine):
                self._listed(one)
            elif isinstance(one, StatusLine):
                assert self.barred.get(one.name) is False, "counters of what is hidden"
                known = self.counts[one.name]
                self.counts[one.name] = {k: one.items.get(k, known[k]) for k in known}

    def _listed(self, line: ListLine) -> None:
        for tag, value in line.extended:
            if tag == "OLDNAME":
                assert isinstance(value, tuple)
                (old,) = value
                assert isinstance(old, bytes)
                self._renamed(old.decode(), line.name)
        attributes = {attribute.upper() for attribute in line.attributes}
        barred = "\\NOACCESS" in attributes
        gone = attributes & {"\\NONEXISTENT", "\\NOSELECT"}
        if gone and not barred:
            self.barred.pop(line.name, None)
            self.counts.pop(line.name, None)
            return
        self.barred[line.name] = barred
        if barred:
            self.counts.pop(line.name, None)
        else:
            self.counts.setdefault(line.name, {"MESSAGES": 0, "UNSEEN": 0})

    def _renamed(self, old: str, new: str) -> None:
        for name in list(self.barred):
            if name == old or name.startswith(f"{old}/"):
                to = new + name[len(old) :]
                self.barred[to] = self.barred.pop(name)
                if name in self.counts:
                    self.counts[to] = self.counts.pop(name)
