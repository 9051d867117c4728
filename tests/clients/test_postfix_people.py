"""Debian's Postfix asks who may send, and who is there, as docs/howto/mta.md says."""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Iterator

import pytest

import imapd.testing
from imapd.config import Listen
from imapd.testing import RunningServer
from mailstore.lanes import InlineRuntime
from mailstore.service import Store
from tests.support.postfix import Postfix, prepared_postfix

pytestmark = pytest.mark.net

ANN, BOB, ODD = "ann@example.org", "bob@example.org", "odd@example.org"
CONFIG = """\
virtual_transport = lmtp:unix:{folder}/lmtp
virtual_mailbox_domains = socketmap:unix:{folder}/map:domain
virtual_mailbox_maps = socketmap:unix:{folder}/map:mailbox
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = unix:{folder}/auth
smtpd_tls_auth_only = yes
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_sender_login_maps = socketmap:unix:{folder}/map:senders
smtpd_sender_restrictions = reject_sender_login_mismatch
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions =
    reject_unlisted_recipient,
    check_recipient_access socketmap:unix:{folder}/map:full,
    permit_sasl_authenticated, reject
"""


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with prepared_postfix() as made:
        yield made


@pytest.fixture(scope="module")
def server(postfix: Postfix) -> Iterator[RunningServer]:
    also = [
        Listen(
            protocol=protocol,
            address=(f"unix:{postfix.folder}/{name}", 0),
            tls="none",
            socket_mode="0666",
        )
        for protocol, name in (("lmtp", "lmtp"), ("auth", "auth"), ("socketmap", "map"))
    ]
    with imapd.testing.server(user=ANN, also=also) as made:
        made.add_account(BOB, "bob's secret")
        store = Store.open(made.folder / "store", InlineRuntime())
        store.directory.addresses.add_domain("example.org")
        store.directory.create(f"x,{BOB}", None)
        odd = store.directory.find(f"x,{BOB}")
        assert odd is not None
        store.directory.addresses.add_alias(ODD, odd.id)
        store.close()
        config = CONFIG.format(
            folder=postfix.folder,
            certificate=made.certificate,
            key=made.folder / "key.pem",
        )
        postfix.start(config)
        yield made


@pytest.fixture
def smtp(server: RunningServer, postfix: Postfix) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", postfix.port, timeout=60) as client:
        client.starttls()
        yield client


def test_a_submission_is_proved_by_us_and_delivered_to_us(
    server: RunningServer, smtp: smtplib.SMTP
):
    watching = imaplib.IMAP4(server.host, server.port, timeout=60)
    watching.login(BOB, "bob's secret")
    watching.select()
    watching.send(b"i IDLE\r\n")
    assert smtp.ehlo()[0] == 250
    assert {"PLAIN", "LOGIN"} <= set(smtp.esmtp_features["auth"].split())
    smtp.login(ANN, server.password)
    smtp.sendmail(ANN, [BOB], b"Subject: from ann\r\n\r\nhi\r\n")
    while not watching.readline().startswith(b"* 1 EXISTS"):
        pass
    watching.send(b"DONE\r\n")
    while not watching.readline().startswith(b"i OK"):
        pass
    (found,) = watching.fetch("1", "(BODY.PEEK[])")[1][:1]
    assert isinstance(found, tuple)
    assert b"Subject: from ann\r\n" in found[1]
    watching.logout()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_each_mechanism_lets_in_and_refuses(
    server: RunningServer, smtp: smtplib.SMTP, mechanism: str
):
    smtp.ehlo()
    smtp.user, smtp.password = ANN, "wrong"
    authenticate = getattr(smtp, f"auth_{mechanism.lower()}")
    with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        smtp.auth(mechanism, authenticate)
    assert caught.value.smtp_code == 535
    smtp.password = server.password
    assert smtp.auth(mechanism, authenticate)[0] == 235


def test_nobody_sends_by_the_name_of_another(server: RunningServer, smtp: smtplib.SMTP):
    smtp.login(ANN, server.password)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        smtp.sendmail(BOB, [BOB], b"Subject: x\r\n\r\n")
    assert caught.value.recipients[BOB][0] == 553


def test_a_part_of_a_name_is_nobodys_name(server: RunningServer, smtp: smtplib.SMTP):
    """Another account's name ends in his: the address is not bob's to send by."""
    smtp.login(BOB, "bob's secret")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        smtp.sendmail(ODD, [BOB], b"Subject: x\r\n\r\n")
    assert caught.value.recipients[BOB][0] == 553


def test_who_is_not_there_is_refused_at_once(server: RunningServer, smtp: smtplib.SMTP):
    smtp.login(ANN, server.password)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        smtp.sendmail(ANN, ["nobody@example.org"], b"Subject: x\r\n\r\n")
    assert caught.value.recipients["nobody@example.org"][0] == 550


def test_postmap_asks(server: RunningServer, postfix: Postfix):
    def ask(name: str, key: str) -> str:
        where = f"socketmap:unix:{postfix.folder}/map:{name}"
        return postfix.command("postmap", "-q", key, where).strip()

    assert ask("mailbox", "ann+lists@example.org") == ANN
    assert ask("domain", "example.org") == "example.org"
    assert ask("senders", BOB) == BOB
    with pytest.raises(AssertionError):  # its way to say that nothing was found
        ask("mailbox", "nobody@example.org")
