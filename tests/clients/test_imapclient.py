"""IMAPClient, whose parser is independent of ours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient import DELETED, FLAGGED, SEEN, IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError

from tests.support.server import ACCOUNTS, ServerProcess, running_server

pytestmark = pytest.mark.net

MESSAGE = b"""From: "Ann, the first" <ann@example.org>\r
Sender: list@example.org\r
To: friends: bob@example.org, carol@example.org;, dan@example.org\r
Subject: a (round) "quoted" \\ subject\r
Date: Tue, 24 Nov 2026 12:00:00 +0100\r
Message-ID: <one@example.org>\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative; boundary=x\r
\r
--x\r
Content-Type: text/plain; charset=utf-8\r
\r
plain\r
--x\r
Content-Type: text/html; charset=utf-8\r
\r
<p>rich</p>\r
--x--\r
"""
WHEN = dt.datetime(2026, 11, 24, 11, 0, tzinfo=dt.UTC)


@pytest.fixture
def client(server: ServerProcess) -> Iterator[IMAPClient]:
    """Give a client that is logged in over TLS."""
    with IMAPClient(
        "localhost",
        server.tls_port,
        ssl_context=server.certificates.client_context(),
        timeout=20,
    ) as made:
        made.normalise_times = False
        made.login("carol", server.accounts["carol"].password)
        yield made


def test_login_and_capabilities(server: ServerProcess):
    with IMAPClient(server.host, server.port, ssl=False, timeout=20) as client:
        with pytest.raises(LoginError):
            client.login("carol", "wrong")
        client.starttls(server.certificates.client_context())
        client.plain_login("carol", server.accounts["carol"].password)
        for name in ("IMAP4REV1", "IDLE", "UIDPLUS", "MOVE", "NAMESPACE", "ID"):
            assert client.has_capability(name)
        assert client.id_({"name": "test"})[0]
        assert client.namespace().personal == (("", "/"),)


def test_special_folders_are_found(client: IMAPClient):
    found = {client.find_special_folder(use) for use in (b"\\Sent", b"\\Trash")}
    assert found == {"Sent", "Trash"}
    flags = {name: flags for flags, _, name in client.list_folders()}
    assert b"\\Junk" in flags["Junk"]


def test_names_are_unicode(client: IMAPClient):
    client.create_folder("Persönlich & 日本/Übung")
    assert client.folder_exists("Persönlich & 日本")
    names = [name for _, _, name in client.list_folders("", "Pers*")]
    assert names == ["Persönlich & 日本", "Persönlich & 日本/Übung"]
    client.rename_folder("Persönlich & 日本/Übung", "Persönlich & 日本/übung")
    assert client.folder_exists("Persönlich & 日本/übung")
    client.unsubscribe_folder("Persönlich & 日本/übung")
    assert not [n for _, _, n in client.list_sub_folders("", "*") if "bung" in n]
    client.delete_folder("Persönlich & 日本/übung")


def test_a_message_is_described(client: IMAPClient):
    client.create_folder("described")
    client.append("described", MESSAGE, (FLAGGED, b"$Work"), WHEN)
    assert client.select_folder("described", readonly=True)[b"EXISTS"] == 1
    (row,) = client.fetch(
        [1], ["ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE", "FLAGS", "INTERNALDATE"]
    ).values()
    envelope = row[b"ENVELOPE"]
    assert envelope.subject == b'a (round) "quoted" \\ subject'
    assert envelope.message_id == b"<one@example.org>"
    assert [str(one) for one in envelope.sender] == ["list@example.org"]
    assert envelope.from_[0].name == b"Ann, the first"
    assert [one.mailbox for one in envelope.to] == [
        b"friends",
        b"bob",
        b"carol",
        None,
        b"dan",
    ]
    assert envelope.date == dt.datetime(
        2026, 11, 24, 12, tzinfo=dt.timezone(dt.timedelta(hours=1))
    )
    body = row[b"BODYSTRUCTURE"]
    assert body.is_multipart
    assert [(part[0], part[1], part[6]) for part in body[0]] == [
        (b"text", b"plain", 5),
        (b"text", b"html", 11),
    ]
    assert row[b"RFC822.SIZE"] == len(MESSAGE)
    assert row[b"INTERNALDATE"] == WHEN
    assert set(row[b"FLAGS"]) >= {FLAGGED, b"$Work"}


def test_parts_are_fetched(client: IMAPClient):
    client.create_folder("parts")
    client.append("parts", MESSAGE)
    client.select_folder("parts")
    (row,) = client.fetch([1], ["BODY.PEEK[]", "BODY.PEEK[2]", "BODY[1]<1.3>"]).values()
    assert row[b"BODY[]"] == MESSAGE
    assert row[b"BODY[2]"] == b"<p>rich</p>"
    assert row[b"BODY[1]<1>"] == b"lai"
    assert SEEN in client.get_flags([1])[1]


def test_flags_search_copy_move_expunge(client: IMAPClient):
    client.create_folder("work")
    for number in range(1, 6):
        client.append("work", b"Subject: %d\r\n\r\nbody\r\n" % number)
    client.select_folder("work")
    uids = client.search()
    assert uids == [1, 2, 3, 4, 5]
    client.add_flags(uids[:2], [SEEN, b"todo"])
    client.remove_flags([1], [SEEN])
    assert client.search(["SEEN"]) == [2]
    assert client.search(["KEYWORD", "todo", "NOT", "SEEN"]) == [1]
    assert client.search(["SUBJECT", "3", "SINCE", dt.date(2020, 1, 1)]) == [3]
    client.copy([4, 5], "Drafts")
    client.move([5], "Trash")
    client.delete_messages([1])
    client.uid_expunge([1])
    client.set_flags([2], [DELETED])
    client.expunge()
    assert client.search() == [3, 4]
    status = client.folder_status("work", ["MESSAGES", "UIDNEXT"])
    assert status == {b"MESSAGES": 2, b"UIDNEXT": 6}
    with pytest.raises(IMAPClientError):
        client.copy([3], "nowhere")


def test_idle_wakes(client: IMAPClient, server: ServerProcess):
    client.create_folder("idle")
    client.select_folder("idle")
    client.idle()
    with server.client("carol") as other:
        other.append(MESSAGE, "idle")
    found: list[object] = []
    while (1, b"EXISTS") not in found:
        heard = client.idle_check(timeout=10)
        assert heard, found
        found += heard
    client.idle_done()


def test_gmail_labels(tmp_path: Path):
    """A program that asks for X-GM-EXT-1 works with mailboxes as labels."""
    wanted = '[features]\non = ["X-GM-EXT-1"]\n'
    carol = ACCOUNTS[2:]
    with running_server(tmp_path, accounts=carol, more_config=wanted) as server:
        context = server.certificates.client_context()
        with IMAPClient("localhost", server.tls_port, ssl_context=context) as client:
            client.login("carol", server.accounts["carol"].password)
            assert client.has_capability("X-GM-EXT-1")
            client.append("INBOX", MESSAGE)
            client.append("INBOX", b"Subject: another\r\n\r\n")
            client.select_folder("INBOX")
            assert client.get_gmail_labels([1, 2]) == {1: [], 2: []}
            given = ["\\Sent", "\u00c4rger", "a b"]
            assert sorted(client.add_gmail_labels([1], given)[1]) == sorted(given)
            assert client.remove_gmail_labels([1], ["a b"]) == {1: given[:2]}
            assert client.set_gmail_labels([2], ["x"]) == {2: ["x"]}
            assert client.set_gmail_labels([2], [], silent=True) is None
            assert client.get_gmail_labels([2]) == {2: []}
            assert client.gmail_search("label:\u00e4rger subject:round") == [1]
            assert client.gmail_search("-has:attachment -in:sent") == [2]
            client.select_folder("\u00c4rger")
            assert set(client.get_gmail_labels([1])[1]) == {"\\Inbox", "\\Sent"}
