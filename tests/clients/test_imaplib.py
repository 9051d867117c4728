"""Python's own imaplib, over plain sockets, STARTTLS and TLS."""

from __future__ import annotations

import datetime as dt
import imaplib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.server import ServerProcess

pytestmark = pytest.mark.net

MESSAGE = b"""From: Ann <ann@example.org>\r
To: Bob <bob@example.org>\r
Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r
\r
hello\r
"""
WHEN = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))


@pytest.fixture
def client(server: ServerProcess) -> Iterator[imaplib.IMAP4]:
    """Give a client that is logged in over STARTTLS."""
    with imaplib.IMAP4(server.host, server.port, timeout=20) as made:
        made.starttls(server.certificates.client_context())
        made.login("bob", server.accounts["bob"].password)
        yield made


def ok(answer: tuple[str, Any]) -> Any:
    status, data = answer
    assert status == "OK", data
    return data


def test_implicit_tls_wants_a_genuine_certificate(server: ServerProcess):
    account = server.accounts["alice"]
    context = server.certificates.client_context()
    with imaplib.IMAP4_SSL(
        "localhost", server.tls_port, ssl_context=context, timeout=20
    ) as client:
        assert ok(client.login(account.name, account.password))
        assert "IMAP4REV1" in {name.upper() for name in client.capabilities}


def test_a_wrong_password_is_told(server: ServerProcess):
    with imaplib.IMAP4(server.host, server.port, timeout=20) as client:
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.login("carol", "wrong")
        password = server.accounts["carol"].password
        assert ok(
            client.authenticate("PLAIN", lambda _: f"\0carol\0{password}".encode())
        )


def test_a_message_goes_in_comes_out_and_goes(client: imaplib.IMAP4):
    ok(client.create("imaplib/one"))
    ok(client.append("imaplib/one", r"(\Flagged $Work)", WHEN, MESSAGE))
    assert ok(client.select("imaplib/one")) == [b"1"]
    data = ok(client.fetch("1", "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))
    assert isinstance(data[0], tuple)
    head, body = data[0]
    assert body == MESSAGE
    assert set(imaplib.ParseFlags(head)) == {b"\\Flagged", b"$Work", b"\\Recent"}
    assert b"RFC822.SIZE %d" % len(MESSAGE) in head
    date = imaplib.Internaldate2tuple(head)
    assert date is not None
    assert time.mktime(date) == WHEN.timestamp()
    ok(client.store("1", "+FLAGS", r"\Deleted"))
    assert ok(client.expunge()) == [b"1"]
    assert ok(client.search(None, "ALL")) == [b""]


def test_search_takes_a_charset_with_a_literal(client: imaplib.IMAP4):
    ok(client.create("imaplib/search"))
    ok(client.append("imaplib/search", "", None, MESSAGE))
    ok(client.select("imaplib/search", readonly=True))
    setattr(client, "literal", "GRÜSSE".casefold().encode())  # noqa: B010 - untyped
    assert ok(client.search("UTF-8", "SUBJECT")) == [b"1"]
    assert ok(client.uid("SEARCH", "SUBJECT", '"nothing"')) == [b""]


def test_copy_move_and_partials(client: imaplib.IMAP4):
    ok(client.create("imaplib/copies"))
    ok(client.append("imaplib/copies", "", None, MESSAGE))
    ok(client.select("imaplib/copies"))
    ok(client.copy("1", "Archive"))
    assert client.response("COPYUID")[1] != [None]
    ok(client.uid("MOVE", "1", "Trash"))
    assert client.response("EXPUNGE") == ("EXPUNGE", [b"1"])
    ok(client.select("Trash"))
    data = ok(client.uid("FETCH", "*", "(BODY[TEXT]<1.3>)"))
    assert isinstance(data[0], tuple)
    assert data[0][1] == b"ell"


def test_names_subscriptions_and_counters(client: imaplib.IMAP4):
    ok(client.create('"imaplib/a b"'))
    assert b'(\\HasNoChildren) "/" "imaplib/a b"' in ok(client.list("imaplib/", "%"))
    assert ok(client.lsub("imaplib/", "a*")) == [b'(\\HasNoChildren) "/" "imaplib/a b"']
    ok(client.rename('"imaplib/a b"', "imaplib/ab"))
    assert ok(client.status("imaplib/ab", "(MESSAGES UIDNEXT)")) == [
        b"imaplib/ab (MESSAGES 0 UIDNEXT 1)"
    ]
    ok(client.unsubscribe("imaplib/ab"))
    ok(client.delete("imaplib/ab"))
    assert ok(client.namespace()) == [
        b'(("" "/")) (("Other Users/" "/")) (("Shared/" "/"))'
    ]
    assert client.status("imaplib/ab", "(MESSAGES)")[0] == "NO"


def test_what_others_append_is_told(client: imaplib.IMAP4, server: ServerProcess):
    ok(client.create("imaplib/news"))
    ok(client.select("imaplib/news"))
    with server.client("bob") as other:
        other.append(MESSAGE, "imaplib/news")
    ok(client.noop())
    assert client.response("EXISTS")[1][-1] == b"1"
    ok(client.check())
    ok(client.unselect())
