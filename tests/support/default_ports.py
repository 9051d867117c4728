"""The ports that a first start takes, for one test at a time.

Tests run in several processes, and only one server of a machine can have these ports::

    @default_ports()
    def test_a_first_start(): ...
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imapd.config.settings import DEFAULT_LISTEN

PORTS = tuple(listen.address[1] for listen in DEFAULT_LISTEN)


@contextmanager
def default_ports() -> Iterator[None]:
    """Have them until the test ends; skip the test if something else listens there."""
    path = Path(os.environ.get("TMPDIR", "/tmp")) / "imapd-tests-default-ports.lock"
    with path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for port in PORTS:
            try:
                socket.create_server(("127.0.0.1", port)).close()
            except OSError:
                pytest.skip(f"something listens on port {port} of this machine")
        yield
