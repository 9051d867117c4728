"""The control sockets: how the command line speaks to the processes of a server.

Every worker listens on a unix socket of its own in ``<store>/control``, so that
there is no port, no password and nobody in between: who may use the folder (mode
0700) has all the mail anyway. A request is one JSON object on a line, the answer a
line for each session, then one that says it is the last.

A socket is named by the process and at random. One whose process was killed refuses
connections; whoever finds it passes it over, and the next worker that starts removes
it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 10.0
"""How long a worker may take for each piece of its answer."""
_BACKLOG = 16
_NEW = ".new-"


class NoAnswer(Exception):
    """A worker does not answer, or not as it should."""


@dataclass(slots=True)
class ControlSocket:
    """The listening end of one worker; ``close`` takes its name away."""

    folder: Path
    name: str
    socket: socket.socket

    def close(self) -> None:
        """Listen no more."""
        self.socket.close()
        with contextlib.suppress(OSError):
            (self.folder / self.name).unlink()


def control_folder(store: Path) -> Path:
    """Say where the sockets of a store's servers are."""
    return store / "control"


def open_control(folder: Path) -> ControlSocket:
    """Listen on a new socket of this process. Raises `OSError`."""
    folder.mkdir(mode=0o700, exist_ok=True)
    name = f"{os.getpid()}-{secrets.token_hex(4)}.sock"
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        with _at(folder) as (descriptor, place):
            _sweep(folder)
            made.bind(f"{place}/{_NEW}{name}")
            os.chmod(f"{_NEW}{name}", 0o600, dir_fd=descriptor)
            made.listen(_BACKLOG)
            # It gets its name when it accepts: one that refuses belongs to the dead.
            os.rename(
                f"{_NEW}{name}", name, src_dir_fd=descriptor, dst_dir_fd=descriptor
            )
    except BaseException:
        made.close()
        raise
    return ControlSocket(folder, name, made)


def sockets(folder: Path) -> list[str]:
    """List the names of the sockets in a folder, those of the dead included."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(name for name in names if name.endswith(".sock") and name[0] != ".")


def ask(
    folder: Path, name: str, request: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Ask one worker; gives the lines of its answer but the last.

    Raises `ConnectionRefusedError` or `FileNotFoundError` when the worker is gone,
    `NoAnswer`.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.settimeout(SECONDS)
        with _at(folder) as (_, place):
            asked.connect(f"{place}/{name}")
        try:
            asked.sendall(json.dumps(request).encode("ascii") + b"\n")
            yield from _lines(asked)
        except (OSError, ValueError) as error:
            raise NoAnswer(str(error)) from error


def _lines(asked: socket.socket) -> Iterator[dict[str, Any]]:
    with asked.makefile("rb") as file:
        for line in filter(bytes.strip, file):
            told = json.loads(line)
            if not isinstance(told, dict):
                break
            if "end" in told:
                return
            yield told
    raise NoAnswer("the answer is cut off")


@contextmanager
def _at(folder: Path) -> Iterator[tuple[int, str]]:
    """Give a folder by a short name: that of a socket has 107 octets at most."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor, f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove the sockets of processes that were killed."""
    for name in sockets(folder):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
            tried.settimeout(SECONDS)
            try:
                with _at(folder) as (_, place):
                    tried.connect(f"{place}/{name}")
            except ConnectionRefusedError:
                with contextlib.suppress(OSError):
                    (folder / name).unlink()
            except OSError:
                continue
