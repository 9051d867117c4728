"""What a command's handler gets to work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from imapd.session.at_work import AtWork
from imapd.session.credentials import Authenticator, Client
from imapd.session.faults import Bad
from imapd.session.kept_lines import KeptLines
from imapd.session.limits import Limits
from imapd.session.memo import Memo
from imapd.session.registry import Registry
from imapd.session.reply import Reply
from imapd.session.responses import status
from imapd.session.state import Selected, SessionState
from mailstore.errors import StoreError
from mailstore.lanes import Runtime
from mailstore.model import AccountId
from mailstore.service import Access, Store


class Admission(Protocol):
    """Counts connections against the limits per address and account."""

    def login(self, account: AccountId, address: str) -> bool:
        """Count a session of an account; False when it has too many."""
        ...

    def logout(self, account: AccountId, address: str) -> None:
        """Take the session off the count."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What all sessions of a worker share. ``limits`` is asked for each time."""

    registry: Registry
    store: Store
    runtime: Runtime
    authenticator: Authenticator
    admission: Admission
    limits: Callable[[], Limits]
    log: SessionLog
    server_name: str = "imapd"
    version: str = ""
    contact: str = ""  # a URI by which the administrator is reached
    referrals: Mapping[str, str] = field(default_factory=dict)  # names to servers
    downgrade_headers: bool = True  # for clients that have not asked for UTF-8
    at_work: AtWork = field(default_factory=AtWork)
    kept_lines: KeptLines = field(default_factory=KeptLines)
    greetings: Memo[tuple[object, ...], tuple[Limits, bytes]] = field(
        default_factory=lambda: Memo(64)
    )
    run: int = 0  # which of the processes that the supervisor started this is


class SessionLog(Protocol):
    """Takes what an administrator may want to know; never a secret.

    ``commands``: whether facts of each command are wanted, as events; else those that
    were answered are counted, as ``answered``.
    """

    commands: bool
    answered: int

    def event(self, kind: str, **facts: object) -> None:
        """Log one event of one session with its facts."""
        ...

    def failure(self, error: BaseException, **facts: object) -> str:
        """Log an unexpected error with its traceback; gives an id for the client."""
        ...


class Input(Protocol):
    """The lines that a running command may still get from its client."""

    def next_line(self) -> bytes | None:
        """Give the client's next line if it is here.

        Raises `Bad` when it is no plain line, `Bye` when it is hostile.
        """
        ...

    def wait(self) -> Awaitable[None]:
        """Wait for more bytes or for `wake`; raises `ConnectionGone`."""
        ...

    def wake(self) -> None:
        """End the `wait` of this connection; usable as a watcher."""
        ...

    @property
    def buffered(self) -> int:
        """Unread bytes that are here already."""
        ...

    def peek(self, most: int) -> bytes:
        """Give the first of these bytes, ``most`` of them, without taking them.

        They may be commands, parts of them or of literals: a hint, no more.
        """
        ...

    @property
    def gone(self) -> bool:
        """Whether nobody waits for an answer any more; any thread may ask."""
        ...


@dataclass(slots=True)
class Context:
    """One connection, as its running command sees it."""

    services: Services
    session: SessionState
    reply: Reply
    input: Input
    start_tls: Callable[[], None]
    start_compression: Callable[[], None]
    stop_inflating: Callable[[], None]
    stop_deflating: Callable[[], None]
    log_out: Callable[[], Awaitable[None]]  # the connection goes on
    end: Callable[[], None]  # close once everything is sent
    tag: bytes = b""
    heard: float = 0.0  # when the client last heard how far the running command is
    far: tuple[int, int] = (0, 0)  # steps that it has done, and all; 0: not known
    counts_by_number: bool = False  # the running command does: no EXPUNGE during it
    arriving: Any = None  # what a literal policy notes of the command that comes

    @property
    def registry(self) -> Registry:
        """The enabled features."""
        return self.services.registry

    @property
    def account(self) -> Access:
        """The account that is logged in, and what it reaches of others."""
        if self.session.account is None:
            raise Bad("log in first")
        return self.session.account

    @property
    def is_admin(self) -> bool:
        """Whether an administrator is here, for himself or for somebody else."""
        if self.session.admin is not None:
            return True
        row = self.services.store.directory.by_id(self.account.id)
        return row is not None and row.admin

    @property
    def client(self) -> Client:
        """Who is there, for a login."""
        session = self.session
        return Client(session.peer.address, session.channel(), id=session.id)

    @property
    def selected(self) -> Selected:
        """The selected mailbox and the view of it."""
        if self.session.selected is None:
            raise Bad("select a mailbox first")
        return self.session.selected

    async def line(self) -> bytes:
        """Wait for the client's next line, in the middle of a command."""
        while (line := self.input.next_line()) is None:
            await self.input.wait()
        return line

    async def challenge(self, text: bytes) -> bytes:
        """Send a continuation request and wait for the answer."""
        self.reply.continuation(text)
        return await self.line()

    def progress(self, done: int, total: int) -> None:
        """Say how much of the running command is done, to who may tell the client."""
        self.far = (done, total)
        for tell in self.registry.progress:
            tell(self, done, total)

    def status(self, kind: bytes, text: str, code: str | None = None) -> bytes:
        """Render an untagged OK, NO or BYE without ``* ``, in the client's language."""
        return status(kind, text, code, self.session.telling.language)

    def at_work(self) -> Working:
        """Wait for the store in a ``with`` block, with no response half written.

        The client hears now and then that the command goes on, and how far it was when
        that was last known.
        """
        return Working(self)

    async def note_added(self, mailbox: str) -> None:
        """Say that the running command has added messages to a mailbox.

        They are stored: nothing that goes wrong now may make a NO of it.
        """
        try:
            for hear in self.registry.added:
                await hear(self, mailbox)
        except StoreError as error:
            self.services.log.event("store", error=str(error), id=self.session.id)

    async def deselect(self) -> None:
        """Leave the selected mailbox without expunging (RFC 3691 §2)."""
        selected, self.session.selected = self.session.selected, None
        if selected is not None:
            await selected.mailbox.close()

    async def give_account_back(self) -> None:
        """Leave the account and what is selected of it; nobody is logged in then."""
        session = self.session
        account, session.account = session.account, None
        watch, session.watch = session.watch, None
        if watch is not None:
            watch.end()
        try:
            await self.deselect()
        finally:
            if account is not None:
                self.services.admission.logout(account.id, session.peer.address)
                await account.close()


class Working:
    """One wait of a command for the store; see `Context.at_work`."""

    __slots__ = ("_context", "_key")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._key = 0

    def __enter__(self) -> None:
        services = self._context.services
        self._key = services.at_work.begin(services.runtime, self._tell)

    def __exit__(self, *_: object) -> None:
        self._context.services.at_work.end(self._key)

    def _tell(self) -> None:
        self._context.progress(*self._context.far)
