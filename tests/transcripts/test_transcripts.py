"""Every conversation in this folder, played to a server of its own."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import imapd.testing
from imapd.config import NamespaceSettings
from tests.support.transcript import MakeSession, SocketPeer, run_transcript

FILES = sorted(Path(__file__).parent.glob("*.imap"))
USER, PASSWORD = "alice", "alice-password"
OTHER, OTHER_PASSWORD = "bob", "bob-password"
NAMES = {
    "user": USER,
    "password": PASSWORD,
    "other": OTHER,
    "otherpassword": OTHER_PASSWORD,
    "plain": base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode(),
}


SHOWN = NamespaceSettings(deleted="Deleted")


@contextmanager
def socket_sessions(file: Path) -> Iterator[MakeSession]:
    """Give sessions with a fresh server over TCP.

    Those of ``…-deleted.imap`` are shown what was removed.
    """
    peers: list[SocketPeer] = []
    namespaces = SHOWN if file.stem.endswith("-deleted") else None
    with imapd.testing.server(
        user=USER, password=PASSWORD, namespaces=namespaces
    ) as server:
        if re.search(r"\bother\b|\{other|\bbob\b", file.read_text("utf-8")):
            server.add_account(OTHER, OTHER_PASSWORD)

        def make_session() -> SocketPeer:
            peers.append(SocketPeer(server.host, server.port))
            return peers[-1]

        try:
            yield make_session
        finally:
            for peer in peers:
                peer.close()


@pytest.mark.net
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_transcript(file: Path):
    with socket_sessions(file) as make_session:
        run_transcript(file, make_session, NAMES)
