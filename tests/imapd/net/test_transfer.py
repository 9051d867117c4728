"""LMTP and SMTP over real sockets: unix and TCP, TLS, proxies, real clients."""

from __future__ import annotations

import imaplib
import os
import shutil
import smtplib
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import imapd.testing
from imapd.config import Listen
from imapd.doors.transfer import House
from imapd.net.listen import AddressError, open_endpoints
from imapd.net.transfer import TransferProtocol
from imapd.net.unix_port import UnixPort
from imapd.testing import RunningServer

pytestmark = pytest.mark.net
HI = b"Subject: hi\r\n\r\nhi\r\n.\r\n..\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    unix = f"unix:{tmp_path_factory.mktemp('run') / 'lmtp'}"
    local = ("127.0.0.1", 0)
    also = (
        Listen(protocol="lmtp", address=(unix, 0), tls="none"),
        Listen(protocol="lmtp", address=local, tls="none"),
        Listen(protocol="smtp", address=local, tls="starttls"),
        Listen(protocol="smtp", address=local, tls="implicit"),
        Listen(
            protocol="lmtp", address=local, tls="none", allow_from=("192.0.2.0/24",)
        ),
        Listen(protocol="smtp", address=local, tls="none", proxy_from=("127.0.0.0/8",)),
        Listen(protocol="lmtp", address=local, tls="starttls"),
        Listen(protocol="lmtp", address=local, tls="implicit"),
    )
    with imapd.testing.server(also=also) as made:
        made.add_account("ann", "secret")
        yield made


def port(server: RunningServer, number: int) -> int:
    return server.also[number].bound[1]


def trusting(server: RunningServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.certificate))


def last(server: RunningServer) -> bytes:
    """Give the newest message of ann."""
    with imaplib.IMAP4(server.host, server.port) as client:
        client.login("ann", "secret")
        client.select()
        (found,) = client.fetch("*", "(BODY.PEEK[])")[1][:1]
        assert isinstance(found, tuple)
        return found[1]


def test_a_unix_socket_has_the_permissions_that_were_asked_for(server: RunningServer):
    path = Path(server.also[0].bound[0].removeprefix("unix:"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with smtplib.LMTP(str(path)) as client:
        client.sendmail("bob@example.net", ["ann"], HI)
    assert last(server).endswith(HI)
    assert b"Received: from " in last(server)


def test_who_names_his_unix_socket_is_nobody_else(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The name could be the address that a proxy has, or that may connect."""
    monkeypatch.chdir(tmp_path)
    path = server.also[0].bound[0].removeprefix("unix:")
    with socket.socket(socket.AF_UNIX) as made, smtplib.LMTP() as client:
        made.bind("192.0.2.7")
        made.settimeout(20)
        made.connect(path)
        client.sock, client.file = made, made.makefile("rb")
        client.getreply()
        client.sendmail("bob@example.net", ["ann"], b"Subject: named\r\n\r\n")
    assert b"Subject: named" in last(server)
    assert b"192.0.2.7" not in last(server)


def test_lmtp_over_tcp_with_smtplib(server: RunningServer):
    with smtplib.LMTP("127.0.0.1", port(server, 1)) as client:
        refused = client.sendmail("bob@example.net", ["ann", "nobody"], HI)
    assert refused == {"nobody": (550, b"5.1.1 no such user here")}
    assert b" ([127.0.0.1])\r\n" in last(server)


def test_smtp_with_starttls(server: RunningServer):
    context = trusting(server)
    with smtplib.SMTP("localhost", port(server, 2)) as client:
        client.starttls(context=context)
        client.sendmail("bob@example.net", ["ann"], HI, ["SMTPUTF8", "BODY=8BITMIME"])
        assert "starttls" not in client.esmtp_features
    assert b" with UTF8SMTPS id " in last(server)
    with smtplib.SMTP_SSL("localhost", port(server, 3), context=context) as client:
        client.sendmail("bob@example.net", ["ann"], HI)
    assert b" with ESMTPS id " in last(server)


class LmtpOverTls(smtplib.SMTP_SSL):
    """LMTP that is TLS from the first octet, which smtplib has for SMTP alone."""

    ehlo_msg = "lhlo"


def test_lmtp_with_starttls(server: RunningServer):
    context = trusting(server)
    with smtplib.LMTP("localhost", port(server, 6)) as client:
        client.ehlo()
        assert "starttls" in client.esmtp_features
        client.starttls(context=context)
        refused = client.sendmail("bob@example.net", ["ann", "nobody"], HI)
        assert refused == {"nobody": (550, b"5.1.1 no such user here")}
        assert "starttls" not in client.esmtp_features
    assert b" with LMTPS id " in last(server)


@pytest.mark.parametrize("name", ["lmtp", "smtp", None])
def test_lmtp_with_tls_from_the_first_octet(server: RunningServer, name: str | None):
    context = trusting(server)
    if name is not None:
        context.set_alpn_protocols([name])
    with LmtpOverTls("localhost", port(server, 7), context=context) as client:
        assert isinstance(client.sock, ssl.SSLSocket)
        assert client.sock.selected_alpn_protocol() == name
        client.sendmail("bob@example.net", ["ann"], HI)
    assert b" with LMTPS id " in last(server)


def test_lmtp_over_tls_is_trusted_by_its_certificate(server: RunningServer):
    others = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        LmtpOverTls("localhost", port(server, 7), context=others)


@pytest.mark.parametrize(("name", "good"), [("smtp", True), ("imap", False)])
def test_a_client_may_name_smtp_in_its_handshake(
    server: RunningServer, name: str, *, good: bool
):
    context = trusting(server)
    context.set_alpn_protocols([name])
    if not good:
        with pytest.raises(ssl.SSLError):
            smtplib.SMTP_SSL("localhost", port(server, 3), context=context)
        return
    with smtplib.SMTP_SSL("localhost", port(server, 3), context=context) as client:
        assert isinstance(client.sock, ssl.SSLSocket)
        assert client.sock.selected_alpn_protocol() == "smtp"


def test_octets_behind_starttls_are_not_obeyed(server: RunningServer):
    with socket.create_connection(("127.0.0.1", port(server, 2)), 20) as tcp:
        tcp.sendall(b"EHLO x\r\n")
        file = tcp.makefile("rb")
        while not file.readline().startswith(b"250 "):
            pass
        # In one packet or not: the greeting, or the refusal, is all there is.
        tcp.sendall(b"STARTTLS\r\nMAIL FROM:<evil@example.net>\r\n")
        assert file.read()[:4] in (b"521 ", b"220 ")


def test_lmtp_is_for_those_who_are_allowed(server: RunningServer):
    with socket.create_connection(("127.0.0.1", port(server, 4)), 20) as tcp:
        assert tcp.makefile("rb").read() == (
            b"421 4.3.2 your address is not served here\r\n"
        )


def test_a_proxy_says_who_connects(server: RunningServer):
    with socket.create_connection(("127.0.0.1", port(server, 5)), 20) as tcp:
        tcp.sendall(b"PROXY TCP4 198.51.100.7 192.0.2.1 5 25\r\n")
        tcp.sendall(b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<ann>\r\nDATA\r\n")
        file = tcp.makefile("rb")
        assert [file.readline()[:3] for _ in range(5)] == [
            b"220",
            b"250",
            b"250",
            b"250",
            b"354",
        ]
        tcp.sendall(b"a: b\r\n\r\n.\r\nQUIT\r\n")
        assert [line[:3] for line in file] == [b"250", b"221"]
    assert b"Received: from x ([198.51.100.7])\r\n" in last(server)


def test_curl_sends_a_message(server: RunningServer, tmp_path: Path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    message = tmp_path / "message"
    message.write_bytes(HI)
    url = f"smtp://localhost:{port(server, 2)}/client"
    done = subprocess.run(
        [
            *("curl", "-sS", "--ssl-reqd", "--cacert", str(server.certificate), url),
            *("--mail-from", "bob@example.net", "--mail-rcpt", "ann"),
            *("-T", str(message)),
        ],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert last(server).endswith(HI)


def test_swaks_sends_a_message(server: RunningServer, tmp_path: Path):
    if shutil.which("swaks") is None:
        pytest.skip("swaks is not installed")
    done = subprocess.run(
        [
            *("swaks", "--protocol", "LMTP", "--pipeline", "--body", "from swaks"),
            *("--server", f"127.0.0.1:{port(server, 1)}"),
            *("--from", "bob@example.net", "--to", "ann,nobody"),
        ],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert b"550 5.1.1" in done.stdout, done.stdout
    assert b"from swaks\r\n" in last(server)


# -- unix sockets


def unix(folder: Path, mode: str = "0660", group: str = "") -> Listen:
    return Listen(
        protocol="lmtp",
        address=(f"unix:{folder / 'socket'}", 0),
        tls="none",
        socket_mode=mode,
        socket_group=group,
    )


def test_a_socket_that_was_left_behind_gives_way(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "socket"))
    rows = open_endpoints([unix(tmp_path, mode="0600")], 2)
    assert len({row[0].descriptor for row in rows}) == 2
    assert rows[0][0].ready == f"lmtp=unix:{tmp_path / 'socket'}"
    assert os.listdir(tmp_path) == ["socket"]
    with pytest.raises(AddressError, match="another server listens"):
        open_endpoints([unix(tmp_path)])
    for row in rows:
        os.close(row[0].descriptor)


def test_a_group_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(AddressError, match="no such group"):
        open_endpoints([unix(tmp_path, group="no-such-group")])
    with pytest.raises(AddressError, match="cannot listen on unix:"):
        open_endpoints([unix(tmp_path / "missing")])
    assert os.listdir(tmp_path) == []


def test_a_port_accepts_until_it_stops(tmp_path: Path):
    ((endpoint,),) = open_endpoints([unix(tmp_path)])
    loop = FakeLoop()
    port = UnixPort(loop, endpoint.descriptor, "factory")  # type: ignore[arg-type]
    os.close(endpoint.descriptor)
    assert loop.readers == [port]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "socket"))
        port.doRead()
        assert loop.accepted == ["factory"]
    port.stopListening()
    port.stopListening()
    port.doRead()
    assert loop.readers == []
    assert port.fileno() == -1


class FakeLoop:
    """What a port needs of a loop."""

    def __init__(self) -> None:
        self.readers: list[object] = []
        self.accepted: list[object] = []

    def addReader(self, reader: object) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: object) -> None:
        self.readers.remove(reader)

    def adoptStreamConnection(self, _: int, family: int, factory: object) -> None:
        assert family == socket.AF_UNIX
        self.accepted.append(factory)


def test_an_mta_is_nobody_to_be_sent_away_for_others():
    def protocol(*, lmtp: bool) -> TransferProtocol:
        house = House(None, "host", lmtp)  # type: ignore[arg-type]
        return TransferProtocol(house, None)  # type: ignore[arg-type]

    assert protocol(lmtp=False).is_stranger()
    assert not protocol(lmtp=True).is_stranger()
    assert protocol(lmtp=False).refusal("no") == b"421 4.3.2 no\r\n"
