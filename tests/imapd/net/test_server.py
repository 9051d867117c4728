"""A worker's ports and its orderly end, over real sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from imapd.config import Listen
from imapd.net import server as server_module
from imapd.net.door import Door
from imapd.net.lanes import TwistedRuntime
from imapd.net.listen import open_endpoints
from imapd.net.loop import close_loop, new_loop
from imapd.net.server import Server
from imapd.session.context import Context
from imapd.session.limits import Limits
from imapd.session.registry import Completed, Feature, Registry, States
from imapd.session.words import Bare, bare
from tests.imapd.net.sessions import make_services

pytestmark = pytest.mark.net


class Running:
    """A server in a thread, and the clients of a test."""

    def __init__(self, *features: Feature) -> None:
        self.loop = new_loop()
        self.errors: list[BaseException] = []
        self.runtime = TwistedRuntime(self.loop, lambda e, _: self.errors.append(e))
        services, admission, self.log = make_services(self.runtime, Limits())
        if features:
            registry = Registry.of([*services.registry.features, *features])
            object.__setattr__(services, "registry", registry)
        self.server = Server(self.loop, self.runtime, Door(services, admission))
        (self.endpoints,) = open_endpoints(
            [Listen(address=("127.0.0.1", 0), tls="none")]
        )
        self.server.listen(self.endpoints)
        self.thread = threading.Thread(
            target=lambda: self.loop.run(installSignalHandlers=False)
        )
        self.thread.start()

    def connect(self) -> Any:
        client = socket.create_connection(self.endpoints[0].bound, timeout=20)
        with client:
            file = client.makefile("rwb", buffering=0)
        assert file.readline().startswith(b"* OK ")
        return file

    def stop(self) -> None:
        self.loop.callFromThread(self.server.stop)

    def wait(self) -> None:
        self.thread.join(30)
        assert not self.thread.is_alive()
        self.runtime.close()
        close_loop(self.loop)


@contextmanager
def running(*features: Feature) -> Iterator[Running]:
    server = Running(*features)
    try:
        yield server
    finally:
        server.stop()
        server.wait()
    assert server.errors == []


def test_stopping_says_bye_to_every_session_and_refuses_new_ones():
    with running() as server:
        clients = [server.connect() for _ in range(20)]
        server.stop()
        for client in clients:
            assert (
                client.readline() == b"* BYE [UNAVAILABLE] the server is stopping\r\n"
            )
            assert client.read() == b""
            client.close()
        server.wait()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.endpoints[0].bound, timeout=20)


def test_a_client_that_does_not_close_cannot_hold_up_the_end():
    with running() as server:
        server.server.goodbye_seconds = 0.05
        client = server.connect()
        server.stop()
        server.wait()
        client.close()


def test_a_client_that_reads_nothing_cannot_hold_up_the_end():
    with running() as server:
        server.server.goodbye_seconds = 0.05
        client = server.connect()
        client.write(b"a1 MUCH\r\n")
        client.readline()
        server.stop()
        server.wait()
        client.close()


def test_a_running_command_may_end_before_the_loop_does():
    began, release, ended = threading.Event(), threading.Event(), threading.Event()

    async def run_slow(context: Context, _: Bare) -> Completed:
        from mailstore.lanes import Pool, in_pool

        began.set()
        await in_pool(context.services.runtime, Pool.WRITE, release.wait)
        ended.set()
        return Completed("slow")

    slow = Feature("SLOW", (), commands=(bare("SLOW", run_slow, States.ANY, "x"),))
    with running(slow) as server:
        server.server.goodbye_seconds = 0.01
        client = server.connect()
        client.write(b"a1 SLOW\r\n")
        assert began.wait(20)
        server.stop()
        client.close()
        release.set()
        server.wait()
        assert ended.is_set()


def test_a_command_that_never_ends_is_left(monkeypatch):
    monkeypatch.setattr(server_module, "FINISH_SECONDS", 0.05)

    async def run_never(context: Context, _: Bare) -> Completed:
        await context.services.runtime.future()
        return Completed("never")

    never = Feature("NEVER", (), commands=(bare("NEVER", run_never, States.ANY, "x"),))
    with running(never) as server:
        server.server.goodbye_seconds = 0.01
        client = server.connect()
        client.write(b"a1 NEVER\r\n")
        server.stop()
        server.wait()
        client.close()


def test_a_thousand_clients_come_and_go():
    with running() as server:
        for _ in range(20):
            clients = [server.connect() for _ in range(50)]
            for client in clients:
                client.write(b"a1 NOOP\r\na2 LOGOUT\r\n")
            for client in clients:
                assert client.read().endswith(b"a2 OK LOGOUT completed\r\n")
                client.close()
