"""Debian's Postfix brings mail by LMTP, as docs/howto/mta.md says."""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

import imapd.testing
from imapd.config import Listen
from imapd.testing import RunningServer
from tests.support.postfix import Postfix, prepared_postfix

pytestmark = [pytest.mark.net, pytest.mark.mta]

# Postfix would add what is missing.
COMPLETE = (
    b"From: eve@example.net\r\nDate: Wed, 25 Nov 2026 12:00:00 +0000\r\n"
    b"Message-ID: <1@example.net>\r\nSubject: hi\r\n"
)
CONFIG = """\
virtual_transport = lmtp:unix:{socket}
smtpd_recipient_restrictions = reject_unauth_destination, reject_unverified_recipient
unverified_recipient_reject_code = 550
address_verify_poll_delay = 1s
smtpd_forbid_bare_newline = normalize
smtpd_forbid_bare_newline_exclusions =
"""


@pytest.fixture(scope="module")
def postfix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postfix]:
    with prepared_postfix() as made:
        yield made


@pytest.fixture(scope="module")
def server(postfix: Postfix) -> Iterator[RunningServer]:
    path = postfix.folder / "lmtp"
    unix = Listen(
        protocol="lmtp", address=(f"unix:{path}", 0), tls="none", socket_mode="0666"
    )
    with imapd.testing.server(user="ann@example.org", also=[unix]) as made:
        made.add_account("bob@example.org", "secret")
        postfix.start(CONFIG.format(socket=path))
        yield made


class Watching:
    """Waits for mail in a mailbox by IDLE."""

    def __init__(self, server: RunningServer, mailbox: str = "INBOX") -> None:
        self.client = imaplib.IMAP4(server.host, server.port, timeout=60)
        self.client.login(server.user, server.password)
        self.before = int(self.client.select(mailbox)[1][0] or b"0")
        self.client.send(b"i IDLE\r\n")

    def new(self, count: int = 1) -> bytes:
        """Give the newest message once so many have come."""
        wanted = b"* %d EXISTS" % (self.before + count)
        while not self.client.readline().startswith(wanted):
            pass
        self.client.send(b"DONE\r\n")
        while not self.client.readline().startswith(b"i OK"):
            pass
        (found,) = self.client.fetch("*", "(BODY.PEEK[])")[1][:1]
        assert isinstance(found, tuple)
        self.client.logout()
        return found[1]


def send(postfix: Postfix, *to: str, message: bytes) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
        return client.sendmail("eve@example.net", to, message)


def test_mail_goes_from_smtp_to_idle(server: RunningServer, postfix: Postfix):
    watching = Watching(server)
    refused = send(
        postfix,
        "ann@example.org",
        "bob@example.org",
        "nobody@example.org",
        message=COMPLETE + b"\r\n.dot\r\n\xff\r\n",
    )
    assert list(refused) == ["nobody@example.org"]
    assert refused["nobody@example.org"][0] == 550
    message = watching.new()
    assert message.startswith(
        b"Return-Path: <eve@example.net>\r\nDelivered-To: ann@example.org\r\n"
    )
    assert message.endswith(b"\r\n" + COMPLETE + b"\r\n.dot\r\n\xff\r\n")


def test_an_address_names_a_mailbox(server: RunningServer, postfix: Postfix):
    watching = Watching(server, "Archive")
    send(postfix, "ann+archive@example.org", message=b"Subject: kept\r\n\r\n")
    assert b"Subject: kept\r\n" in watching.new()


def test_large_mail_and_much_of_it(server: RunningServer, postfix: Postfix):
    watching = Watching(server)
    send(postfix, "ann@example.org", message=b"a: b\r\n\r\n" + b"x" * 70 * 30_000)
    for number in range(20):
        send(postfix, "ann@example.org", message=b"Subject: %d\r\n\r\n" % number)
    watching.new(21)


def test_bare_line_ends_come_mended(server: RunningServer, postfix: Postfix):
    """What Postfix mends is taken; what it would pass on as it is, is refused."""
    watching = Watching(server)
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
        client.ehlo()
        client.docmd("MAIL FROM:<eve@example.net>")
        client.docmd("RCPT TO:<ann@example.org>")
        client.docmd("DATA")
        client.send(b"Subject: lf\n\none\ntwo\r\n.\r\n")
        assert client.getreply()[0] == 250
    message = watching.new()
    assert b"\r\nSubject: lf\r\n" in message
    assert message.endswith(b"\r\n\r\none\r\ntwo\r\n")


def test_a_message_of_sendmail_arrives(server: RunningServer, postfix: Postfix):
    watching = Watching(server)
    postfix.command(
        "sendmail",
        "-f",
        "eve@example.net",
        "ann@example.org",
        text="Subject: local\n\nhi\n",
    )
    assert b"Subject: local\r\n" in watching.new()


def test_the_page_of_the_howto_is_what_postfix_takes(
    server: RunningServer, postfix: Postfix
):
    page = Path(__file__).parents[2] / "docs" / "howto" / "mta.md"
    text = page.read_text("utf-8").partition("## Postfix")[2]
    block = text.partition("```text\n")[2].partition("```")[0]
    folder = postfix.folder / "page"
    folder.mkdir()
    (folder / "main.cf").write_text(block)
    (folder / "master.cf").write_bytes((postfix.config / "master.cf").read_bytes())
    told = Postfix(folder, 0)
    (folder / "etc").symlink_to(folder)
    for line in told.command("postconf", "-n").splitlines():
        name, _, value = line.partition(" = ")
        assert name
        assert value is not None
    assert "lmtp:unix:/run/imapd/lmtp" in told.command("postconf", "virtual_transport")
