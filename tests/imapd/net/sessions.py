"""What sessions share, without a store: enough for connections to talk."""

from typing import Any, cast

from imapd.commands.capability import FEATURE
from imapd.net.lanes import TwistedRuntime
from imapd.session.admission import ConnectionAdmission
from imapd.session.context import Context, Services
from imapd.session.limits import Limits
from imapd.session.registry import Completed, Feature, Registry, States
from imapd.session.words import Bare, bare


class ListLog:
    """The log as a list of (kind, facts)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self.commands = True
        self.answered = 0

    def event(self, kind: str, **facts: object) -> None:
        self.events.append((kind, facts))

    def failure(self, error: BaseException, **facts: object) -> str:
        self.events.append(("failure", {"error": error, **facts}))
        return "mark"

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]


class NoMechanisms:
    """Nobody logs in here."""

    def mechanisms(self, channel: object) -> tuple[str, ...]:
        return ()

    def login(self, credentials: Any, client: Any) -> Any:
        raise NotImplementedError

    def digest(self, stamp: bytes, answer: Any) -> Any:
        raise NotImplementedError

    def exchange(self, mechanism: str, client: Any) -> Any:
        raise KeyError(mechanism)


async def run_secure(context: Context, _: Bare) -> Completed:
    return Completed("begin TLS", then=context.start_tls)


async def run_squeeze(context: Context, _: Bare) -> Completed:
    return Completed("squeezed", then=context.start_compression)


async def run_much(context: Context, _: Bare) -> Completed:
    """Answer with 8 MB, waiting for room as a long answer does."""
    for _number in range(1_000):
        context.reply.write(b"* " + b"x" * 7_996 + b"\r\n")
        await context.reply.room()
    return Completed("that was much")


async def run_some(context: Context, _: Bare) -> Completed:
    """Answer with 60 KB, which is too little to wait for room."""
    context.reply.write(b"* " + b"x" * 60_000 + b"\r\n")
    return Completed("that was some")


TRIAL = Feature(
    name="TRIAL",
    rfc=(),
    commands=(
        bare("SECURE", run_secure, States.ANY, "RFC 3501 §6.2.1"),
        bare("SQUEEZE", run_squeeze, States.ANY, "RFC 4978 §3"),
        bare("MUCH", run_much, States.ANY, "RFC 3501 §7"),
        bare("SOME", run_some, States.ANY, "RFC 3501 §7"),
    ),
)


def make_services(
    runtime: TwistedRuntime, limits: Limits
) -> tuple[Services, ConnectionAdmission, ListLog]:
    admission = ConnectionAdmission(lambda: limits)
    log = ListLog()
    nothing = cast("Any", None)
    services = Services(
        registry=Registry.of([FEATURE, TRIAL]),
        store=nothing,
        runtime=runtime,
        authenticator=NoMechanisms(),
        admission=admission,
        limits=lambda: limits,
        log=log,
        server_name="trial",
    )
    return services, admission, log
