"""The quota of annotations of messages (RFC 9208 §5.4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailstore.index import audit
from mailstore.index.recount import recount
from mailstore.quotas import QuotaLimits
from tests.support.responses import Quota
from tests.support.session import Session, World

KIB = b"x" * 1024


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "ann", "bob")
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    world.deliver(b"a", b"b")
    return world.session(mailbox=b"INBOX")


def note(numbers: bytes, value: bytes, name: bytes = b"/comment") -> bytes:
    text = b"NIL" if not value else b"{%d+}\r\n%b" % (len(value), value)
    return b"STORE %b ANNOTATION (%b (value.shared %b))" % (numbers, name, text)


def database(session: Session):
    account = session.connection.session.account
    assert account is not None
    return account.own.lane._database


def used(session: Session) -> int:
    """Give what is counted, and prove that it is what there is."""
    index = database(session)
    assert audit.counters(index) == []
    row = index.one("SELECT sum(annotations) FROM mailbox WHERE name IS NOT NULL")
    return int(row[0])


def limit(world: World, units: int, top: str = "") -> None:
    async def work() -> None:
        found = world.store.directory.find("ann")
        assert found is not None
        account = await world.store.account(found.id)
        await account.quota.set(top, QuotaLimits(annotation_storage=units))
        await account.close()

    world.runtime.run(work())


def test_what_is_there_is_counted(world, ann):
    ann.ok(note(b"1:2", b"12345"))
    assert used(ann) == 10
    ann.ok(note(b"1", b"1"))
    assert used(ann) == 6
    ann.ok(b'STORE 1 ANNOTATION (/comment (value.priv "123"))')
    assert used(ann) == 9
    ann.ok(b"COPY 1 Archive")
    ann.ok(b"COPY 1 INBOX")
    assert used(ann) == 17
    ann.ok(b"MOVE 1 Sent")
    assert used(ann) == 17
    ann.ok(note(b"1", b""))
    assert used(ann) == 12
    ann.ok(b"STORE 2 +FLAGS (\\Deleted)")
    ann.ok(b"EXPUNGE")
    assert used(ann) == 8
    ann.ok(b"DELETE Archive")
    assert used(ann) == 4
    ann.append(b"INBOX", b"x", b'ANNOTATION (/comment (value.priv "12")) ')
    assert used(ann) == 6
    ann.ok(b"RENAME INBOX old")
    assert used(ann) == 6
    ann.ok(b"RENAME old older")
    assert used(ann) == 6


def test_the_limit_is_told_and_held(world, ann):
    limit(world, 2)
    ann.ok(note(b"1", KIB))
    (told,) = ann.ok(b"GETQUOTA #user/ann").of(Quota)
    assert told.resources == {"ANNOTATION-STORAGE": (1, 2)}
    assert ann.no(note(b"2", KIB + b"x"), "OVERQUOTA")
    ann.ok(b"COPY 1 INBOX")
    assert used(ann) == 2048
    for command in (
        note(b"2", b"x"),
        b"COPY 1 Archive",
        b'APPEND INBOX ANNOTATION (/comment (value.priv "x")) {1+}\r\nx',
    ):
        ann.no(command, "OVERQUOTA")
    assert used(ann) == 2048
    # Mail itself is not limited by it, and what doesn't grow is not refused.
    ann.ok(b"APPEND INBOX {1+}\r\nx")
    ann.ok(b"MOVE 1 Sent")
    ann.ok(b"COPY 1 Archive")
    limit(world, 1)
    ann.ok(note(b"2", KIB[1:]))
    ann.ok(note(b"2", b""))


def test_a_part_of_an_account_may_have_its_own(world, ann):
    limit(world, 1, "Archive")
    ann.ok(note(b"1:2", KIB))
    ann.ok(b"COPY 1 Archive")
    ann.no(b"COPY 2 Archive", "OVERQUOTA")
    ann.no(b"MOVE 2 Archive", "OVERQUOTA")
    ann.ok(b"COPY 2 Sent")


def test_what_a_guest_writes_is_the_owner_s(world, ann):
    limit(world, 1)
    world.share("INBOX", "bob", "lrsn")
    bob = world.session("bob", b'"Other Users/ann/INBOX"')
    own = b"STORE %d ANNOTATION (/comment (value.priv {%d+}\r\n%b))"
    bob.ok(own % (1, 1000, KIB[:1000]))
    assert used(ann) == 1000
    bob.no(own % (2, 25, KIB[:25]), "OVERQUOTA")


def test_an_administrator_sets_it(world):
    world.store.directory.set_admin("ann", admin=True)
    ann = world.session()
    (told,) = ann.ok(b"SETQUOTA #user/ann (annotation-storage 5)").of(Quota)
    assert told.resources == {"ANNOTATION-STORAGE": (0, 5)}
    assert b"QUOTA=RES-ANNOTATION-STORAGE" in ann.ok(b"CAPABILITY").raw


def test_a_wrong_count_is_found_and_mended(ann):
    ann.ok(note(b"1", b"12345"))
    index = database(ann)
    with index.transaction():
        index.execute("UPDATE mailbox SET annotations = 7 WHERE name = 'INBOX'")
    (said,) = audit.counters(index)
    assert said.endswith("annotations is 7, counted 5")
    with index.transaction():
        assert recount(index) == [said]
    assert used(ann) == 5
