"""Sessions of the real server core on a real store, without sockets.

::

    world = World(tmp_path)
    ann = world.session("ann")
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(0)]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from imapd.auth import AuthOptions, DirectoryAuthenticator, Elsewhere
from imapd.features import ALL
from imapd.session.admission import ConnectionAdmission
from imapd.session.connection import Connection
from imapd.session.context import Services
from imapd.session.credentials import NO_CHANNEL, Channel
from imapd.session.limits import Limits
from imapd.session.registry import Registry
from imapd.session.state import Peer
from mailstore.blobs import FileSystem
from mailstore.changes import ChangeBus, NoBus
from mailstore.model import Arrival
from mailstore.rights import parse_rights
from mailstore.service import Store, StoreOptions
from mailstore.service.rights_lists import Change, RightsLists
from tests.support.furnished import OPTIONS, furnish
from tests.support.response_parser import ResponseParser
from tests.support.responses import Continuation, Response, Status
from tests.support.stepping import SteppingRuntime
from tests.support.transport import MemoryTransport

T = TypeVar("T")
PASSWORD = b"open sesame"


@dataclass
class Log:
    """What was logged; a defect fails the test at once."""

    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    commands: bool = True
    answered: int = 0

    def event(self, kind: str, **facts: object) -> None:
        self.events.append((kind, facts))

    def failure(self, error: BaseException, **facts: object) -> str:
        raise AssertionError(f"a defect: {facts}") from error


class Droppable(Protocol):
    """A client of whatever kind."""

    def drop(self) -> None: ...


class World:
    """A store, its accounts and its sessions.

    A store that is ``fresh``, or on other ``files``, is made from nothing.
    """

    def __init__(
        self,
        path: Path,
        *names: str,
        limits: Limits | None = None,
        options: StoreOptions = OPTIONS,
        auth: AuthOptions | None = None,
        elsewhere: Elsewhere | None = None,
        bus: ChangeBus | None = None,
        files: FileSystem | None = None,
        fresh: bool = False,
    ) -> None:
        self.runtime = SteppingRuntime()
        self.limits = limits or Limits()
        if files is None and not fresh:
            furnish(path, names or ("ann",), PASSWORD, directory=options.directory)
        self.store = Store.open(
            path,
            self.runtime,
            options=options,
            bus=bus or NoBus(),
            files=files or FileSystem(),
        )
        for name in names or ("ann",):
            if self.store.directory.find(name) is None:
                self.store.directory.create(name, PASSWORD)
        self.log = Log()
        self.services = Services(
            registry=Registry.of(ALL),
            store=self.store,
            runtime=self.runtime,
            authenticator=DirectoryAuthenticator(
                self.store.directory,
                self.runtime,
                auth,
                elsewhere or Elsewhere(),
                event=self.log.event,
            ),
            admission=ConnectionAdmission(lambda: self.limits),
            limits=lambda: self.limits,
            log=self.log,
            server_name="imapd",
            version="1.2.3",
        )
        self.sessions: list[Droppable] = []  # that end with it

    def connect(self, **how: Any) -> Session:
        """Open a connection; nobody is logged in."""
        session = Session(self, **{"secure": True, **how})
        self.sessions.append(session)
        return session

    def session(self, name: str = "ann", mailbox: bytes | None = None) -> Session:
        """Open a connection, log in, and select a mailbox if one is named."""
        session = self.connect()
        session.ok(b"LOGIN %b {%d+}\r\n%b" % (name.encode(), len(PASSWORD), PASSWORD))
        if mailbox is not None:
            session.ok(b"SELECT " + mailbox)
        return session

    def deliver(
        self,
        *contents: bytes,
        to: str = "INBOX",
        name: str = "ann",
        binary: bool = False,
    ) -> tuple[int, ...]:
        """Put messages into a mailbox without a session."""

        async def work() -> tuple[int, ...]:
            found = self.store.directory.find(name)
            assert found is not None
            account = await self.store.account(found.id)
            done = await account.append(
                to, [Arrival(data, binary=binary) for data in contents]
            )
            await account.close()
            return done.uids

        return self.runtime.run(work())

    def share(
        self, mailbox: str, identifier: str, rights: str, owner: str | None = "ann"
    ) -> None:
        """Give an identifier rights; without an owner the mailbox is a public one."""

        async def work() -> None:
            found = None if owner is None else self.store.directory.find(owner)
            account = await (
                self.store.public() if found is None else self.store.account(found.id)
            )
            lists = RightsLists(self.store, account)
            if account.public and mailbox not in [
                entry.name for entry in await account.mailboxes()
            ]:
                await account.create(mailbox)
            await lists.change(
                mailbox, identifier, Change.REPLACE, parse_rights(rights)
            )
            await account.close()

        self.runtime.run(work())

    def close(self) -> None:
        for session in self.sessions:
            session.drop()
        self.store.close()


@dataclass(frozen=True)
class Answer:
    """What a session said to one command."""

    status: Status
    untagged: tuple[Response, ...]
    raw: bytes

    def of(self, kind: type[T]) -> list[T]:
        return [response for response in self.untagged if isinstance(response, kind)]

    @property
    def code(self) -> str | None:
        return None if self.status.code is None else self.status.code.name


class Session(MemoryTransport):
    """One client; its transport keeps what the server writes."""

    def __init__(
        self,
        world: World,
        *,
        secure: bool,
        starttls: bool = False,
        plaintext_login: bool = False,
        address: str = "192.0.2.1",
        channel: Channel = NO_CHANNEL,
    ) -> None:
        super().__init__(world.runtime, secure=secure, channel=channel)
        self._world = world
        self._parser = ResponseParser()
        self._late: list[Response] = []  # came behind a tagged response
        self._number = 0
        self.compressed = False
        self.connection = Connection(
            world.services,
            self,
            Peer(address),
            secure=secure,
            starttls=starttls,
            plaintext_login=plaintext_login,
        )
        self.connection.start()
        self.greeting = self.read()[0]

    # -- the transport

    def write(self, data: bytes) -> None:
        super().write(data)
        self._parser.feed(data)

    def start_compression(self) -> None:
        self.compressed = True

    def stop_inflating(self) -> None:
        assert self.compressed

    def stop_deflating(self) -> None:
        self.compressed = False

    # -- the client

    def drop(self) -> None:
        """The connection breaks."""
        self.connection.closed()

    def read(self) -> list[Response]:
        """Give the responses that are there, strictly parsed."""
        found, self._late = self._late, []
        while (response := self._parser.next()) is not None:
            found.append(response)
        assert not self._parser.pending, self._parser.pending[:200]
        return found

    def feed(self, data: bytes) -> list[Response]:
        """Send octets; gives what the server says then."""
        self.connection.receive(data)
        return self.read()

    def run(self, command: bytes) -> Answer:
        """Send a whole command, literals without waiting; gives its answer."""
        self._number += 1
        tag = f"t{self._number}"
        self.raw = b""
        found = self.feed(b"%b %b\r\n" % (tag.encode(), command))
        ends = [one for one in found if isinstance(one, Status)]
        assert ends, f"no answer: {found}"
        last = ends[-1]
        if last.kind != "BYE":  # a BYE behind the tagged response ends the session
            last = next(one for one in ends if one.tag == tag)
        at = found.index(last)
        self._late = found[at + 1 :]
        return Answer(last, tuple(found[:at]), self.raw)

    def ok(self, command: bytes) -> Answer:
        answer = self.run(command)
        assert answer.status.kind == "OK", answer.status
        return answer

    def no(self, command: bytes, code: str | None = None) -> Answer:
        answer = self.run(command)
        assert answer.status.kind == "NO", answer.status
        assert answer.code == code, answer.status
        return answer

    def bad(self, command: bytes) -> Answer:
        answer = self.run(command)
        assert answer.status.kind == "BAD", answer.status
        return answer

    def begin(self, command: bytes) -> list[Response]:
        """Send a command that goes on; gives what comes up to its continuation."""
        self._number += 1
        found = self.feed(b"t%d %b\r\n" % (self._number, command))
        assert any(isinstance(one, Continuation) for one in found), found
        return found

    def append(self, mailbox: bytes, message: bytes, head: bytes = b"") -> Answer:
        """Append a message; gives the answer."""
        return self.run(
            b"APPEND %b %b{%d+}\r\n%b" % (mailbox, head, len(message), message)
        )


class SessionPeer:
    """A session, as a transcript has its peers (`TranscriptPeer`)."""

    waits = False

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def closed(self) -> bool:
        return self._session.closed

    def receive(self, data: bytes) -> None:
        self._session.connection.receive(data)

    def take_output(self) -> bytes:
        found, self._session.raw = self._session.raw, b""
        return found
