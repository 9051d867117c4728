"""TLS as a server, against OpenSSL as a client, octet by octet in memory."""

import contextlib
import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL

from imapd.net.certificates import CertificateError, load_context, load_contexts
from imapd.net.certificates import Pair as Files
from imapd.net.channel import channel_of
from imapd.net.selfsigned import make_certificate
from imapd.net.tls import Certificates, TlsLayer
from tests.imapd.net.fakes import ClockLoop, FakeTcp
from tests.support.certificates import Authority


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder / "c.pem", folder / "k.pem", ("mail.example", "192.0.2.1"))
    return folder / "c.pem", folder / "k.pem"


class Pair:
    """A server layer and a client, joined in memory."""

    def __init__(
        self,
        certificates: Certificates,
        context: ssl.SSLContext,
        name: str = "localhost",
    ) -> None:
        self.tcp = FakeTcp()
        self.received = bytearray()
        self.ready = 0
        self.layer = TlsLayer(certificates, self.received.extend, self._shaken)
        self.layer.begin(self.tcp)
        self.into = ssl.MemoryBIO()
        self.outof = ssl.MemoryBIO()
        self.client = context.wrap_bio(self.into, self.outof, server_hostname=name)

    def _shaken(self) -> None:
        self.ready += 1

    def move(self) -> None:
        data = self.outof.read()
        if data:
            self.layer.received(data)
        self.into.write(bytes(self.tcp.waiting))
        self.tcp.waiting.clear()

    def handshake(self) -> None:
        for _ in range(10):
            try:
                self.client.do_handshake()
            except ssl.SSLWantReadError:
                self.move()
            else:
                self.move()
                return
        raise AssertionError("no end of the handshake")


def server_side(files: tuple[Path, Path]) -> Certificates:
    return Certificates([Files(*files)], ClockLoop())


def client_context(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def test_a_strict_client_trusts_the_certificate_that_we_make(files):
    context = client_context(files[0])
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    pair = Pair(server_side(files), context)
    pair.handshake()
    assert pair.ready == 1
    assert pair.client.version() == "TLSv1.3"
    told: Any = pair.client.getpeercert()
    names = {value for _, value in told["subjectAltName"]}
    assert {"localhost", "127.0.0.1", "mail.example", "192.0.2.1"} <= names


def test_octets_cross_both_ways(files):
    pair = Pair(server_side(files), client_context(files[0]))
    pair.handshake()
    pair.client.write(b"a1 NOOP\r\n")
    pair.move()
    assert pair.received == b"a1 NOOP\r\n"
    pair.layer.write(b"x" * 100_000)
    pair.move()
    got = b"".join(pair.client.read(65_536) for _ in range(7))
    assert got == b"x" * 100_000


def test_the_key_is_its_owners_alone(files):
    assert files[1].stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_there_is_never_overwritten(files):
    before = files[1].read_bytes()
    with pytest.raises(FileExistsError):
        make_certificate(*files)
    assert files[1].read_bytes() == before


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_suites_have_forward_secrecy_and_authenticate(files, version):
    context = client_context(files[0])
    context.minimum_version = context.maximum_version = version
    pair = Pair(server_side(files), context)
    pair.handshake()
    suite = pair.client.cipher()
    assert suite is not None
    assert suite[0].startswith(("ECDHE-", "TLS_"))
    assert "GCM" in suite[0] or "POLY1305" in suite[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(files):
    context = ssl.create_default_context(cafile=str(files[0]))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    pair = Pair(server_side(files), context)
    with pytest.raises(ssl.SSLError):
        pair.handshake()
    assert pair.ready == 0


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["imap"], "imap"), (["h2", "imap"], "imap"), ([], None)]
)
def test_a_client_may_name_imap_or_nothing(files, offered, chosen):
    context = client_context(files[0])
    if offered:
        context.set_alpn_protocols(offered)
    pair = Pair(server_side(files), context)
    pair.handshake()
    assert pair.client.selected_alpn_protocol() == chosen


def test_another_protocol_is_refused_with_the_alert_of_rfc_7301(files):
    context = client_context(files[0])
    context.set_alpn_protocols(["http/1.1", "h2"])
    pair = Pair(server_side(files), context)
    with pytest.raises(ssl.SSLError) as caught:
        pair.handshake()
    assert "NO_APPLICATION_PROTOCOL" in str(caught.value).upper().replace(" ", "_")
    assert pair.tcp.closed


def test_garbage_ends_the_connection(files):
    pair = Pair(server_side(files), client_context(files[0]))
    pair.layer.received(b"GET / HTTP/1.1\r\n\r\n")
    assert pair.tcp.closed
    assert pair.ready == 0


def test_sessions_resume_by_ticket(files):
    certificates = server_side(files)
    context = client_context(files[0])
    first = Pair(certificates, context)
    first.handshake()
    first.layer.write(b"* OK\r\n")
    first.move()
    first.client.read(100)
    second = Pair(certificates, context)
    second.client = context.wrap_bio(
        second.into,
        second.outof,
        server_hostname="localhost",
        session=first.client.session,
    )
    second.handshake()
    assert second.client.session_reused


def test_renewal_serves_the_new_and_keeps_the_old_connection(files, tmp_path):
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    certificate.write_bytes(files[0].read_bytes())
    key.write_bytes(files[1].read_bytes())
    certificates = Certificates([Files(certificate, key)], ClockLoop())
    old = Pair(certificates, client_context(certificate))
    old.handshake()
    make_certificate(tmp_path / "c2.pem", tmp_path / "k2.pem")
    certificate.write_bytes((tmp_path / "c2.pem").read_bytes())
    key.write_bytes((tmp_path / "k2.pem").read_bytes())
    certificates.use([Files(certificate, key)])
    new = Pair(certificates, client_context(certificate))
    new.handshake()
    old.client.write(b"a1 NOOP\r\n")
    old.move()
    assert old.received == b"a1 NOOP\r\n"


def test_a_bad_new_certificate_keeps_the_old_one(files, tmp_path):
    certificates = server_side(files)
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(CertificateError):
        certificates.use([Files(tmp_path / "bad.pem", files[1])])
    pair = Pair(certificates, client_context(files[0]))
    pair.handshake()
    assert pair.ready == 1


def test_unusable_files_are_told_in_words(files, tmp_path):
    other_key = tmp_path / "k.pem"
    make_certificate(tmp_path / "c.pem", other_key)
    with pytest.raises(CertificateError, match="is not the key of"):
        load_context(files[0], other_key)
    with pytest.raises(CertificateError, match="cannot be read: No such file"):
        load_context(tmp_path / "none.pem", other_key)
    with pytest.raises(CertificateError, match=r"k\.pem is no usable PEM"):
        load_context(other_key, other_key)
    (tmp_path / "locked.pem").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
        "-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    with pytest.raises(CertificateError, match=r"locked\.pem is no usable PEM"):
        load_context(files[0], tmp_path / "locked.pem")


def test_the_end_is_said_only_after_the_handshake(files):
    pair = Pair(server_side(files), client_context(files[0]))
    assert not pair.layer.end()
    pair.handshake()
    assert pair.layer.end()
    pair.move()
    assert pair.client.read(10) == b""


# -- names, client certificates, channel bindings


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def issue(authority: Authority, *names: Any, **more: Any) -> Files:
    return Files(*authority.issue(*names, **more))


def wanted_name(certificates: Certificates, authority: Authority, name: str) -> str:
    """Give the common name of the certificate that a client gets who asks for one."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.check_hostname = False
    pair = Pair(certificates, context, name=name)
    pair.handshake()
    told: Any = pair.client.getpeercert()
    return str(told["subject"][0][0][1])


def test_clients_get_the_certificate_of_the_name_they_ask_for(authority):
    certificates = Certificates(
        [
            issue(authority, "default", ["mail.example.org"]),
            issue(authority, "exact", ["imap.example.net", "x.example.com"]),
            issue(authority, "wildcard", ["*.example.com"]),
        ],
        ClockLoop(),
    )
    for name, common_name in (
        ("mail.example.org", "default"),
        ("nobody.example.org", "default"),
        ("imap.example.net", "exact"),
        ("IMAP.Example.NET", "exact"),
        ("x.example.com", "exact"),
        ("y.example.com", "wildcard"),
        ("a.b.example.com", "default"),
    ):
        assert wanted_name(certificates, authority, name) == common_name, name


def test_a_client_may_show_a_certificate(authority, tmp_path):
    certificates = Certificates(
        [issue(authority, "server", ["localhost"])],
        ClockLoop(),
        client_ca=authority.certificate,
    )
    mine = issue(authority, "ann", ["ann"], client=True)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    without = Pair(certificates, context)
    without.handshake()
    without.move()
    assert without.layer.channel().certificate is None
    context.load_cert_chain(mine.certificate, mine.key)
    shown = Pair(certificates, context)
    shown.handshake()
    shown.move()
    pem = ssl.PEM_cert_to_DER_cert(mine.certificate.read_text())
    assert shown.layer.channel().certificate == pem
    stranger = issue(Authority(tmp_path), "ann", ["ann"], client=True)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.load_cert_chain(stranger.certificate, stranger.key)
    refused = Pair(certificates, context)
    refused.handshake()  # in TLS 1.3 the client's part is over before it is told
    with pytest.raises(ssl.SSLError):
        refused.move()
        refused.client.read(1)
    assert refused.ready == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_channel_bindings_are_those_of_the_client(authority, version):
    """RFC 9266 and RFC 5929: an OpenSSL client computes the same."""
    files = issue(authority, "server", ["localhost"])
    certificates = Certificates([files], ClockLoop())
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    numbers = {ssl.TLSVersion.TLSv1_2: SSL.TLS1_2_VERSION}
    context.set_max_proto_version(numbers.get(version, SSL.TLS1_3_VERSION))
    client = SSL.Connection(context, None)
    client.set_connect_state()
    pair = Pair(certificates, ssl.create_default_context())
    for _ in range(6):
        with contextlib.suppress(SSL.WantReadError):
            client.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            pair.layer.received(client.bio_read(65_536))
        if pair.tcp.waiting:
            client.bio_write(bytes(pair.tcp.waiting))
            pair.tcp.waiting.clear()
    bindings = pair.layer.channel().bindings
    der = ssl.PEM_cert_to_DER_cert(files.certificate.read_text())
    assert bindings["tls-server-end-point"] == hashlib.sha256(der).digest()
    assert channel_of(client).bindings.keys() == bindings.keys() - {
        "tls-server-end-point"
    }
    if version is ssl.TLSVersion.TLSv1_3:
        label = b"EXPORTER-Channel-Binding"
        assert bindings["tls-exporter"] == client.export_keying_material(label, 32, b"")
    else:
        assert "tls-exporter" not in bindings


def test_unusable_authorities_are_told_in_words(authority, tmp_path):
    files = issue(authority, "server", ["localhost"])
    (tmp_path / "bad.pem").write_text("no certificate")
    for bad in ("bad.pem", "none.pem"):
        with pytest.raises(CertificateError, match="client_ca"):
            load_contexts([files], tmp_path / bad)
