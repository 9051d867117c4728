"""IMAP4rev2: RFC 9051 appendix E, item by item, and nothing of it for others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imapd.extensions.imap4rev2 import FEATURE
from imapd.features import ALL
from imapd.session.registry import Registry, RegistryError
from tests.support.responses import (
    Capabilities,
    Enabled,
    Exists,
    Expunge,
    Fetch,
    ListLine,
    Recent,
    SearchResult,
    Status,
    StatusLine,
)
from tests.support.session import Answer, Session, World

MAIL = b"Subject: x\r\n\r\nbody\r\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.deliver(MAIL, MAIL, MAIL)
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    session = world.session()
    session.ok(b"ENABLE IMAP4rev2")
    return session


def codes(answer: Answer) -> set[str]:
    return {one.code.name for one in answer.of(Status) if one.code is not None}


def test_both_are_offered_and_one_is_enabled_by_its_name(world):
    session = world.session()
    (found,) = session.ok(b"CAPABILITY").of(Capabilities)
    assert {"IMAP4rev1", "IMAP4rev2"} <= found.names
    (told,) = session.ok(b"ENABLE imap4REV2").of(Enabled)
    assert told.names == {"IMAP4rev2"}
    assert session.ok(b"ENABLE IMAP4rev2").of(Enabled) == [Enabled(frozenset())]


def test_what_it_folds_in_has_to_be_there():
    for needed in FEATURE.requires:
        with pytest.raises(RegistryError):
            Registry.of(f for f in ALL if f.name != needed)


def test_select_names_the_mailbox_and_tells_nothing_recent(world, ann):
    answer = ann.ok(b"SELECT INBOX")
    assert answer.of(ListLine) == ann.ok(b'LIST "" INBOX').of(ListLine)
    assert answer.of(Exists) == [Exists(3)]
    assert answer.of(Recent) == []
    assert "UNSEEN" not in codes(answer)
    assert {"UIDVALIDITY", "UIDNEXT", "PERMANENTFLAGS"} <= codes(answer)
    (found,) = ann.ok(b"FETCH 1 FLAGS").of(Fetch)
    assert found.items["FLAGS"] == frozenset()


def test_who_writes_a_name_otherwise_is_told_what_it_is(ann):
    """RFC 9051 §6.3.9.7, and the attributes are those of LIST (§6.3.2)."""
    answer = ann.ok(b"SELECT inbox")
    assert b'* LIST (\\HasNoChildren) "/" INBOX ("OLDNAME" (inbox))\r\n' in answer.raw
    (sent,) = ann.ok(b"SELECT Sent").of(ListLine)
    assert "\\Sent" in sent.attributes
    assert sent.extended == ()


def test_recent_is_left_to_who_is_told_of_it(world, ann):
    ann.ok(b"SELECT INBOX")
    old = world.session()
    answer = old.ok(b"SELECT INBOX")
    assert answer.of(Recent) == [Recent(3)]
    assert answer.of(ListLine) == []
    assert "UNSEEN" in codes(answer)


def test_the_other_mailbox_is_closed(ann):
    ann.ok(b"SELECT INBOX")
    assert "CLOSED" in codes(ann.ok(b"SELECT Sent"))


def test_new_messages_are_told_without_a_count_of_recent_ones(world, ann):
    ann.ok(b"SELECT INBOX")
    world.deliver(MAIL)
    assert ann.ok(b"NOOP").untagged == (Exists(4),)


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (b"SEARCH ALL", b'* ESEARCH (TAG "t4") ALL 1:3\r\n'),
        (b"UID SEARCH ALL", b'* ESEARCH (TAG "t4") UID ALL 1:3\r\n'),
        (b"SEARCH SEEN", b'* ESEARCH (TAG "t4")\r\n'),
        (b"SEARCH RETURN (COUNT) ALL", b'* ESEARCH (TAG "t4") COUNT 3\r\n'),
        (b"SEARCH CHARSET UTF-8 ALL", b'* ESEARCH (TAG "t4") ALL 1:3\r\n'),
    ],
)
def test_search_is_always_answered_by_esearch(ann, command, data):
    ann.ok(b"SELECT INBOX")
    answer = ann.ok(command)
    assert answer.raw.startswith(data)
    assert answer.of(SearchResult) == []


def test_results_may_be_saved(ann):
    ann.ok(b"SELECT INBOX")
    ann.ok(b"SEARCH RETURN (SAVE) 2:3")
    assert len(ann.ok(b"FETCH $ UID").of(Fetch)) == 2


def test_changes_that_nobody_asked_for_carry_the_uid(world, ann):
    ann.ok(b"SELECT INBOX")
    other = world.session(mailbox=b"INBOX")
    other.ok(b"STORE 2 +FLAGS (\\Flagged)")
    (told,) = ann.ok(b"NOOP").of(Fetch)
    assert told.items == {"UID": 2, "FLAGS": frozenset({"\\Flagged"})}
    (old,) = world.session(mailbox=b"INBOX").ok(b"STORE 1 +FLAGS (k)").of(Fetch)
    assert "UID" not in old.items
    (told,) = ann.ok(b"NOOP").of(Fetch)
    assert told.items["UID"] == 1


def test_removals_are_told_as_before(world, ann):
    ann.ok(b"SELECT INBOX")
    ann.ok(b"STORE 1 +FLAGS (\\Deleted)")
    assert ann.ok(b"EXPUNGE").of(Expunge) == [Expunge(1)]


def test_status_knows_size_and_deleted(ann):
    ann.ok(b"SELECT INBOX")
    ann.ok(b"STORE 1 +FLAGS (\\Deleted)")
    (found,) = ann.ok(b"STATUS INBOX (SIZE DELETED MESSAGES)").of(StatusLine)
    assert found.items == {"SIZE": 3 * len(MAIL), "DELETED": 1, "MESSAGES": 3}


def test_names_are_utf8(ann):
    ann.ok('CREATE "Entwürfe & mehr"'.encode())
    (found,) = ann.ok(b'LIST "" Ent* RETURN (CHILDREN)').of(ListLine)
    assert found.name == "Entwürfe & mehr"
    answer = ann.ok('SELECT "Entwürfe & mehr"'.encode())
    assert [one.name for one in answer.of(ListLine)] == ["Entwürfe & mehr"]


def test_parts_come_decoded(world, ann):
    world.deliver(b"Content-Transfer-Encoding: base64\r\n\r\naGk=\r\n")
    ann.ok(b"SELECT INBOX")
    (found,) = ann.ok(b"FETCH 4 (BINARY.PEEK[1] BINARY.SIZE[1])").of(Fetch)
    assert found.items == {"BINARY[1]": b"hi", "BINARY.SIZE[1]": 2}


def test_a_missing_target_may_be_created(ann):
    ann.ok(b"SELECT INBOX")
    ann.no(b"MOVE 1 nowhere", "TRYCREATE")
    ann.no(b"COPY 1 nowhere", "TRYCREATE")


def test_nothing_of_it_happens_to_who_did_not_ask(world):
    old = world.session(mailbox=b"INBOX")
    assert old.ok(b"SEARCH ALL").of(SearchResult) == [SearchResult((1, 2, 3))]
    old.ok(b"CHECK")
    old.ok(b'LSUB "" *')


def test_all_of_it_ends_with_the_login(ann):
    ann.ok(b"UNAUTHENTICATE")
    telling = ann.connection.session.telling
    assert telling.recent
    assert not telling.esearch
    assert not telling.utf8
    assert not telling.uids
