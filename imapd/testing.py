"""An IMAP server inside your test, in a tenth of a second.

::

    import imaplib
    import imapd.testing

    def test_my_client():
        with imapd.testing.server() as server:
            client = imaplib.IMAP4(server.host, server.port)
            client.login(server.user, server.password)
            ...

It is the real server on its real store, in a temporary folder, listening on ports
of 127.0.0.1 that were free, with an event loop of its own in a thread of its own:
it meets neither your event loop nor another such server. Nothing is left behind.
"""

from __future__ import annotations

import queue
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imapd.config import (
    AuthSettings,
    Config,
    Listen,
    NamespaceSettings,
    ServerSettings,
    StoreSettings,
    TlsSettings,
)
from imapd.net.listen import Endpoint, open_endpoints
from imapd.net.selfsigned import make_certificate
from imapd.session.limits import Limits

if TYPE_CHECKING:
    from imapd.app import Application
    from imapd.net.loop import Loop

T = TypeVar("T")

GOODBYE_SECONDS = 0.05
"""Clients that a test left open have so long to read BYE."""
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that accepts connections until its `server` block ends.

    ``port`` speaks plain IMAP: LOGIN is allowed, STARTTLS offered. ``tls_port``
    speaks TLS with ``certificate``, a PEM file that a client can be told to trust.
    ``folder`` holds the store. ``also`` are the further addresses, as they were bound.
    """

    host: str
    port: int
    tls_port: int
    user: str
    password: str = field(repr=False)
    certificate: Path
    folder: Path
    also: tuple[Endpoint, ...]
    _thread: _ServerThread = field(repr=False, compare=False)

    def add_account(self, user: str, password: str) -> None:
        """Make another account. Raises `mailstore.errors.AlreadyExists`."""
        self._thread.add_account(user, password)


@contextmanager
def server(
    *,
    user: str = "user",
    password: str = "password",  # noqa: S107 - of an account in a test
    limits: Limits | None = None,
    folder: Path | None = None,
    also: Sequence[Listen] = (),
    namespaces: NamespaceSettings | None = None,
) -> Iterator[RunningServer]:
    """Run a server with one account for the length of a ``with`` block.

    ``folder`` keeps the store: a second server on it finds the mail of the first.
    Without it a temporary one is made, and removed afterwards. ``also`` are further
    addresses to listen on, as for LMTP. ``namespaces`` says what others' and removed
    mailboxes are called.
    """
    wanted = _Wanted(
        user, password, limits or Limits(), also, namespaces or NamespaceSettings()
    )
    if folder is not None:
        with _running(folder, wanted) as made:
            yield made
        return
    with (
        tempfile.TemporaryDirectory(prefix="imapd-") as temporary,
        _running(Path(temporary), wanted) as made,
    ):
        yield made


@dataclass(frozen=True, slots=True)
class _Wanted:
    user: str
    password: str = field(repr=False)
    limits: Limits
    also: Sequence[Listen]
    namespaces: NamespaceSettings


@contextmanager
def _running(folder: Path, wanted: _Wanted) -> Iterator[RunningServer]:
    tls = TlsSettings(folder / "certificate.pem", folder / "key.pem")
    assert tls.certificate is not None
    assert tls.key is not None
    if not tls.certificate.exists():
        make_certificate(tls.certificate, tls.key)
    config = Config(
        store=StoreSettings(path=folder / "store"),
        listen=(
            Listen(address=("127.0.0.1", 0), tls="starttls"),
            Listen(address=("127.0.0.1", 0), tls="implicit"),
            *wanted.also,
        ),
        tls=tls,
        # The least cost: a test does not wait for what guards stolen hashes.
        auth=AuthSettings(
            allow_plaintext_without_tls=True, bcrypt_cost=4, scram_iterations=4_096
        ),
        limits=wanted.limits,
        namespaces=wanted.namespaces,
        server=ServerSettings(workers=1),
    )
    (endpoints,) = open_endpoints(config.listen)
    thread = _ServerThread(config, endpoints, wanted.user, wanted.password)
    thread.begin()
    try:
        yield RunningServer(
            host="127.0.0.1",
            port=endpoints[0].bound[1],
            tls_port=endpoints[1].bound[1],
            user=wanted.user,
            password=wanted.password,
            certificate=tls.certificate,
            folder=folder,
            also=endpoints[2:],
            _thread=thread,
        )
    finally:
        thread.end()


class _ServerThread:
    """The thread that everything of one server lives in."""

    def __init__(
        self,
        config: Config,
        endpoints: tuple[Endpoint, ...],
        user: str,
        password: str,
    ) -> None:
        self._config = config
        self._endpoints = endpoints
        self._user = user
        self._password = password
        self._started: queue.Queue[BaseException | None] = queue.Queue()
        self._loop: Loop
        self._application: Application
        self._thread = threading.Thread(target=self._run, name="imapd", daemon=True)

    def begin(self) -> None:
        """Start, and wait until connections are accepted."""
        self._thread.start()
        error = self._started.get(timeout=_START_SECONDS)
        if error is not None:
            self._thread.join()
            raise error

    def end(self) -> None:
        """Stop, and wait until the store is closed."""
        self._loop.callFromThread(self._application.server.stop)
        self._thread.join()

    def add_account(self, user: str, password: str) -> None:
        """Make an account, if it isn't there."""
        self._call(lambda: self._make_account(user, password))

    def _make_account(self, user: str, password: str) -> None:
        self._application.store.directory.create(user, password.encode())

    def _call(self, work: Callable[[], T]) -> T:
        """Run ``work`` on the event thread and give its result or its error."""
        results: queue.Queue[tuple[T, None] | tuple[None, BaseException]]
        results = queue.Queue()

        def call() -> None:
            try:
                results.put((work(), None))
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                results.put((None, error))

        self._loop.callFromThread(call)
        value, error = results.get(timeout=_START_SECONDS)
        if error is not None:
            raise error
        return value  # type: ignore[return-value]

    def _run(self) -> None:
        from imapd.app import Application
        from imapd.net.loop import close_loop, new_loop

        try:
            self._loop = new_loop()
            self._application = Application(self._config, self._loop)
            if self._application.store.directory.find(self._user) is None:
                self._make_account(self._user, self._password)
        except BaseException as error:  # noqa: BLE001 - it is the test's
            self._started.put(error)
            return
        self._application.server.goodbye_seconds = GOODBYE_SECONDS
        self._application.server.listen(self._endpoints)
        self._loop.callLater(0, lambda: self._started.put(None))
        try:
            self._loop.run(installSignalHandlers=False)
        finally:
            self._application.close()
            close_loop(self._loop)
