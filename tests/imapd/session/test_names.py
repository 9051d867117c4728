"""Names are Net-Unicode for who speaks UTF-8 (RFC 9051 §5.1, RFC 6855 §3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imapd.session import names as names_module
from imapd.syntax.mailbox import normalized
from imapd.wire import utf7
from tests.support.responses import ListLine, StatusLine
from tests.support.session import Session, World

COMPOSED = "Caf\u00e9"
DECOMPOSED = "Cafe\u0301"
assert normalized(DECOMPOSED) == COMPOSED
NEW, OLD = f'"{COMPOSED}"'.encode(), f'"{DECOMPOSED}"'.encode()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def rev2(world: World) -> Session:
    session = world.session()
    session.ok(b"ENABLE IMAP4rev2")
    return session


def names(session: Session, pattern: bytes = b"Caf*") -> list[str]:
    return [one.name for one in session.ok(b'LIST "" ' + pattern).of(ListLine)]


def test_a_name_is_made_normalized_and_that_is_told(world):
    ann = rev2(world)
    (told,) = ann.ok(b"CREATE " + OLD).of(ListLine)
    assert told.name == COMPOSED
    assert b'("OLDNAME" (' + OLD + b"))" in ann.raw
    assert names(ann) == [COMPOSED]
    assert ann.ok(b'CREATE "plain/"').untagged == ()


def test_all_commands_find_it_in_either_form(world):
    ann = rev2(world)
    ann.ok(b"CREATE " + NEW)
    for name in (NEW, OLD):
        ann.ok(b"SUBSCRIBE " + name)
        ann.ok(b"APPEND %b {3+}\r\nx\r\n" % name)
        ann.ok(b"EXAMINE " + name)
        ann.ok(b"COPY 1 " + name)
        (status,) = ann.ok(b"STATUS %b (MESSAGES)" % name).of(StatusLine)
        assert status.name == COMPOSED
        assert names(ann, name) == [COMPOSED]
        found = ann.ok(b"ESEARCH IN (mailboxes %b) ALL" % name)
        assert b"MAILBOX " + NEW in found.raw
    ann.no(b"CREATE " + OLD, "ALREADYEXISTS")


def test_append_and_select_tell_what_it_is(world):
    ann = rev2(world)
    ann.ok(b"CREATE " + NEW)
    for command in (b"SELECT %b" % OLD, b"APPEND %b {3+}\r\nx\r\n" % OLD):
        told = ann.ok(command).of(ListLine)
        assert [one.name for one in told] == [COMPOSED]
        assert b"OLDNAME" in ann.raw


def test_rename_and_delete_tell_it_too(world):
    ann = rev2(world)
    ann.ok(b"CREATE plain")
    (told,) = ann.ok(b"RENAME plain " + OLD).of(ListLine)
    assert told.name == COMPOSED
    (told,) = ann.ok(b"DELETE " + OLD).of(ListLine)
    assert (told.name, "\\NonExistent" in told.attributes) == (COMPOSED, True)
    assert names(ann) == []


def test_a_name_that_is_not_normalized_stays_reachable(world):
    """Made by a client of modified UTF-7, or by an older program."""
    old, ann = world.session(), rev2(world)
    old.ok(b"CREATE " + utf7.encode(DECOMPOSED))
    assert names(ann) == [DECOMPOSED]
    ann.ok(b"SELECT " + OLD)
    assert names(ann, OLD) == [DECOMPOSED]
    ann.no(b"SELECT " + NEW, "NONEXISTENT")
    ann.ok(b"CREATE " + NEW)
    assert sorted(names(ann, OLD)) == sorted([COMPOSED, DECOMPOSED])
    ann.ok(b"DELETE " + OLD)
    ann.ok(b"UNSUBSCRIBE " + OLD)
    assert names(ann) == [COMPOSED]


def test_who_only_enabled_utf8_is_told_nothing_unasked(world):
    ann = world.session()
    ann.ok(b"ENABLE UTF8=ACCEPT")
    assert ann.ok(b"CREATE " + OLD).untagged == ()
    assert names(ann) == [COMPOSED]


def test_ordinary_names_are_not_looked_up(world, monkeypatch):
    ann = rev2(world)
    ann.ok(b"CREATE " + NEW)
    from mailstore.service import Access

    monkeypatch.delattr(Access, "knows")
    ann.ok(b"SELECT " + NEW)
    ann.ok(b"SELECT INBOX")


def test_long_names_are_not_remembered(world):
    """Nor such as stand behind a command, which are read ahead."""
    ann = world.session()
    before = names_module._remembered.cache_info().currsize
    long = [b"/".join([b"%d" % number * 99] * 4) for number in range(10, 20)]
    lines = [b"x%d STATUS %b (MESSAGES)\r\n" % pair for pair in enumerate(long)]
    ann.feed(b"".join(lines))
    assert names_module._remembered.cache_info().currsize == before
