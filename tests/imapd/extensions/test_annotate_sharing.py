"""Annotations and labels in mailboxes that several people read (RFC 5257 §3.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imapd.extensions.gmail import FEATURE
from imapd.features import ALL
from imapd.session.registry import Registry
from tests.support.responses import Fetch, ListLine, SearchResult
from tests.support.session import Session, World

BOX = b'"Other Users/ann/Work"'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "store", "ann", "bob")
    made.services = replace(made.services, registry=Registry.of([*ALL, FEATURE]))
    made.session("ann").ok(b"CREATE Work")
    made.deliver(b"Subject: x\r\n\r\n", b"Subject: y\r\n\r\n", to="Work")
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    found = world.session("ann", mailbox=b"Work")
    found.ok(b'STORE 1 ANNOTATION (/comment (value.priv "hers" value.shared "all"))')
    return found


def guest(world: World, rights: str) -> Session:
    world.share("Work", "bob", rights)
    return world.session("bob", mailbox=BOX)


def comment(session: Session, number: int = 1) -> dict[str, bytes | None]:
    answer = session.ok(b"FETCH %d (ANNOTATION (/comment value))" % number)
    (found,) = answer.of(Fetch)
    values: dict[str, bytes | None] = found.typed("ANNOTATION", dict)["/comment"]
    return values


def test_private_ones_are_each_ones_own(world, ann):
    bob = guest(world, "lrsn")
    assert comment(bob) == {"value.priv": None, "value.shared": b"all"}
    bob.ok(b'STORE 1 ANNOTATION (/comment (value.priv "his" value.shared "ours"))')
    assert comment(bob) == {"value.priv": b"his", "value.shared": b"ours"}
    ann.ok(b"NOOP")
    assert comment(ann) == {"value.priv": b"hers", "value.shared": b"ours"}
    for session, mine, other in ((ann, b"hers", b"his"), (bob, b"his", b"hers")):
        for value, found in ((mine, (1,)), (other, ())):
            key = b'SEARCH ANNOTATION * value "%b"' % value
            assert session.ok(key).of(SearchResult)[0].numbers == found


def test_shared_ones_want_a_right(world, ann):
    bob = guest(world, "lrs")
    bob.no(b'STORE 1 ANNOTATION (/comment (value.shared "ours"))', "NOPERM")
    bob.no(b'STORE 1 ANNOTATION (/comment (value.priv "x" value.shared "y"))', "NOPERM")
    bob.ok(b'STORE 1 ANNOTATION (/comment (value.priv "his"))')
    ann.ok(b"NOOP")
    assert comment(ann) == {"value.priv": b"hers", "value.shared": b"all"}


@pytest.mark.parametrize("command", [b"COPY", b"MOVE"])
def test_they_go_along_to_another_account(world, ann, command):
    bob = guest(world, "lrsnte")
    bob.ok(b'STORE 1 ANNOTATION (/comment (value.priv "his"))')
    bob.ok(command + b" 1:2 INBOX")
    bob.ok(b"SELECT INBOX")
    assert comment(bob) == {"value.priv": b"his", "value.shared": b"all"}
    assert comment(bob, 2) == {"value.priv": None, "value.shared": None}


def test_a_guest_who_moves_messages_takes_nothing_from_their_owner(world, ann):
    ann.ok(b"CREATE Done")
    bob = guest(world, "lrsnte")
    world.share("Done", "bob", "li")
    bob.ok(b'STORE 1 ANNOTATION (/comment (value.priv "his"))')
    bob.ok(b'MOVE 1 "Other Users/ann/Done"')
    ann.ok(b"SELECT Done")
    # What all see he may not write there; what is hers alone stays hers.
    assert comment(ann) == {"value.priv": b"hers", "value.shared": None}
    world.share("Done", "bob", "lr")
    bob.ok(b'SELECT "Other Users/ann/Done"')
    assert comment(bob) == {"value.priv": b"his", "value.shared": None}


def test_they_come_from_another_account_as_far_as_is_allowed(world, ann):
    bob = guest(world, "lrsi")
    bob.append(b"INBOX", b"Subject: z\r\n\r\n")
    bob.ok(b"SELECT INBOX")
    both = b'(/comment (value.priv "his" value.shared "ours"))'
    bob.ok(b"STORE 1 ANNOTATION " + both)
    bob.ok(b"COPY 1 " + BOX)
    bob.ok(b"SELECT " + BOX)
    assert comment(bob, 3) == {"value.priv": b"his", "value.shared": None}
    world.share("Work", "bob", "lrsin")
    bob.append(BOX, b"Subject: z\r\n\r\n", b"ANNOTATION %b " % both)
    bob.ok(b"NOOP")
    assert comment(bob, 4) == {"value.priv": b"his", "value.shared": b"ours"}
    ann.ok(b"NOOP")
    assert comment(ann, 4) == {"value.priv": None, "value.shared": b"ours"}


def test_a_guest_is_told_of_shared_ones_alone(world, ann):
    bob = guest(world, "lrs")
    bob.ok(b"SELECT %b (ANNOTATE)" % BOX)
    ann.ok(b'STORE 1 ANNOTATION (/altsubject (value.priv "x"))')
    assert b"ANNOTATION" not in bob.ok(b"NOOP").raw
    ann.ok(b'STORE 1 ANNOTATION (/altsubject (value.shared "x"))')
    assert b"ANNOTATION (/altsubject)" in bob.ok(b"NOOP").raw


def test_a_guest_sees_no_labels_of_the_owner(world, ann):
    ann.ok(b"STORE 1 +X-GM-LABELS (Secret)")
    bob = guest(world, "lrswipkxtea")
    assert b"Secret" in ann.ok(b"FETCH 1 (X-GM-LABELS)").raw
    assert b"X-GM-LABELS ()" in bob.ok(b"FETCH 1 (X-GM-LABELS)").raw
    bob.no(b"STORE 1 +X-GM-LABELS (Secret)", "CANNOT")
    bob.no(b"STORE 1 X-GM-LABELS ()", "CANNOT")
    bob.no(b"SEARCH X-GM-LABELS Secret", "CANNOT")
    bob.no(b'SEARCH X-GM-RAW "label:secret"', "CANNOT")
    ann.ok(b"NOOP")
    assert b"Secret" in ann.ok(b"FETCH 1 (X-GM-LABELS)").raw


@pytest.mark.parametrize("name", [b"Shared/Team", b"Other Users/bob/INBOX", b"Shared"])
def test_no_label_makes_a_mailbox_that_hides_somebody_elses(world, ann, name):
    before = ann.ok(b'LIST "" *').of(ListLine)
    ann.no(b'STORE 1 +X-GM-LABELS ("%b")' % name, "CANNOT")
    ann.no(b'STORE 1 X-GM-LABELS ("%b")' % name, "CANNOT")
    assert ann.ok(b'LIST "" *').of(ListLine) == before
