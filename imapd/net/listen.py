"""Listening sockets: opened before anything else, handed to who accepts.

Sockets are opened by the process that was started, so that a port that is taken is
told at once and in words, and so that no connection is lost while a worker starts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imapd.config import Listen, unix_path, write_address

BACKLOG = 1_024


class AddressError(Exception):
    """An address cannot be listened on; the text says which, and why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A listening socket by its descriptor, and what is to be spoken there.

    ``bound`` is where it really listens: the port is known even if 0 was asked for.
    ``proxy_from``: networks of the proxies that connections come through, if they do;
    ``allow_from``: those of the clients that are served, if not all are.
    """

    protocol: str
    tls: str
    bound: tuple[str, int]
    family: int
    descriptor: int
    proxy_from: tuple[str, ...] = ()
    allow_from: tuple[str, ...] = ()

    @property
    def ready(self) -> str:
        """Its part of the ``ready`` line, as ``imaps=127.0.0.1:1993``."""
        name = f"{self.protocol}s" if self.tls == "implicit" else self.protocol
        return f"{name}={write_address(*self.bound)}"


def open_endpoints(
    listens: Iterable[Listen], copies: int = 1
) -> tuple[tuple[Endpoint, ...], ...]:
    """Open every address, once for each of ``copies`` workers.

    With several copies the kernel spreads the connections over them. Gives one
    tuple of endpoints per copy. Raises `AddressError`; nothing stays open then.
    """
    opened: list[socket.socket] = []
    rows: list[list[Endpoint]] = [[] for _ in range(copies)]
    text = ""
    try:
        for listen in listens:
            text = listen.text
            for row, made in zip(rows, _open(listen, copies, opened), strict=True):
                bound = listen.address
                if made.family != socket.AF_UNIX:
                    bound = made.getsockname()[:2]
                row.append(
                    Endpoint(
                        listen.protocol,
                        listen.tls,
                        bound,
                        int(made.family),
                        made.fileno(),
                        listen.proxy_from,
                        listen.allow_from,
                    )
                )
    except OSError as error:
        for made in opened:
            made.close()
        why = error.strerror or str(error)
        raise AddressError(f"cannot listen on {text}: {why}") from error
    for made in opened:
        made.detach()  # the descriptors live on in the endpoints
    return tuple(tuple(row) for row in rows)


def _open(
    listen: Listen, copies: int, opened: list[socket.socket]
) -> Sequence[socket.socket]:
    host, port = listen.address
    path = unix_path(host)
    if path is not None:
        return _open_unix(path, listen, copies, opened)
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, _, _, _, address = found[0]
    if copies > 1 and port != 0:
        # Sockets that share a port also share it with a second server that somebody
        # starts by mistake: a socket that doesn't share finds out first.
        with _bind(family, address, shared=False):
            pass
    made: list[socket.socket] = []
    for _ in range(copies):
        one = _bind(family, address, shared=copies > 1)
        opened.append(one)
        made.append(one)
        address = one.getsockname()  # the others get the port that the first got
    for one in made:
        # Linux hands both on to what is accepted. Answers are whole when they are
        # written: waiting for more to send along costs clients 40 ms on most commands.
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # as IDLE needs
        one.listen(BACKLOG)
    return made


def _open_unix(
    path: str, listen: Listen, copies: int, opened: list[socket.socket]
) -> Sequence[socket.socket]:
    """Listen on a unix socket; all workers accept from the same one.

    It gets its name when it has its owner and permissions. A socket that is left from
    a server that was killed gives way, one that accepts does not.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        tried.setblocking(False)
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            tried.connect(path)
            raise OSError(errno.EADDRINUSE, "another server listens there")
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.append(made)
    made.setblocking(False)
    fresh = os.path.join(os.path.dirname(path), f".{secrets.token_hex(4)}")
    made.bind(fresh)
    try:
        if listen.socket_group:
            shutil.chown(fresh, group=listen.socket_group)
        os.chmod(fresh, int(listen.socket_mode, 8))
        made.listen(BACKLOG)
        os.rename(fresh, path)
    except LookupError as error:
        raise OSError(errno.EINVAL, f"there is no such group: {error}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
    copied = [made.dup() for _ in range(copies - 1)]
    opened += copied
    return [made, *copied]


def _bind(family: int, address: tuple[object, ...], *, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made


def ready_line(endpoints: Iterable[Endpoint]) -> str:
    """Write the line that tells scripts where the server listens."""
    return " ".join(["ready", *(endpoint.ready for endpoint in endpoints)])
