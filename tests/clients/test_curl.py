"""curl: URLs of IMAP, with TLS of both kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.programs import needed_program, run
from tests.support.certificates import make_certificates
from tests.support.server import ServerProcess

pytestmark = pytest.mark.net

MESSAGE = b"Subject: from curl\r\n\r\n" + b"some line of text\r\n" * 200
Curl = Callable[..., str]


@pytest.fixture
def curl(server: ServerProcess, tmp_path: Path) -> Curl:
    """Give what runs curl as bob over TLS with a path on the server."""
    program = needed_program("curl", "curl")
    account = server.accounts["bob"]
    secret = account.password.replace('"', '\\"')
    (tmp_path / "curlrc").write_text(f'user = "{account.name}:{secret}"\n')

    def call(path: str, *more: str, starttls: bool = False, code: int = 0) -> str:
        url = f"imaps://localhost:{server.tls_port}/{path}"
        if starttls:
            url = f"imap://localhost:{server.port}/{path}"
            more = ("--ssl-reqd", *more)
        line = [program, "-sS", "--config", "curlrc", "--max-time", "30"]
        line += ["--cacert", str(server.certificates.authority), url, *more]
        return run(line, tmp_path, code=code)

    return call


def test_a_message_is_uploaded_and_read(curl: Curl, tmp_path: Path):
    (tmp_path / "message.eml").write_bytes(MESSAGE)
    curl("", "-X", "CREATE curl")
    curl("curl", "-T", "message.eml")
    assert curl("curl;MAILINDEX=1").encode() == MESSAGE
    assert curl("curl;UID=1;SECTION=TEXT").startswith("some line")
    assert "Subject: from curl" in curl("curl;UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)")


def test_starttls_and_custom_requests(curl: Curl):
    assert '"/" INBOX' in curl("", starttls=True)
    assert "* STATUS Sent (MESSAGES 0)" in curl(
        "", "-X", "STATUS Sent (MESSAGES)", starttls=True
    )
    assert "* SEARCH" in curl("Sent?ALL")
    assert "EXISTS" in curl("", "-X", "EXAMINE INBOX")
    assert "NAMESPACE" in curl("", "-X", "NAMESPACE")


def test_a_wrong_password_is_refused(curl: Curl):
    refused = 67  # CURLE_LOGIN_DENIED
    assert "denied" in curl("", "--user", "bob:wrong", code=refused).lower()


def test_a_strange_certificate_is_noticed(curl: Curl, tmp_path: Path):
    other = make_certificates(tmp_path)
    bad_certificate = 60  # CURLE_PEER_FAILED_VERIFICATION
    curl("", "--cacert", str(other.authority), code=bad_certificate)


def test_what_is_not_there(curl: Curl):
    refused = 67  # for SELECT as well
    assert "Select failed" in curl("nowhere;UID=1", code=refused)
