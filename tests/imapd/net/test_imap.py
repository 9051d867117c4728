"""A socket's life: greeting, TLS in both ways, refusal, half-closing, the end."""

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imapd.net.certificates import Pair as Files
from imapd.net.door import Door
from imapd.net.imap import ImapProtocol
from imapd.net.selfsigned import make_certificate
from imapd.net.tls import Certificates
from imapd.session.limits import Limits
from tests.imapd.net.fakes import ClockLoop, FakeTcp, make_runtime
from tests.imapd.net.sessions import make_services

GREETING = b"* OK [CAPABILITY IMAP4rev1] trial ready\r\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder / "c.pem", folder / "k.pem")
    return folder / "c.pem", folder / "k.pem"


class House:
    """One listener and its connections."""

    def __init__(self, files: tuple[Path, Path], tls: str = "none", **limits: int):
        self.loop, self.runtime, self.errors = make_runtime()
        self.limits = replace(Limits(), **limits)
        services, self.admission, self.log = make_services(self.runtime, self.limits)
        certificates = Certificates([Files(*files)], ClockLoop())
        self.door = Door(services, self.admission, tls=tls, certificates=certificates)

    def connect(self) -> tuple[ImapProtocol, Any]:
        protocol: Any = ImapProtocol(self.door)
        tcp = FakeTcp()
        tcp.turn = lambda: self.loop.advance(0)
        tcp.kernel = 1_000_000
        protocol.makeConnection(tcp)
        return protocol, tcp


class TlsClient:
    def __init__(self, certificate: Path, protocol: Any, tcp: Any) -> None:
        self.protocol, self.tcp = protocol, tcp
        self.tcp.sent.clear()
        self.into, self.outof = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(certificate))
        self.end = context.wrap_bio(self.into, self.outof, server_hostname="localhost")

    def move(self) -> None:
        data = self.outof.read()
        if data:
            self.protocol.dataReceived(data)
        self.tcp.settle()
        self.into.write(bytes(self.tcp.sent))
        self.tcp.sent.clear()

    def handshake(self) -> None:
        for _ in range(10):
            try:
                self.end.do_handshake()
            except ssl.SSLWantReadError:
                self.move()
            else:
                self.move()
                return
        raise AssertionError("no end of the handshake")

    def ask(self, line: bytes) -> bytes:
        self.end.write(line)
        self.move()
        return self.read()

    def read(self) -> bytes:
        answer = b""
        try:
            while data := self.end.read(65_536):
                answer += data
        except ssl.SSLWantReadError:
            pass
        return answer


def test_a_client_is_greeted_and_answered(files):
    house = House(files)
    protocol, tcp = house.connect()
    assert bytes(tcp.sent) == GREETING
    tcp.sent.clear()
    protocol.dataReceived(b"a1 NOOP\r\n")
    assert bytes(tcp.sent) == b"a1 OK NOOP completed\r\n"
    assert house.errors == []


def test_tls_begins_in_the_middle(files):
    house = House(files, "starttls")
    protocol, tcp = house.connect()
    protocol.dataReceived(b"a1 SECURE\r\n")
    assert bytes(tcp.sent).endswith(b"a1 OK begin TLS\r\n")
    client = TlsClient(files[0], protocol, tcp)
    client.handshake()
    assert client.ask(b"a2 NOOP\r\n") == b"a2 OK NOOP completed\r\n"
    assert client.ask(b"a3 MUCH\r\n").endswith(b"\r\na3 OK that was much\r\n")
    assert len(house.loop.getDelayedCalls()) == 1  # the login timer, no handshake's


def test_what_was_sent_along_with_the_wish_for_tls_is_never_run(files):
    """CVE-2011-0411 and its many followers."""
    house = House(files, "starttls")
    protocol, tcp = house.connect()
    protocol.dataReceived(b"a1 SECURE\r\na2 NOOP\r\n")
    client = TlsClient(files[0], protocol, tcp)
    try:
        client.handshake()
    except ssl.SSLError:
        return
    assert b"a2" not in client.read()


def test_implicit_tls_says_nothing_before_the_handshake(files):
    house = House(files, "implicit")
    protocol, tcp = house.connect()
    assert not tcp.sent
    client = TlsClient(files[0], protocol, tcp)
    client.handshake()
    assert client.read() == GREETING
    assert client.ask(b"a1 LOGOUT\r\n").endswith(b"a1 OK LOGOUT completed\r\n")
    assert tcp.write_closed


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_handshake_has_a_time_limit(files, tls):
    house = House(files, tls, login_seconds=1_000)
    protocol, tcp = house.connect()
    if tls == "starttls":
        protocol.dataReceived(b"a1 SECURE\r\n")
    house.loop.advance(house.limits.handshake_seconds + 1)
    assert tcp.aborted


def test_a_client_too_many_is_told_so(files):
    house = House(files, connections_per_address=1)
    house.connect()
    _, tcp = house.connect()
    assert bytes(tcp.sent) == (
        b"* BYE [UNAVAILABLE] too many connections from your address\r\n"
    )
    assert tcp.write_closed
    assert "refused" in house.log.kinds
    assert len(house.door.live) == 1


def test_a_tls_client_too_many_costs_no_handshake(files):
    house = House(files, "implicit", connections_per_address=1)
    house.connect()
    _, tcp = house.connect()
    assert tcp.aborted
    assert not tcp.sent


def test_the_oldest_stranger_makes_room(files):
    house = House(files, connections_unauthenticated=2)
    first, second, third = (house.connect()[1] for _ in range(3))
    assert [first.aborted, second.aborted, third.aborted] == [True, False, False]


def test_a_lost_connection_is_forgotten(files):
    house = House(files)
    protocol, _ = house.connect()
    protocol.connectionLost(None)
    assert house.admission.connections == 0
    assert not house.door.live
    assert "disconnect" in house.log.kinds
    assert not house.loop.getDelayedCalls()
    assert house.runtime.running == 0


def test_a_connection_lost_in_the_middle_of_an_answer_ends_its_command(files):
    house = House(files)
    protocol, tcp = house.connect()
    tcp.kernel = 0
    protocol.dataReceived(b"a1 MUCH\r\n")
    assert house.runtime.running == 1
    protocol.connectionLost(None)
    assert house.runtime.running == 0
    assert "failure" not in house.log.kinds


def test_shutdown_says_bye(files):
    house = House(files)
    protocol, tcp = house.connect()
    tcp.sent.clear()
    protocol.shutdown("the server is stopping")
    assert bytes(tcp.sent) == b"* BYE [UNAVAILABLE] the server is stopping\r\n"
    assert tcp.write_closed
    assert house.runtime.running == 0


def test_shutdown_in_the_middle_of_a_handshake_ends_at_once(files):
    house = House(files, "implicit")
    protocol, tcp = house.connect()
    protocol.shutdown("the server is stopping")
    assert tcp.aborted


def test_a_client_that_stops_sending_still_gets_its_answers(files):
    house = House(files)
    protocol, tcp = house.connect()
    protocol.dataReceived(b"a1 NOOP\r\n")
    protocol.readConnectionLost()
    assert bytes(tcp.sent).endswith(b"a1 OK NOOP completed\r\n")
    assert tcp.lost  # it has all of them, and there is nothing unread
    assert house.runtime.running == 0


def test_a_slow_reader_is_answered_in_full(files):
    house = House(files)
    protocol, tcp = house.connect()
    tcp.sent.clear()
    tcp.kernel = 0
    protocol.dataReceived(b"a1 MUCH\r\na2 NOOP\r\n")
    while tcp.waiting:
        assert len(tcp.waiting) < 300_000
        tcp.drain()
    assert len(tcp.sent) > 8_000_000
    assert bytes(tcp.sent[-22:]) == b"a2 OK NOOP completed\r\n"


def test_who_reads_nothing_has_few_of_his_commands_answered(files):
    house = House(files)
    protocol, tcp = house.connect()
    tcp.sent.clear()
    tcp.kernel = 0
    commands = [b"a%d SOME\r\n" % number for number in range(1_000)]
    protocol.dataReceived(b"".join(commands))
    for _ in range(500):
        house.loop.advance(0)
    assert house.log.kinds.count("command") < 10
    tcp.settle()
    told = [line for line in bytes(tcp.sent).split(b"\r\n") if line.startswith(b"a")]
    assert told == [b"a%d OK that was some" % number for number in range(1_000)]


def test_a_door_wants_a_certificate_for_tls(files):
    house = House(files)
    with pytest.raises(ValueError, match="certificate"):
        replace(house.door, tls="implicit", certificates=None)
    with pytest.raises(ValueError, match="none, starttls or implicit"):
        replace(house.door, tls="yes")


# -- behind a proxy


def proxied(house: House, networks: tuple[str, ...], address: str = "192.0.2.1") -> Any:
    house.door = replace(house.door, proxy_from=networks)
    protocol: Any = ImapProtocol(house.door)
    tcp = FakeTcp()
    tcp.kernel = 1_000_000
    tcp.peer = address
    protocol.makeConnection(tcp)
    return protocol, tcp


def test_a_trusted_proxy_says_who_connects(files):
    house = House(files)
    protocol, tcp = proxied(house, ("192.0.2.0/24",))
    assert not tcp.sent
    head = b"PROXY TCP4 203.0.113.9 198.51.100.1 5 143\r\n"
    protocol.dataReceived(head[:10])
    assert not tcp.sent
    protocol.dataReceived(head[10:] + b"a1 NOOP\r\n")
    assert tcp.sent.startswith(b"* OK")
    assert b"a1 OK" in tcp.sent
    assert [e["address"] for k, e in house.log.events if k == "connect"] == [
        "203.0.113.9"
    ]
    assert list(house.admission._tickets) == ["203.0.113.9"]


def test_a_health_check_counts_as_the_proxy(files):
    house = House(files)
    protocol, tcp = proxied(house, ("192.0.2.1/32",))
    protocol.dataReceived(b"PROXY UNKNOWN\r\n")
    assert tcp.sent.startswith(b"* OK")
    assert list(house.admission._tickets) == ["192.0.2.1"]


def test_nobody_else_may_connect_nor_speak_without_a_header(files):
    house = House(files)
    _, tcp = proxied(house, ("198.51.100.0/24",))
    assert tcp.aborted
    protocol, tcp = proxied(house, ("192.0.2.0/24",))
    protocol.dataReceived(b"a1 LOGIN x y\r\n")
    assert tcp.aborted
    assert not tcp.sent
    assert house.log.kinds.count("refused") == 2


def test_a_header_that_does_not_come_ends_the_connection(files):
    house = House(files)
    _, tcp = proxied(house, ("192.0.2.0/24",))
    house.loop.advance(house.limits.handshake_seconds + 1)
    assert tcp.aborted


def test_tls_that_a_proxy_took_off_counts(files):
    house = House(files)
    protocol, _ = proxied(house, ("192.0.2.0/24",))
    tls = b"\x20\x00\x05\x01\x00\x00\x00\x00"
    head = (
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11"
        + (12 + len(tls)).to_bytes(2, "big")
        + bytes([192, 0, 2, 9, 192, 0, 2, 1, 0, 5, 0, 143])
        + tls
    )
    protocol.dataReceived(head)
    assert protocol._connection.session.secure


def test_half_open_handshakes_are_bounded(files):
    house = House(files, "implicit", handshakes=2)
    made = [house.connect() for _ in range(3)]
    assert [tcp.aborted for _, tcp in made] == [True, False, False]
