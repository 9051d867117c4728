"""Who wants to know that people may see other mailboxes than a moment ago."""

from __future__ import annotations

from collections.abc import Callable

from mailstore.changes import ChangeBus, ChangeNotice
from mailstore.lanes import Runtime
from mailstore.model import AccountId, MailboxId

_NAMES, _LISTS = MailboxId(0), 1


class Shares:
    """Wakes those who follow others' mailboxes, when a list of rights has changed.

    Only a hint, as all notices are: what they may see they find out by looking. Event
    thread only.
    """

    def __init__(self, runtime: Runtime, bus: ChangeBus) -> None:
        self._runtime = runtime
        self._bus = bus
        self._watchers: dict[object, Callable[[], None]] = {}
        self._version = -1

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` when lists of any owner may have changed; gives its end."""
        key = object()
        self._watchers[key] = wake

        def end() -> None:
            self._watchers.pop(key, None)

        return end

    def changed(self, owner: AccountId) -> None:
        """Say that a list of an owner has changed, here and to other workers."""
        self._bus.publish(ChangeNotice(owner, _NAMES, _LISTS))
        self._wake()

    def noticed(self, notice: ChangeNotice) -> None:
        """Hear of another worker's commit, of whatever kind."""
        if notice.mailbox == _NAMES and notice.modseq == _LISTS:
            self._wake()

    def compare(self, version: int) -> None:
        """Take note of the directory's version: who is in which group may differ."""
        before, self._version = self._version, version
        if before not in (-1, version):
            self._wake()

    def _wake(self) -> None:
        for wake in tuple(self._watchers.values()):
            # One by one, with the sockets' turn in between when they are many.
            self._runtime.deliver(wake)
