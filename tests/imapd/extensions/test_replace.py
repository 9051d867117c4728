"""REPLACE: both or nothing, the new one told first (RFC 8508)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from imapd.extensions.replace import Replace
from imapd.session.append_program import NewMessage, PlainData
from imapd.session.faults import Bad
from imapd.syntax.sequence import SequenceSet, UidSet
from imapd.wire.framing import Literal
from mailstore.errors import Unavailable
from mailstore.model import InternalDate
from mailstore.service.arrivals import AppendJob
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Exists, Expunge, Fetch, Status, StatusLine
from tests.support.session import Session, World

OLD, NEW = b"Subject: old\r\n\r\n", b"Subject: new\r\n\r\nlonger\r\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.deliver(*[b"Subject: %d\r\n\r\n" % n for n in range(1, 4)], OLD, to="Drafts")
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    return world.session(mailbox=b"Drafts")


def replace(where: bytes, message: bytes = NEW, head: bytes = b"") -> bytes:
    return b"%b %b{%d+}\r\n%b" % (where, head, len(message), message)


def subjects(session: Session, mailbox: bytes) -> list[object]:
    session.ok(b"EXAMINE " + mailbox)
    found = session.ok(b"UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]").of(Fetch)
    heads = [one.items["BODY[HEADER.FIELDS (SUBJECT)]"] for one in found]
    return [head[9:-4] for head in heads if isinstance(head, bytes)]


@pytest.mark.parametrize("command", [b"REPLACE 4", b"UID REPLACE 4", b"REPLACE *"])
def test_the_new_one_takes_the_place_of_the_old(ann, command):
    answer = ann.ok(replace(command + b" Drafts", head=b"(\\Seen \\Draft) "))
    code, *rest = answer.untagged
    assert isinstance(code, Status)
    assert code.code is not None
    assert code.code.name == "APPENDUID"
    assert isinstance(code.code.value, tuple)
    assert code.code.value[1] == (5,)
    assert [one for one in rest if isinstance(one, Expunge)] == [Expunge(4)]
    assert answer.code is None
    (found,) = ann.ok(b"UID FETCH 5 (FLAGS BODY.PEEK[])").of(Fetch)
    assert found.number == 4
    assert found.items["BODY[]"] == NEW
    assert {"\\Seen", "\\Draft"} <= set(found.items["FLAGS"])


def test_it_may_go_to_another_mailbox(world, ann):
    other = world.session(mailbox=b"Sent")
    ann.ok(replace(b"UID REPLACE 4 Sent", head=b'" 1-Feb-2026 00:30:00 +0100" '))
    assert other.ok(b"NOOP").of(Exists) == [Exists(1)]
    assert subjects(ann, b"Sent") == [b"new"]
    assert subjects(ann, b"Drafts") == [b"1", b"2", b"3"]


def test_others_see_both_at_once(world, ann):
    other = world.session(mailbox=b"Drafts")
    ann.ok(replace(b"REPLACE 2 Drafts"))
    found = other.ok(b"NOOP").untagged
    assert Expunge(2) in found
    assert Exists(4) in found
    (status,) = ann.ok(b"STATUS Drafts (MESSAGES UIDNEXT)").of(StatusLine)
    assert status.items == {"MESSAGES": 4, "UIDNEXT": 6}


def test_no_flag_is_inherited_and_no_deleted_message_goes_along(ann):
    """RFC 8508 §1, §3.4: only the one that was named."""
    ann.ok(b"STORE 1,4 +FLAGS (\\Deleted keyword)")
    ann.ok(replace(b"UID REPLACE 4 Drafts"))
    (found,) = ann.ok(b"UID FETCH 5 FLAGS").of(Fetch)
    assert not {"\\Deleted", "keyword"} & set(found.items["FLAGS"])
    assert ann.ok(b"UID FETCH 1 FLAGS").of(Fetch)


@pytest.mark.parametrize(
    ("command", "kind", "code"),
    [
        (b"REPLACE 5 Drafts", "BAD", None),
        (b"UID REPLACE 9 Drafts", "NO", None),
        (b"REPLACE 4 nowhere", "NO", "TRYCREATE"),
        (b'REPLACE 4 "a*"', "NO", "NONEXISTENT"),
    ],
)
def test_a_wrong_number_or_name_changes_nothing(ann, command, kind, code):
    answer = ann.run(replace(command))
    assert (answer.status.kind, answer.code) == (kind, code)
    assert subjects(ann, b"Drafts") == [b"1", b"2", b"3", b"old"]


def test_a_message_that_cannot_be_kept_removes_nothing(ann):
    ann.no(replace(b"REPLACE 4 Drafts", b"a\x00b"), "CANNOT")
    ann.no(replace(b"REPLACE 4 Drafts", b""))
    ann.bad(replace(b"REPLACE 4 Drafts") + b" {1+}\r\nx")  # §4.7: one only
    assert subjects(ann, b"Drafts") == [b"1", b"2", b"3", b"old"]


def test_what_others_removed_cannot_be_replaced(world, ann):
    other = world.session(mailbox=b"Drafts")
    other.ok(b"UID STORE 4 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    ann.no(replace(b"REPLACE 4 Drafts"), "EXPUNGEISSUED")
    assert subjects(ann, b"Drafts") == [b"1", b"2", b"3"]


def test_it_is_one_transaction(ann, monkeypatch):
    """A fault behind the first half undoes it."""
    real = AppendJob.run

    def failing(self, database):
        real(self, database)
        raise Unavailable

    monkeypatch.setattr(AppendJob, "run", failing)
    ann.no(replace(b"REPLACE 4 Drafts"), "UNAVAILABLE")
    monkeypatch.undo()
    assert ann.ok(b"NOOP").untagged == ()
    assert subjects(ann, b"Drafts") == [b"1", b"2", b"3", b"old"]


def test_who_examines_is_refused_before_the_octets(world):
    ann = world.session()
    ann.ok(b"EXAMINE Drafts")
    (told,) = ann.feed(b"x REPLACE 4 Drafts {100}\r\n")
    assert (told.kind, told.code.name) == ("NO", "READ-ONLY")


def test_it_wants_a_selected_mailbox(world):
    stranger = world.session()
    (told,) = stranger.feed(b"x REPLACE 4 Drafts {100}\r\n")
    assert told.kind == "BAD"


def test_a_literal_is_asked_for_and_a_name_may_be_one(ann):
    ann.begin(b"UID REPLACE 4 {6}")
    (asked,) = ann.feed(b"Drafts {%d}\r\n" % len(NEW))
    assert asked.text
    assert ann.feed(NEW + b"\r\n")[-1].kind == "OK"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"REPLACE 1:2 x {}", "the number of one message wanted"),
        (b"REPLACE 1,2 x {}", "the number of one message wanted"),
        (b"UID REPLACE 1:* x {}", "the number of one message wanted"),
        (b"REPLACE 0 x {}", "a message sequence set wanted"),
        (b"REPLACE 1 {}", "a space wanted"),
        (b"REPLACE 1 x", "a space wanted"),
        (b"REPLACE", "a space wanted"),
    ],
)
def test_what_is_no_replace_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text, *[b"x"] * text.count(b"{}"))


def test_inverse():
    data = PlainData(Literal(3, b"abc", synchronizing=False))
    message = NewMessage(data, ("\\Seen",), InternalDate(1_769_902_200, 60))
    for name, numbers in (
        ("REPLACE", SequenceSet(((4, 4),))),
        ("REPLACE", SequenceSet(((0, 0),))),
        ("UID REPLACE", UidSet(((2000, 2000),))),
    ):
        node = Replace(numbers, b"a b", message)
        assert reparsed(name, node) == node
    with pytest.raises(ValueError, match="one message"):
        Replace(SequenceSet(((1, 2),)), b"a", message)
