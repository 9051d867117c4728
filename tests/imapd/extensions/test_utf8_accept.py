"""UTF8=ACCEPT: names, strings and headers in UTF-8, once it was enabled (RFC 6855)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imapd.commands.append import Append
from imapd.extensions.utf8_accept import Utf8Data, parse
from imapd.features import ALL
from imapd.session.append_program import NewMessage
from imapd.session.registry import Registry
from imapd.wire.cursor import Cursor, Malformed
from imapd.wire.framing import Literal
from tests.imapd.commands.peers import reparsed
from tests.support.responses import Exists, Fetch, ListLine, SearchResult
from tests.support.session import Session, World

MAIL = "From: Jøran <jøran@example.org>\r\nSubject: grüße\r\n\r\nø\r\n".encode()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    session = world.session()
    session.ok(b"ENABLE UTF8=ACCEPT")
    return session


def test_names_are_utf8_in_both_directions(world, ann):
    ann.ok('CREATE "Entwürfe & mehr"'.encode())
    answer = ann.ok(b'LIST "" Ent*')
    assert [one.name for one in answer.of(ListLine)] == ["Entwürfe & mehr"]
    assert '"Entwürfe & mehr"'.encode() in answer.raw
    old = world.session()
    assert b'"Entw&APw-rfe &- mehr"' in old.ok(b'LIST "" Ent*').raw
    old.ok(b'SELECT "Entw&APw-rfe &- mehr"')
    ann.ok('SELECT "Entwürfe & mehr"'.encode())
    ann.ok('STATUS "Entwürfe & mehr" (MESSAGES)'.encode())


def test_what_is_no_utf8_is_bad(ann):
    ann.bad(b'SELECT "\xff"')
    ann.bad(b'CREATE "\xed\xa0\x80"')


def test_before_it_was_enabled_quoted_strings_are_ascii(world):
    old = world.session()
    old.bad('SELECT "Entwürfe"'.encode())


def test_searches_are_in_utf8_and_name_no_charset(world, ann):
    world.deliver(MAIL)
    ann.ok(b"SELECT INBOX")
    assert ann.ok('SEARCH SUBJECT "GRÜSSE"'.encode()).of(SearchResult)
    assert ann.ok('SEARCH FROM "jøran"'.encode()).of(SearchResult) == [
        SearchResult((1,))
    ]
    ann.bad(b"SEARCH CHARSET UTF-8 ALL")
    old = world.session(mailbox=b"INBOX")
    old.ok(b"SEARCH CHARSET UTF-8 ALL")


def test_a_header_may_be_utf8(ann):
    ann.ok(b"APPEND INBOX (\\Seen) UTF8 (~{%d+}\r\n%b)" % (len(MAIL), MAIL))
    ann.begin(b"APPEND INBOX UTF8 (~{%d}" % len(MAIL))
    assert ann.feed(MAIL + b")\r\n")[-1].kind == "OK"
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(2)]
    found = ann.ok(b"FETCH 1:2 (BODY.PEEK[] ENVELOPE)").of(Fetch)
    assert [one.items["BODY[]"] for one in found] == [MAIL, MAIL]


def test_catenate_and_replace_take_it(ann):
    head = MAIL[: MAIL.index(b"\r\n\r\n") + 4]
    ann.ok(
        b"APPEND INBOX CATENATE (UTF8 (~{%d+}\r\n%b) TEXT {1+}\r\nx)"
        % (len(head), head)
    )
    ann.ok(b"SELECT INBOX")
    (found,) = ann.ok(b"FETCH 1 BODY.PEEK[]").of(Fetch)
    assert found.items["BODY[]"] == head + b"x"
    ann.ok(b"REPLACE 1 INBOX UTF8 (~{%d+}\r\n%b)" % (len(MAIL), MAIL))


def test_who_has_not_enabled_it_may_not_say_utf8(world, tmp_path):
    old = world.session()
    old.no(b"APPEND INBOX UTF8 (~{%d+}\r\n%b)" % (len(MAIL), MAIL))
    # Mail with such headers is taken all the same: it is older than this extension.
    assert old.append(b"INBOX", MAIL).status.kind == "OK"
    assert not list((tmp_path / "accounts").rglob("*.part"))


@pytest.mark.parametrize(
    "command",
    [
        b"APPEND INBOX UTF8 ({1+}\r\nx)",
        b"APPEND INBOX UTF8 (~{1+}\r\nx",
        b"APPEND INBOX UTF8 ~{1+}\r\nx",
        b"APPEND INBOX UTF8 (~{1+}\r\nx) x",
        b"APPEND INBOX UTF8",
    ],
)
def test_refusals(ann, command):
    ann.bad(command)


def test_inverse():
    data = Utf8Data(Literal(3, b"abc", binary=True, synchronizing=False))
    node = Append(b"x", (NewMessage(data, ("\\Seen",)),))
    assert reparsed("APPEND", node) == node
    with pytest.raises(Malformed):
        parse(Cursor(b" (x)"), Registry.of(ALL))
