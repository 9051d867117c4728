"""POP3 on a socket: greeting, STLS, refusal, the end."""

from __future__ import annotations

import ssl
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imapd.config import Config, Listen, Pop3Settings
from imapd.doors.pop3.delays import LoginDelays
from imapd.doors.pop3.options import Pop3Options, Pop3Service
from imapd.net.pop3 import Pop3Protocol
from imapd.net.selfsigned import make_certificate
from imapd.protocols import protocols
from mailstore.changes import NoBus
from tests.imapd.net.fakes import FakeTcp
from tests.imapd.net.test_imap import House, TlsClient


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder / "c.pem", folder / "k.pem")
    return folder / "c.pem", folder / "k.pem"


def connect(house: House, **options: Any) -> tuple[Any, Any]:
    delays = LoginDelays(house.runtime.monotonic)
    protocol: Any = Pop3Protocol(
        Pop3Service(Pop3Options(**options), delays), house.door
    )
    tcp = FakeTcp()
    tcp.turn = lambda: house.loop.advance(0)
    tcp.kernel = 1_000_000
    protocol.makeConnection(tcp)
    return protocol, tcp


def test_a_client_is_greeted_and_answered(files):
    house = House(files)
    protocol, tcp = connect(house)
    assert bytes(tcp.sent) == b"+OK trial ready\r\n"
    tcp.sent.clear()
    protocol.dataReceived(b"CAPA\r\n")
    assert tcp.sent.startswith(b"+OK ")
    assert b"\r\nSTLS" not in tcp.sent
    facts = protocol.facts()
    assert (facts.protocol, facts.address) == ("pop3", "192.0.2.7")
    assert house.errors == []


def test_stls_begins_in_the_middle(files):
    house = House(files, "starttls")
    protocol, tcp = connect(house)
    protocol.dataReceived(b"STLS\r\n")
    assert bytes(tcp.sent).endswith(b"+OK begin TLS now\r\n")
    client = TlsClient(files[0], protocol, tcp)
    client.handshake()
    assert b"STLS" not in client.ask(b"CAPA\r\n")
    assert protocol.facts().secure


def test_what_was_sent_along_with_stls_is_never_run(files):
    """CVE-2021-38084 and its like."""
    house = House(files, "starttls")
    protocol, tcp = connect(house)
    protocol.dataReceived(b"STLS\r\nCAPA\r\n")
    assert b"TOP" not in tcp.sent
    assert tcp.write_closed
    with pytest.raises((ssl.SSLError, AssertionError)):
        TlsClient(files[0], protocol, tcp).handshake()


def test_tls_from_the_first_octet(files):
    house = House(files, "implicit")
    protocol, tcp = connect(house)
    assert not tcp.sent
    client = TlsClient(files[0], protocol, tcp)
    client.handshake()
    assert client.read() == b"+OK trial ready\r\n"


def test_a_client_too_many_is_told_so(files):
    house = House(files, connections_per_address=1)
    connect(house)
    _, tcp = connect(house)
    assert bytes(tcp.sent) == (
        b"-ERR [SYS/TEMP] too many connections from your address\r\n"
    )
    assert tcp.write_closed


def test_the_oldest_stranger_makes_room(files):
    house = House(files, connections_unauthenticated=1)
    _, first = connect(house)
    connect(house)
    assert first.aborted


def test_shutdown_says_why(files):
    house = House(files)
    protocol, tcp = connect(house)
    tcp.sent.clear()
    protocol.shutdown("the server is stopping")
    assert bytes(tcp.sent) == b"-ERR [SYS/TEMP] the server is stopping\r\n"
    assert tcp.write_closed


def test_a_lost_connection_is_forgotten(files):
    house = House(files)
    protocol, _ = connect(house)
    protocol.connectionLost(None)
    assert house.admission.connections == 0
    assert not house.door.live


def test_the_configuration_reaches_the_sessions(files, tmp_path):
    house = House(files)
    config = Config(
        listen=(Listen(address=("127.0.0.1", 0), protocol="pop3"),),
        pop3=Pop3Settings(apop=True, login_delay_seconds=7, expire_days=9),
    )
    store: Any = SimpleNamespace(path=tmp_path)
    make = protocols(config, store, house.runtime, NoBus())["pop3"]
    assert isinstance(make, partial)
    protocol: Any = make(house.door)
    tcp: Any = FakeTcp()
    tcp.kernel = 1_000_000
    protocol.makeConnection(tcp)
    assert tcp.sent.endswith(b">\r\n")
    tcp.sent.clear()
    protocol.dataReceived(b"CAPA\r\n")
    assert b"\r\nLOGIN-DELAY 7\r\n" in tcp.sent
    assert b"\r\nEXPIRE 9\r\n" in tcp.sent
