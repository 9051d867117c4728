"""Commits of an account's own lane that its memory has not heard of yet."""

from __future__ import annotations

from mailstore.index.records import Delta


class OnItsWay:
    """By mailbox: the mod-sequences before and behind what is on its way to memory.

    Written under the lane's lock; the event thread reads one entry at a time.
    """

    __slots__ = ("_mailboxes",)

    def __init__(self) -> None:
        self._mailboxes: dict[int, tuple[int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._mailboxes)

    def announce(self, delta: Delta) -> None:
        """Note a change before others can read it."""
        since, modseq = self._mailboxes.get(delta.mailbox, (0, -1))
        since = since if modseq == delta.base else delta.base
        self._mailboxes[delta.mailbox] = since, delta.modseq

    def arrived(self, delta: Delta) -> None:
        """Note that memory hears of a change; others may be behind it."""
        if self._mailboxes.get(delta.mailbox, (0, -1))[1] == delta.modseq:
            del self._mailboxes[delta.mailbox]

    def clear(self) -> None:
        """Note that what was announced is not committed."""
        self._mailboxes.clear()

    def brings(self, mailbox: int, since: int, highest: int) -> bool:
        """Tell whether all that is new in a mailbox since ``since`` is on its way.

        What another process committed before it is not, and one that died told nobody.
        """
        first, last = self._mailboxes.get(mailbox, (0, -1))
        return last == highest and first <= since
