"""Mail with UTF-8 headers, for clients that haven't asked for UTF-8 (RFC 6858 §3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from mailstore.maintenance.healing import Wish, heal_account
from mailstore.mime.downgrade import downgraded, edits
from tests.support.furnished import OPTIONS
from tests.support.responses import Fetch, SearchResult
from tests.support.session import Session, World

MAIL = (
    "From: José <josé@example.com>\r\nSubject: grüße\r\nMIME-Version: 1.0\r\n"
    "Message-ID: <a@b>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8; name=é\r\n\r\nø\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: ü\r\n\r\ninner\r\n--b--\r\n"
).encode()
PLAIN = b"Subject: plain\r\n\r\nbody\r\n"
ASCII = b"".join(downgraded(MAIL, edits(MAIL)))
EVERYTHING = (
    b"(UID RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[] BODY.PEEK[HEADER]"
    b" BODY.PEEK[TEXT] BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[1.MIME]"
    b" BODY.PEEK[2] BODY.PEEK[2.HEADER] BODY.PEEK[]<20.30> RFC822.HEADER"
    b" BINARY.PEEK[2] BINARY.SIZE[2])"
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.deliver(PLAIN, MAIL, PLAIN)
    yield made
    made.close()


def fetch(session: Session, command: bytes) -> list[Fetch]:
    return session.ok(command).of(Fetch)


def utf8(world: World) -> Session:
    session = world.session()
    session.ok(b"ENABLE UTF8=ACCEPT")
    session.ok(b"SELECT INBOX")
    return session


def test_every_item_is_that_of_the_same_octets(world):
    """What is served is what a server would serve that was given the ASCII form."""
    world.deliver(ASCII, to="Archive")
    old = world.session(mailbox=b"INBOX")
    (shown,) = fetch(old, b"FETCH 2 " + EVERYTHING)
    old.ok(b"SELECT Archive")
    (stored,) = fetch(old, b"FETCH 1 " + EVERYTHING)
    assert {**shown.items, "UID": 1} == stored.items
    assert shown.items["BODY[]"] == ASCII
    assert shown.size == len(ASCII)


def test_sizes_are_exact_beside_ordinary_mail(world):
    old = world.session(mailbox=b"INBOX")
    for items in (b"RFC822.SIZE", b"(RFC822.SIZE ENVELOPE)", b"FAST"):
        sizes = [one.size for one in fetch(old, b"FETCH 1:* " + items)]
        assert sizes == [len(PLAIN), len(ASCII), len(PLAIN)]
    (new,) = fetch(utf8(world), b"FETCH 2 (RFC822.SIZE BODY.PEEK[])")
    assert (new.size, new.items["BODY[]"]) == (len(MAIL), MAIL)


def test_copies_and_what_arrives_later_are_downgraded_too(world):
    old = world.session(mailbox=b"INBOX")
    fetch(old, b"FETCH 1:* RFC822.SIZE")
    world.deliver(PLAIN, MAIL)
    old.ok(b"COPY 2 Archive")
    old.ok(b"NOOP")
    assert [one.size for one in fetch(old, b"FETCH 4:5 RFC822.SIZE")] == [
        len(PLAIN),
        len(ASCII),
    ]
    old.ok(b"SELECT Archive")
    assert [one.size for one in fetch(old, b"FETCH 1 RFC822.SIZE")] == [len(ASCII)]


def test_a_removed_one_is_served_as_it_was(world):
    old, other = world.session(mailbox=b"INBOX"), utf8(world)
    other.ok(b"STORE 2 FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    (found,) = fetch(old, b"FETCH 2 (RFC822.SIZE BODY.PEEK[])")
    assert (found.size, found.items["BODY[]"]) == (len(ASCII), ASCII)


def test_the_message_itself_is_what_it_was(world):
    """Identifiers, digest, searches and copies are those of what came."""
    old, new = world.session(mailbox=b"INBOX"), utf8(world)
    items = b"FETCH 2 (EMAILID DIGEST.SHA1)"
    assert fetch(old, items)[0].items == fetch(new, items)[0].items
    assert old.ok(b"SEARCH CHARSET UTF-8 FROM {5+}\r\njos\xc3\xa9").of(
        SearchResult
    ) == [SearchResult((2,))]
    old.ok(b"APPEND INBOX CATENATE (URL /INBOX/;UID=2)")
    old.ok(b"NOOP")
    new.ok(b"NOOP")
    assert fetch(new, b"FETCH 4 BODY.PEEK[]")[0].items["BODY[]"] == MAIL


def test_news_of_messages_are_downgraded(world):
    old = world.session(mailbox=b"INBOX")
    old.ok(
        b"NOTIFY SET (SELECTED (MessageNew (RFC822.SIZE BODY.PEEK[]) MessageExpunge))"
    )
    world.deliver(MAIL)
    (found,) = old.ok(b"NOOP").of(Fetch)
    assert (found.size, found.items["BODY[]"]) == (len(ASCII), ASCII)


def test_an_administrator_may_have_mail_served_as_it_came(world):
    world.services = dataclasses.replace(world.services, downgrade_headers=False)
    old = world.session(mailbox=b"INBOX")
    (found,) = fetch(old, b"FETCH 2 (RFC822.SIZE BODY.PEEK[])")
    assert (found.size, found.items["BODY[]"]) == (len(MAIL), MAIL)


def test_a_large_one_is_read_through_its_edits(tmp_path):
    world = World(tmp_path)
    data = "Subject: é\r\n\r\n".encode() + b"x" * 3_000_000
    world.deliver(data)
    old = world.session(mailbox=b"INBOX")
    (found,) = fetch(old, b"FETCH 1 (RFC822.SIZE BODY.PEEK[] BODY.PEEK[]<10.30>)")
    expected = b"".join(downgraded(data, edits(data)))
    assert found.items["BODY[]"] == expected
    assert found.items["BODY[]<10>"] == expected[10:40]
    assert found.size == len(expected)
    world.close()


def test_a_surrogate_that_a_repair_makes_is_told(world):
    """`imapd check --repair` works beside a running server."""
    found = world.store.directory.find("ann")
    assert found is not None
    folder = world.store.folder(found.id)
    elsewhere = apsw.Connection(str(folder / "index.db"))
    elsewhere.execute("DELETE FROM surrogate")
    elsewhere.close()
    old = world.session(mailbox=b"INBOX")
    command = b"FETCH 1:* (RFC822.SIZE ENVELOPE)"
    for _ in range(3):
        assert fetch(old, command)[1].size == len(MAIL)
    assert heal_account(folder, OPTIONS, Wish(repair=True)).done
    assert fetch(old, command)[1].size == len(ASCII)
