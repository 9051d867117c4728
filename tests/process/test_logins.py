"""Logins as people and administrators meet them: real sockets, real mail programs."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import imaplib
import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from OpenSSL import SSL
from scramp import ScramClient

from tests.clients.programs import needed_program, run
from tests.imapd.auth.test_tokens import CLAIMS, DOCUMENT, token
from tests.process.test_serve import until
from tests.support.certificates import Authority
from tests.support.server import ROOT, Account, ServerProcess

pytestmark = pytest.mark.net

FILTER = ROOT / "docs" / "howto" / "imapd-fail2ban.conf"


class Own(ServerProcess):
    """A server whose mechanisms are all on."""

    def configure(self, **tables: str) -> None:
        text = self.config.read_text()
        for table, more in tables.items():
            assert f"[{table}]\n" in text
            text = text.replace(f"[{table}]\n", f"[{table}]\n{more}\n", 1)
        self.config.write_text(text)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("clients"), "authority of clients")


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[ServerProcess]:
    """Give a server with client certificates, two names, OAuth, CRAM-MD5."""
    folder = tmp_path_factory.mktemp("server")
    made = Own(folder, arguments=("--workers", "1"))
    other, other_key = authority.issue("other", ["other.example.org"])
    keys = folder / "keys.json"
    keys.write_text(json.dumps(DOCUMENT))
    mechanisms = '["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", '
    mechanisms += '"SCRAM-SHA-1", "EXTERNAL", "OAUTHBEARER", "XOAUTH2", "CRAM-MD5", '
    made.configure(
        tls=f"client_ca = {json.dumps(str(authority.certificate))}",
        auth=f'mechanisms = {mechanisms}"PLAIN", "LOGIN"]',
    )
    made.config.write_text(
        made.config.read_text()
        + f"""
[[certificate]]
certificate = {json.dumps(str(other))}
key = {json.dumps(str(other_key))}

[external]
map = {{ "email:ann@clients.example" = "alice" }}

[oauth]
issuer = {json.dumps(CLAIMS["iss"])}
audience = ["mail"]
jwks_file = {json.dumps(str(keys))}
"""
    )
    for account in (Account("alice", "alice's"), Account("bob", "bob's")):
        made.imapd(
            "account",
            "add",
            account.name,
            "--password-stdin",
            *(["--recoverable"] if account.name == "bob" else []),
            data=account.password.encode() + b"\n",
        )
        made.accounts[account.name] = account
    made.start()
    yield made
    assert made.stop() == 0, made.log
    assert made.log_errors() == []
    made.check()


def now() -> float:
    return dt.datetime.now(dt.UTC).timestamp()


def imap(server: ServerProcess, context: ssl.SSLContext | None = None) -> imaplib.IMAP4:
    return imaplib.IMAP4_SSL(
        "localhost",
        server.tls_port,
        ssl_context=context or server.certificates.client_context(),
        timeout=30,
    )


# -- mechanisms over real TLS


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"])
def test_scram_bound_to_the_channel(server: ServerProcess, mechanism: str):
    with imap(server) as client:
        der = client.sock.getpeercert(binary_form=True)  # type: ignore[attr-defined]
        binding = "tls-server-end-point", hashlib.sha256(der).digest()
        scram = ScramClient([mechanism], "alice", "alice's", channel_binding=binding)
        assert f"AUTH={mechanism}" in client.capabilities
        messages = iter(range(3))

        def answer(challenge: bytes) -> bytes:
            turn = next(messages)
            if turn == 0:
                said = scram.get_client_first()
            elif turn == 1:
                scram.set_server_first(challenge.decode())
                said = scram.get_client_final()
            else:
                scram.set_server_final(challenge.decode())
                said = ""
            return str(said).encode()

        assert client.authenticate(mechanism, answer)[0] == "OK"


class OverOpenSsl:
    """A connection by OpenSSL, which tells what Python's ssl keeps to itself."""

    def __init__(self, server: ServerProcess, tcp: socket.socket) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.load_verify_locations(str(server.certificates.authority))
        context.set_verify(SSL.VERIFY_PEER)
        tcp.settimeout(None)
        self.tls = SSL.Connection(context, tcp)
        self.tls.set_tlsext_host_name(b"localhost")
        self.tls.set_connect_state()
        self.tls.do_handshake()
        self._read = b""
        assert self._line().startswith(b"* OK")

    def _line(self) -> bytes:
        while b"\r\n" not in self._read:
            self._read += self.tls.recv(4_096)
        line, _, self._read = self._read.partition(b"\r\n")
        return line

    def say(self, line: str) -> str:
        """Send a line; give the next one that is not untagged."""
        self.tls.sendall(line.encode() + b"\r\n")
        while (answer := self._line()).startswith(b"* "):
            pass
        return answer.decode()


def test_scram_bound_to_the_keys_of_tls_1_3(server: ServerProcess):
    """RFC 9266 §2: `tls-exporter`; the client's side of RFC 5802 §3 by hand."""
    with socket.create_connection(("127.0.0.1", server.tls_port), 30) as tcp:
        client = OverOpenSsl(server, tcp)
        assert client.tls.get_protocol_version_name() == "TLSv1.3"
        label = b"EXPORTER-Channel-Binding"
        exported = bytes(client.tls.export_keying_material(label, 32, b""))

        def encoded(octets: bytes) -> str:
            return base64.b64encode(octets).decode()

        def decoded(answer: str) -> bytes:
            assert answer.startswith("+ "), answer
            return base64.b64decode(answer[2:])

        def authenticate(binding: bytes) -> str:
            header, bare = b"p=tls-exporter,,", b"n=alice,r=clientnonce"
            answer = client.say(
                f"a AUTHENTICATE SCRAM-SHA-256-PLUS {encoded(header + bare)}"
            )
            first = decoded(answer)
            nonce, salt, count = (part[2:] for part in first.split(b","))
            unproved = f"c={encoded(header + binding)},r={nonce.decode()}".encode()
            signed = b",".join((bare, first, unproved))
            salted = hashlib.pbkdf2_hmac(
                "sha256", b"alice's", base64.b64decode(salt), int(count)
            )
            key = hmac.digest(salted, b"Client Key", "sha256")
            signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
            proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
            answer = client.say(encoded(unproved + b",p=" + encoded(proof).encode()))
            if answer.startswith("+"):
                own = hmac.digest(salted, b"Server Key", "sha256")
                verified = hmac.digest(own, signed, "sha256")
                assert decoded(answer) == b"v=" + base64.b64encode(verified)
                answer = client.say("")
            return answer

        # As somebody in the middle would have it: other keys on this side.
        assert authenticate(b"!" * 32).startswith("a NO [AUTHENTICATIONFAILED]")
        assert authenticate(exported).startswith("a OK")


def test_a_certificate_lets_in(server: ServerProcess, authority: Authority):
    context = server.certificates.client_context()
    files = authority.issue("ann", emails=["ann@clients.example"], client=True)
    context.load_cert_chain(*files)
    with imap(server, context) as client:
        assert "AUTH=EXTERNAL" in client.capabilities
        assert client.authenticate("EXTERNAL", lambda _: b"")[0] == "OK"
    files = authority.issue("stranger", emails=["x@clients.example"], client=True)
    context.load_cert_chain(*files)
    with imap(server, context) as client, pytest.raises(imaplib.IMAP4.error):
        client.authenticate("EXTERNAL", lambda _: b"")


def test_a_certificate_of_nobody_we_know_ends_the_connection(
    server: ServerProcess, tmp_path: Path
):
    context = server.certificates.client_context()
    files = Authority(tmp_path).issue("ann", emails=["a@b.c"], client=True)
    context.load_cert_chain(*files)
    with pytest.raises((ssl.SSLError, OSError, imaplib.IMAP4.abort)):
        imap(server, context)


def test_the_certificate_of_the_name_that_is_asked_for(
    server: ServerProcess, authority: Authority
):
    context = ssl.create_default_context(cafile=str(authority.certificate))
    with (
        socket.create_connection(("127.0.0.1", server.tls_port), 30) as tcp,
        context.wrap_socket(tcp, server_hostname="other.example.org") as tls,
    ):
        assert tls.recv(4).startswith(b"* OK")


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_a_token_lets_in(server: ServerProcess, mechanism: str):
    good = token(exp=now() + 600).decode()
    header = "n,," if mechanism == "OAUTHBEARER" else "user=ann@example.org"
    message = f"{header}\x01auth=Bearer {good}\x01\x01".encode()
    with imap(server) as client:
        assert client.authenticate(mechanism, lambda _: message)[0] == "OK"
    bad = message.replace(good.encode(), token(exp=now() - 600))
    said: list[bytes] = []

    def answer(challenge: bytes) -> bytes:
        said.append(challenge)
        return bad if len(said) == 1 else b"\x01"

    with imap(server) as client, pytest.raises(imaplib.IMAP4.error, match="AUTHENT"):
        client.authenticate(mechanism, answer)
    assert json.loads(said[1])["status"] in ("invalid_token", "401")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "OAUTHBEARER"])
def test_curl(server: ServerProcess, tmp_path: Path, mechanism: str):
    program = needed_program("curl", "curl")
    (tmp_path / "rc").write_text('user = "bob:bob\'s"\n')
    more = []
    if "OAUTH" in mechanism:
        good = token(exp=now() + 600, email="bob").decode()
        (tmp_path / "rc").write_text(f'user = "bob"\noauth2-bearer = "{good}"\n')
    more += ["--login-options", f"AUTH={mechanism}", "--sasl-ir"]
    url = f"imaps://localhost:{server.tls_port}/"
    line = [program, "-sS", "--config", "rc", "--max-time", "30", *more]
    line += ["--cacert", str(server.certificates.authority), url]
    assert "INBOX" in run(line, tmp_path)
    until(lambda: f'"mechanism": "{mechanism}"' in server.log)


TWISTED = """
import sys
from twisted.internet import defer, endpoints, protocol, ssl, task
from twisted.mail import imap4

port, authority, mechanism = int(sys.argv[1]), sys.argv[2], sys.argv[3]

class Client(imap4.IMAP4Client):
    def serverGreeting(self, capabilities):
        kinds = {
            "CRAM-MD5": imap4.CramMD5ClientAuthenticator,
            "LOGIN": imap4.LOGINAuthenticator,
            "PLAIN": imap4.PLAINAuthenticator,
        }
        self.registerAuthenticator(kinds[mechanism](b"bob"))
        self.ready.callback(self)

async def main(reactor):
    trust = ssl.trustRootFromCertificates(
        [ssl.Certificate.loadPEM(open(authority).read())]
    )
    options = ssl.optionsForClientTLS("localhost", trust)
    endpoint = endpoints.SSL4ClientEndpoint(reactor, "127.0.0.1", port, options)
    client = Client()
    client.ready = defer.Deferred()
    await endpoints.connectProtocol(endpoint, client)
    await client.ready
    await client.authenticate(b"bob's")
    print((await client.status("INBOX", "MESSAGES")))
    await client.logout()

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_twisteds_client(server: ServerProcess, mechanism: str):
    authority = str(server.certificates.authority)
    done = subprocess.run(
        [sys.executable, "-c", TWISTED, str(server.tls_port), authority, mechanism],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "MESSAGES" in done.stdout, done.stderr


def test_openssl_resumes_with_a_ticket(server: ServerProcess, tmp_path: Path):
    program = needed_program("openssl", "openssl")

    def connect(*more: str) -> str:
        line = [program, "s_client", "-connect", f"127.0.0.1:{server.port}"]
        line += ["-starttls", "imap", "-tls1_2", "-crlf", "-ign_eof", *more]
        done = subprocess.run(
            line,
            input="a1 NOOP\na2 LOGOUT\n",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=tmp_path,
        )
        assert "a2 OK" in done.stdout, done.stdout + done.stderr
        return done.stdout

    assert "New, TLSv1.2" in connect("-sess_out", "session")
    assert "Reused, TLSv1.2" in connect("-sess_in", "session")


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_openssl_gets_no_old_tls(server: ServerProcess, version: str):
    program = needed_program("openssl", "openssl")
    line = [program, "s_client", "-connect", f"127.0.0.1:{server.tls_port}", version]
    line += ["-cipher", "DEFAULT@SECLEVEL=0"]
    done = subprocess.run(
        line, input="", capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode != 0
    assert "Cipher is (NONE)" in done.stdout


# -- app passwords and administrators, by the command line


def test_an_app_password_from_making_to_revoking(server: ServerProcess):
    def command(*arguments: str) -> str:
        return server.imapd("account", "app-password", *arguments).stdout.decode()

    made = command("add", "alice", "phone", "--read-only").strip()
    assert re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", made)
    with imap(server) as client:
        assert client.login("alice", made.replace("-", " ").upper())[0] == "OK"
        assert client.select("INBOX", readonly=True)[0] == "OK"
        assert client.create("x")[0] == "NO"
    until(lambda: json.loads(command("list", "alice", "--json"))[0]["used"])
    (row,) = json.loads(command("list", "alice", "--json"))
    assert (row["name"], row["address"], row["readonly"]) == (
        "phone",
        "127.0.0.1",
        True,
    )
    assert "used" in command("list", "alice")
    command("revoke", "alice", "phone")
    with imap(server) as client, pytest.raises(imaplib.IMAP4.error):
        client.login("alice", made)
    pop = command("add", "alice", "pop", "--protocol", "pop3").strip()
    with imap(server) as client, pytest.raises(imaplib.IMAP4.error):
        client.login("alice", pop)
    server.imapd("account", "app-password", "add", "nobody", "x", code=5)
    server.imapd(
        "account",
        "app-password",
        "add",
        "alice",
        "x",
        "--expires",
        "2001-01-01",
        code=2,
    )


def test_an_administrator_acts_for_alice(server: ServerProcess):
    server.imapd(
        "account", "add", "root", "--admin", "--password-stdin", data=b"root's\n"
    )
    with imap(server) as client:
        message = b"alice\0root\0root's"
        assert client.authenticate("PLAIN", lambda _: message)[0] == "OK"
    until(lambda: '"admin": "root"' in server.log)
    server.imapd("account", "change", "root", "--no-admin")
    with imap(server) as client, pytest.raises(imaplib.IMAP4.error, match="AUTHORIZ"):
        client.authenticate("PLAIN", lambda _: message)
    server.imapd("account", "change", "root", "--disable")
    with imap(server) as client, pytest.raises(imaplib.IMAP4.error, match="AUTHENT"):
        client.login("root", "root's")


def test_an_alias_logs_in(server: ServerProcess):
    server.imapd("alias", "add", "Alice.Jones@example.org", "alice")
    with imap(server) as client:
        assert client.login("alice.jones@example.org", "alice's")[0] == "OK"
    facts = json.loads(server.imapd("account", "show", "alice", "--json").stdout)
    assert facts["aliases"] == ["Alice.Jones@example.org"]
