"""The server for other people's tests."""

import imaplib
import ssl
import threading
import time

import pytest

import imapd.testing
from imapd.session.limits import Limits
from mailstore.errors import AlreadyExists

pytestmark = pytest.mark.net


def test_it_serves_mail():
    with imapd.testing.server() as server:
        with imaplib.IMAP4(server.host, server.port, timeout=20) as client:
            client.login(server.user, server.password)
            client.append("INBOX", "", None, b"Subject: hello\r\n\r\nworld\r\n")
            client.select()
            assert client.search(None, "SUBJECT", "hello") == ("OK", [b"1"])
        assert "password" not in repr(server)
        folder = server.folder
        assert folder.exists()
    assert not folder.exists()


def test_it_speaks_tls_with_a_certificate_to_trust():
    with imapd.testing.server(user="ä", password="ö ü") as server:
        context = ssl.create_default_context(cafile=str(server.certificate))
        with imaplib.IMAP4_SSL(
            "localhost", server.tls_port, ssl_context=context, timeout=20
        ) as client:
            assert client.noop()[0] == "OK"


def test_accounts_can_be_added():
    with imapd.testing.server() as server:
        server.add_account("bob", "b")
        with imaplib.IMAP4(server.host, server.port, timeout=20) as client:
            client.login("bob", "b")
        with pytest.raises(AlreadyExists):
            server.add_account("bob", "b")


def test_a_folder_keeps_the_mail(tmp_path):
    for number in range(2):
        with (
            imapd.testing.server(folder=tmp_path) as server,
            imaplib.IMAP4(server.host, server.port, timeout=20) as client,
        ):
            client.login(server.user, server.password)
            assert client.select()[1] == [b"%d" % number]
            client.append("INBOX", "", None, b"Subject: x\r\n\r\n")


def test_several_servers_run_at_once():
    with imapd.testing.server() as one, imapd.testing.server() as other:
        assert one.port != other.port
        one.add_account("only-here", "x")
        with (
            imaplib.IMAP4(other.host, other.port, timeout=20) as client,
            pytest.raises(imaplib.IMAP4.error),
        ):
            client.login("only-here", "x")


def test_limits_can_be_tried():
    with (
        imapd.testing.server(limits=Limits(connections_per_address=1)) as server,
        imaplib.IMAP4(server.host, server.port, timeout=20),
        pytest.raises(imaplib.IMAP4.error, match="too many connections"),
    ):
        imaplib.IMAP4(server.host, server.port, timeout=20)


def test_it_leaves_no_thread_and_waits_for_nobody():
    threads = threading.active_count()
    with imapd.testing.server() as server:
        client = imaplib.IMAP4(server.host, server.port, timeout=20)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert threading.active_count() == threads
    client.shutdown()
