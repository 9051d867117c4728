"""What an MTA asks, on sockets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from imapd.config import Config, Listen
from imapd.net.mta import AuthProtocol, SocketmapProtocol
from imapd.net.selfsigned import make_certificate
from imapd.protocols import protocols
from mailstore.changes import NoBus
from tests.imapd.net.fakes import FakeTcp
from tests.imapd.net.test_imap import House

CONFIG = Config(
    listen=tuple(
        Listen(address=("127.0.0.1", 0), protocol=name)
        for name in ("auth", "socketmap")
    )
)


@pytest.fixture
def house(tmp_path):
    make_certificate(tmp_path / "c.pem", tmp_path / "k.pem")
    made: Any = House((tmp_path / "c.pem", tmp_path / "k.pem"))
    store: Any = SimpleNamespace(path=tmp_path)
    made.spoken = protocols(CONFIG, store, made.runtime, NoBus())
    return made


def connect(house: Any, name: str) -> tuple[Any, Any]:
    protocol = house.spoken[name](house.door)
    tcp = FakeTcp()
    tcp.turn = lambda: house.loop.advance(0)
    tcp.kernel = 1_000_000
    protocol.makeConnection(tcp)
    return protocol, tcp


def test_the_auth_service_begins(house):
    protocol, tcp = connect(house, "auth")
    assert isinstance(protocol, AuthProtocol)
    assert tcp.sent.startswith(b"VERSION\t1\t1\n")
    assert tcp.sent.endswith(b"DONE\n")
    assert not protocol.is_stranger()
    protocol.shutdown("the server is stopping")
    assert tcp.write_closed


def test_a_lookup_is_answered(house):
    protocol, tcp = connect(house, "socketmap")
    assert isinstance(protocol, SocketmapProtocol)
    assert not tcp.sent
    protocol.dataReceived(b"3:a b,")
    assert b"there is no such map" in tcp.sent
    facts = protocol.facts()
    assert facts is not None
    assert facts.protocol == "socketmap"
