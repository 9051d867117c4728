"""One session over a mailbox in memory, without a connection.

::

    peer = Peer(World())
    answer = peer.run(b"FETCH 1 FLAGS")
    assert answer.status.kind == "OK" and answer.of(Fetch)
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from imapd.features import ALL
from imapd.session.context import Context, Services
from imapd.session.dispatch import run_frame
from imapd.session.limits import Limits
from imapd.session.registry import Registry
from imapd.session.reply import Reply
from imapd.session.state import Peer as PeerAddress
from imapd.session.state import Selected, SessionState
from imapd.session.view import View
from imapd.wire.framing import Frame, Literal
from mailstore.lanes import InlineRuntime, Pool
from tests.imapd.commands.memory_store import MemoryMailbox, World
from tests.support.parsing import parse, parse_frame
from tests.support.response_parser import ResponseParser
from tests.support.responses import Fetch, Response, Status

T = TypeVar("T")

REGISTRY = Registry.of(ALL)


class Log:
    """Keeps what was logged."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self.commands = True
        self.answered = 0

    def event(self, kind: str, **facts: object) -> None:
        self.events.append((kind, facts))

    def failure(self, error: BaseException, **facts: object) -> str:
        raise AssertionError(f"a defect: {facts}") from error


class CountingRuntime(InlineRuntime):
    """Runs everything at once, and remembers where it ought to have run."""

    def __init__(self) -> None:
        self.pools: list[Pool] = []

    def start(self, pool: Pool, work: Callable[[], None]) -> None:
        self.pools.append(pool)
        super().start(pool, work)


class Wire:
    """A transport that keeps what was written, piece by piece."""

    secure = True

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.slow = False
        self.waits = 0

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def room(self) -> Awaitable[None]:
        self.waits += 1
        future = InlineRuntime().future()
        future.succeed(None)
        return future

    def crowded(self) -> bool:
        return self.slow


@dataclass(frozen=True, slots=True)
class Answer:
    """What a session said to one command."""

    status: Status
    untagged: tuple[Response, ...]
    raw: bytes

    def of(self, kind: type[T]) -> list[T]:
        return [response for response in self.untagged if isinstance(response, kind)]

    @property
    def fetch(self) -> Fetch:
        """The one FETCH response."""
        (found,) = self.of(Fetch)
        return found

    @property
    def fetches(self) -> dict[int, dict[str, Any]]:
        """Items by message number, when each message is told once."""
        found = {fetch.number: dict(fetch.items) for fetch in self.of(Fetch)}
        assert len(found) == len(self.of(Fetch))
        return found


def frame(text: bytes, literals: Sequence[bytes] = ()) -> Frame:
    """Make a frame of a command in which ``{}`` stands for each literal."""
    sizes = iter(literals)
    text = re.sub(rb"\{\}", lambda _: b"{%d}\r\n" % len(next(sizes)), text)
    return Frame(text, tuple(Literal(len(data), data) for data in literals))


class Peer:
    """A session with a mailbox selected."""

    def __init__(
        self,
        world: World,
        name: str = "INBOX",
        *,
        readonly: bool = False,
        batch: int = 512,
        limits: Limits | None = None,
    ) -> None:
        self.wire = Wire()
        self.log = Log()
        self.runtime = CountingRuntime()
        self.ended = False
        self.mailbox = MemoryMailbox(
            world, world.box(name), readonly=readonly, batch=batch
        )
        nothing = cast("Any", None)
        mailbox = cast("Any", self.mailbox)
        self.session = SessionState(
            peer=PeerAddress("192.0.2.1"), id="1", account=cast("Any", world)
        )
        self.view = View(mailbox, self.session.telling)
        self.session.selected = Selected(mailbox, self.view)
        chosen = limits or Limits()
        services = Services(
            registry=REGISTRY,
            store=nothing,
            runtime=self.runtime,
            authenticator=nothing,
            admission=nothing,
            limits=lambda: chosen,
            log=self.log,
        )
        self.context = Context(
            services=services,
            session=self.session,
            reply=Reply(cast("Any", self.wire)),
            input=nothing,
            start_tls=lambda: None,
            start_compression=lambda: None,
            stop_inflating=lambda: None,
            stop_deflating=lambda: None,
            log_out=nothing,
            end=self._end,
        )

    def _end(self) -> None:
        self.context.reply.flush()
        self.ended = True

    async def _answer(self, whole: Frame) -> str:
        outcome = run_frame(self.context, whole, self.runtime.monotonic())
        return outcome if isinstance(outcome, str) else await outcome

    def send(self, text: bytes, *literals: bytes) -> bytes:
        """Run a command; gives the octets of the answer."""
        self.wire.writes.clear()
        try:
            InlineRuntime().run(self._answer(frame(b"t " + text, literals)))
        finally:
            self.context.reply.flush()
        return b"".join(self.wire.writes)

    def run(self, text: bytes, *literals: bytes) -> Answer:
        """Run a command; gives its answer, strictly parsed."""
        raw = self.send(text, *literals)
        parser = ResponseParser()
        parser.feed(raw)
        found: list[Response] = []
        while (response := parser.next()) is not None:
            found.append(response)
        assert not parser.pending, parser.pending[:200]
        last = found.pop()
        assert isinstance(last, Status)
        assert last.tag == "t"
        return Answer(last, tuple(found), raw)

    def ok(self, text: bytes, *literals: bytes) -> Answer:
        """Run a command that has to end OK."""
        answer = self.run(text, *literals)
        assert answer.status.kind == "OK", answer.status
        return answer


def parsed(text: bytes, *literals: bytes, utf8: bool = False) -> Any:
    """Parse a command without its tag. Raises `Bad`."""
    return parse_frame(REGISTRY, frame(b"t " + text, literals), utf8=utf8)


def parsed_frame(text: bytes) -> Any:
    """Parse a command without its tag that has its literals within. Raises `Bad`."""
    return parse(REGISTRY, text)


def unparsed(name: str, node: Any) -> bytes:
    """Write a node by its command's inverse."""
    return REGISTRY.commands[name].unparse(node)


def reparsed(name: str, node: Any) -> Any:
    """Write a node, frame what was written as a server does, and parse it again."""
    return parse(REGISTRY, unparsed(name, node))
