"""How one worker tells the others that a mailbox has changed.

A notice is a hint: "mailbox 7 of this account is now at mod-sequence 4711". It may
be lost; receivers compare mod-sequences at every command boundary anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import NamedTuple, Protocol

from mailstore.model import AccountId, Acting, MailboxId

actor: ContextVar[object | None] = ContextVar("actor", default=None)
"""For whom a coroutine runs, if that is of interest: what it commits is marked so, and
who caused a change need not be told of it. Every spawned coroutine has its own."""


acting: ContextVar[Callable[[], Acting | None] | None] = ContextVar(
    "acting", default=None
)
"""Gives the session for which a coroutine runs, as it is noted beside a removal."""


def who_acts() -> Acting | None:
    """Give the session for which the running coroutine works, if it is one."""
    tell = acting.get()
    return None if tell is None else tell()


class ChangeNotice(NamedTuple):
    """A mailbox's new mod-sequence; mailbox 0 means the account's list of names."""

    account: AccountId
    mailbox: MailboxId
    modseq: int


class ChangeBus(Protocol):
    """Carries notices between the workers of one server."""

    def publish(self, notice: ChangeNotice) -> None:
        """Tell the other workers; on the event thread. Never blocks, never raises."""
        ...

    def subscribe(self, receive: Callable[[ChangeNotice], None]) -> None:
        """Have ``receive`` called on the event thread for notices of other workers."""
        ...

    def close(self) -> None:
        """Hear and tell nothing more."""
        ...


class NoBus:
    """The bus of a server with one worker: there is nobody else to tell."""

    def publish(self, notice: ChangeNotice) -> None:
        """Drop the notice."""

    def subscribe(self, receive: Callable[[ChangeNotice], None]) -> None:
        """Nothing will come."""

    def close(self) -> None:
        """Nothing is open."""
