"""What a session remembers between commands (RFC 3501 §3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from imapd.session.credentials import NO_CHANNEL, Channel
from imapd.session.limits import Limits
from imapd.session.registry import States
from imapd.session.telling import Telling
from imapd.session.view import View
from imapd.session.watching import Watch
from mailstore.model import Acting
from mailstore.query import DEFAULT_COMPARATOR, Comparator
from mailstore.service import Access, Mailbox


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connects, for limits and logs."""

    address: str


class Selected(NamedTuple):
    """The selected mailbox and the session's view of it."""

    mailbox: Mailbox
    view: View
    written: bytes = b""  # the name, as the client wrote it


_OF_THE_CONNECTION = frozenset(
    {
        "peer",
        "id",
        "secure",
        "plaintext_login",
        "channel",
        "offered",
        "starttls",
        "refers",
        "compressed",
        "login_failures",
        "limits",
        "client_id",
    }
)
"""What stays when somebody else logs in; all the rest was one person's."""


@dataclass(slots=True)
class SessionState:
    """Who is there, what is selected, what was enabled."""

    peer: Peer
    id: str
    secure: bool = False
    plaintext_login: bool = False  # the configuration allows LOGIN without TLS
    channel: Callable[[], Channel] = lambda: NO_CHANNEL  # as TLS knows it by now
    offered: Callable[[Channel], tuple[str, ...]] = lambda _: ()  # SASL mechanisms
    starttls: bool = False  # the listener offers it
    refers: bool = False  # some people's mail is on other servers
    compressed: bool = False  # by a COMPRESS of this connection
    account: Access | None = None
    user: str = ""  # whose account it is
    admin: str | None = None  # who acts for them
    login_failures: int = 0
    selected: Selected | None = None
    watch: Watch | None = None  # what the client has asked to be told
    enabled: set[str] = field(default_factory=set)
    asked: bool = False  # by a parameter of SELECT, to be told more than is usual
    telling: Telling = field(default_factory=Telling)
    limits: Callable[[], Limits] = Limits
    comparator: Comparator = DEFAULT_COMPARATOR  # of texts in SEARCH, SORT, THREAD
    notes: dict[str, object] = field(default_factory=dict)  # of features, by name
    client_id: tuple[tuple[str, str | None], ...] = ()

    def forget(self) -> None:
        """Be as before the login (RFC 8437 §4.1)."""
        fresh = SessionState(self.peer, self.id)
        for spec in dataclasses.fields(self):
            if spec.name not in _OF_THE_CONNECTION:
                setattr(self, spec.name, getattr(fresh, spec.name))

    @property
    def state(self) -> States:
        """The state of RFC 3501 §3."""
        if self.account is None:
            return States.NOT_AUTHENTICATED
        if self.selected is None:
            return States.AUTHENTICATED
        return States.SELECTED

    def acting(self, since: int) -> Acting | None:
        """Tell whose removals these are (`mailstore.changes.acting`).

        ``since``: when the session began.
        """
        if self.account is None:
            return None
        named = {key.lower(): value or "" for key, value in self.client_id}
        return Acting(
            self.id,
            since,
            self.user if self.admin is None else self.admin,
            self.peer.address,
            f"{named.get('name', '')} {named.get('version', '')}".strip(),
        )

    @property
    def asking(self) -> bool:
        """Whether the client has asked for anything that isn't usual."""
        return bool(self.enabled) or self.watch is not None or self.asked

    @property
    def may_login_now(self) -> bool:
        """Whether a password may cross this connection (RFC 3501 §6.2.3)."""
        return self.secure or self.plaintext_login

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The SASL mechanisms that may be used now, best first."""
        if self.account is not None or not self.may_login_now:
            return ()
        return self.offered(self.channel())
