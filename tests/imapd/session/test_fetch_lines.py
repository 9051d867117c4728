"""Answers that are put together from what is kept equal those that are not."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.fetch.items import BODYSTRUCTURE, ENVELOPE, FLAGS, RFC822_SIZE
from imapd.session.fetch_attribute import UID
from imapd.session.fetch_lines import Cut
from imapd.session.fetch_plan import Plan
from imapd.session.kept_lines import KeptLines
from imapd.session.plugs import Rendering
from mailstore.maintenance.healing import Wish, heal_account
from mailstore.model import Column
from tests.support.furnished import OPTIONS
from tests.support.session import Session, World

HEAD = "From: Ann <ann@example.org>\r\nTo: b@example.org\r\nSubject: {}\r\n"
LIST = b"(UID FLAGS ENVELOPE)"
ITEMS = (
    b"UID",
    b"FLAGS",
    b"MODSEQ",
    b"RFC822.SIZE",
    b"INTERNALDATE",
    b"ENVELOPE",
    b"BODY",
    b"BODYSTRUCTURE",
    b"BODY.PEEK[HEADER.FIELDS (Subject From)]",
    b"BODY.PEEK[HEADER.FIELDS (To)]<2.7>",
    b"BODY.PEEK[HEADER.FIELDS.NOT (To)]",
    b"BODY.PEEK[1]",
    b"PREVIEW",
    b"EMAILID",
)


def mail(number: int, more: str = "") -> bytes:
    return (HEAD.format(number) + more + "\r\ntext\r\n").encode()


LARGE = "".join(f"References: <{number}@example.org>\r\n" for number in range(900))
UTF8 = "Cc: José <josé@example.org>\r\n"


def kept(world: World) -> KeptLines:
    return world.services.kept_lines


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "ann", "ben")
    made.deliver(mail(1), mail(2, LARGE), mail(3, UTF8), mail(4), mail(5))
    yield made
    made.close()


def lines(session: Session, command: bytes) -> bytes:
    """Give what is said untagged."""
    return session.ok(command).raw.rpartition(b"\r\nt")[0]


@contextmanager
def keeping_nothing(world: World) -> Iterator[None]:
    most, kept(world).most = kept(world).most, 0
    yield
    kept(world).most = most


def same(world: World, session: Session, command: bytes) -> bytes:
    """Give an answer, and see that it is the one that is rendered anew."""
    with keeping_nothing(world):
        lines(session, command)  # tells all that may be told now
    first = lines(session, command)
    with keeping_nothing(world):
        assert lines(session, command) == first
    return first


def warm(world: World, session: Session, command: bytes) -> bytes:
    """Ask until all is kept that can be."""
    for _ in range(2):
        same(world, session, command)
    before = kept(world).hits
    answer = same(world, session, command)
    assert kept(world).hits > before
    return answer


def test_a_response_is_cut_where_something_may_change():
    def cut(*items: Any) -> Cut | None:
        renderings = tuple(
            Rendering(item.unparse(), lambda _: (), item.conversion, lasting=lasts)
            for item in items
            for lasts in [item is not FLAGS]
        )
        columns = frozenset(column for item in items for column in item.columns)
        return Cut.of(Plan(items, columns, False, renderings, b"", b""), b"FETCH")

    found = cut(UID, FLAGS, ENVELOPE, BODYSTRUCTURE)
    assert found is not None
    first, second = found.templates
    assert first.startswith(b" FETCH (UID %")
    assert first.endswith(b" FLAGS ")
    assert second == b" ENVELOPE %b BODYSTRUCTURE %b)\r\n"
    assert (found.lasting, found.moving) == (((0,), (2, 3)), (1,))
    assert found.columns == {Column.FLAGS}
    assert cut(UID, FLAGS, RFC822_SIZE) is None  # memory has all of it


def test_flags_and_numbers_are_those_of_the_moment(world):
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    warm(world, ann, b"FETCH 1:* " + LIST)
    other.ok(b"STORE 1,4 +FLAGS (\\Flagged $Work)")
    assert b"* 4 FETCH (UID 4 FLAGS (\\Flagged \\Recent $Work)" in same(
        world, ann, b"FETCH 1:* " + LIST
    )
    other.ok(b"STORE 2 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    # Its number stays until the client may be told, and so does the message.
    assert b"* 2 FETCH (UID 2" in same(world, ann, b"FETCH 1:* " + LIST)
    ann.ok(b"NOOP")
    assert b"* 3 FETCH (UID 4" in same(world, ann, b"FETCH 1:* " + LIST)


def test_new_messages_are_read_and_the_others_are_not(world):
    ann = world.session(mailbox=b"INBOX")
    warm(world, ann, b"FETCH 1:* " + LIST)
    world.deliver(mail(6))
    ann.ok(b"NOOP")
    hits, misses = kept(world).hits, kept(world).misses
    answer = lines(ann, b"FETCH 1:* " + LIST)
    assert (kept(world).hits - hits, kept(world).misses - misses) == (5, 1)
    assert [line[:12] for line in answer.splitlines()] == [
        b"* %d FETCH (U" % number for number in range(1, 7)
    ]


def test_a_header_that_is_not_at_hand_stays_in_its_place(world):
    """The second message's is longer than what the index keeps of a header."""
    ann = world.session(mailbox=b"INBOX")
    fields = b"FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (Subject References)])"
    answer = warm(world, ann, fields)
    numbers = [line for line in answer.splitlines() if line.startswith(b"* ")]
    assert [line.split()[1] for line in numbers] == [b"1", b"2", b"3", b"4", b"5"]


def test_who_reads_utf8_and_who_does_not_get_their_own(world):
    old, new = world.session(mailbox=b"INBOX"), world.session()
    new.ok(b"ENABLE UTF8=ACCEPT")
    new.ok(b"SELECT INBOX")
    command = b"FETCH 1:* (RFC822.SIZE ENVELOPE BODY.PEEK[HEADER.FIELDS (Cc)])"
    for _ in range(2):
        assert "josé".encode() not in warm(world, old, command)
        assert "josé".encode() in warm(world, new, command)


def test_who_has_no_numbers_gets_none(world):
    plain, uid_only = world.session(mailbox=b"INBOX"), world.session()
    uid_only.ok(b"ENABLE UIDONLY")
    uid_only.ok(b"SELECT INBOX")
    plain.ok(b"STORE 1 +FLAGS (\\Deleted)")
    plain.ok(b"EXPUNGE")
    assert b"* 1 FETCH (UID 2" in warm(world, plain, b"UID FETCH 1:* " + LIST)
    answer = warm(world, uid_only, b"UID FETCH 1:* (FLAGS ENVELOPE)")
    assert answer.startswith(b"* 2 UIDFETCH (FLAGS")


def test_a_guest_sees_his_own_flags_and_no_other_mailbox(world):
    world.share("INBOX", "ben", "lrs")
    ann, ben = world.session(mailbox=b"INBOX"), world.session("ben")
    ben.ok(b'SELECT "Other Users/ann/INBOX"')
    warm(world, ann, b"FETCH 1:* " + LIST)
    hits = kept(world).hits
    ben.ok(b"STORE 1 +FLAGS (\\Seen)")
    assert b"* 1 FETCH (UID 1 FLAGS (\\Seen)" in same(world, ben, b"FETCH 1:* " + LIST)
    assert kept(world).hits == hits + 5  # the texts are the same for both
    assert b"\\Seen" not in same(world, ann, b"FETCH 1:* " + LIST)
    ben.ok(b"SELECT INBOX")
    assert lines(ben, b"FETCH 1:* " + LIST) == b""  # the same UIDs, another account
    world.deliver(mail(77), mail(78), name="ben")
    ben.ok(b"NOOP")
    assert b'"77"' in warm(world, ben, b"FETCH 1:* " + LIST)


def test_who_loses_the_right_to_read_gets_nothing_that_is_kept(world):
    world.share("INBOX", "ben", "lr")
    ben = world.session("ben")
    ben.ok(b'SELECT "Other Users/ann/INBOX"')
    warm(world, ben, b"FETCH 1:* " + LIST)
    world.share("INBOX", "ben", "l")
    answer = ben.run(b"FETCH 1:* " + LIST)
    assert answer.status.kind != "OK"
    assert b"ENVELOPE" not in answer.raw


def test_a_mailbox_that_has_the_name_of_another_has_none_of_its_lines(world):
    ann = world.session()
    ann.ok(b"CREATE a")
    world.deliver(mail(1), mail(2), to="a")
    ann.ok(b"SELECT a")
    warm(world, ann, b"FETCH 1:* " + LIST)
    ann.ok(b"UNSELECT")
    ann.ok(b"RENAME a b")
    ann.ok(b"SELECT b")
    assert b'"2"' in warm(world, ann, b"FETCH 1:* " + LIST)
    ann.ok(b"UNSELECT")
    ann.ok(b"DELETE b")
    ann.ok(b"CREATE b")
    world.deliver(mail(8), mail(9), to="b")
    ann.ok(b"SELECT b")
    answer = warm(world, ann, b"FETCH 1:* " + LIST)
    assert b'"8"' in answer
    assert b'"2"' not in answer


def test_what_a_repair_writes_anew_is_told(world):
    """`imapd check --repair` works beside a running server."""
    ann = world.session(mailbox=b"INBOX")
    right = warm(world, ann, b"FETCH 1:* " + LIST)
    found = world.store.directory.find("ann")
    assert found is not None
    folder = world.store.folder(found.id)
    elsewhere = apsw.Connection(str(folder / "index.db"))
    elsewhere.execute(
        "UPDATE message SET envelope ="
        """ CAST(replace(CAST(envelope AS TEXT), '"4"', '"wrong"') AS BLOB)"""
    )
    elsewhere.execute("UPDATE account SET names_version = names_version + 1")
    elsewhere.close()
    wrong = warm(world, ann, b"FETCH 1:* " + LIST)
    assert b'"wrong"' in wrong
    healed = heal_account(folder, OPTIONS, Wish(repair=True))
    assert healed.done
    assert same(world, ann, b"FETCH 1:* " + LIST) == right


def test_a_list_from_what_is_kept_reads_nothing_of_it(world):
    ann = world.session(mailbox=b"INBOX")
    for order in (LIST, b"(ENVELOPE FLAGS UID)", b"(FLAGS BODYSTRUCTURE MODSEQ UID)"):
        warm(world, ann, b"FETCH 1:* " + order)
        warm(world, ann, b"UID FETCH 1,3:5 " + order)


def test_what_sets_seen_or_is_in_memory_is_not_kept(world):
    ann = world.session(mailbox=b"INBOX")
    for items in (
        b"(UID FLAGS RFC822.SIZE)",
        b"(ENVELOPE BODY.PEEK[1])",
        b"(ENVELOPE PREVIEW)",
        b"(BODY.PEEK[HEADER.FIELDS (X-Other)])",
    ):
        for _ in range(3):
            same(world, ann, b"FETCH 1:* " + items)
    ann.ok(b"FETCH 1:* (BODY[HEADER.FIELDS (Subject)])")
    assert (kept(world).octets, kept(world).hits) == (0, 0)


numbers = st.lists(st.integers(1, 6), min_size=1, max_size=4, unique=True)
lists = st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4, unique=True)
steps = st.one_of(
    st.tuples(st.just("fetch"), st.integers(0, 1), lists),
    st.tuples(st.just("again"), st.integers(0, 1), st.integers(0, 3)),
    st.tuples(st.just("again"), st.integers(0, 1), st.integers(0, 3)),
    st.tuples(st.just("store"), st.integers(0, 1), numbers),
    st.tuples(st.just("expunge"), st.integers(0, 1), numbers),
    st.tuples(st.just("append"), st.integers(0, 1), st.sampled_from(["", UTF8])),
    st.tuples(st.just("copy"), st.integers(0, 1), numbers),
    st.tuples(st.just("room"), st.just(0), st.sampled_from([3_000, 64 << 20])),
)


@given(st.lists(steps, min_size=4, max_size=10))
def test_any_order_of_commands_gives_what_is_rendered_anew(commands):
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        world.deliver(mail(1), mail(2, LARGE), mail(3, UTF8))
        sessions = [world.session(mailbox=b"INBOX") for _ in range(2)]
        asked: list[bytes] = [LIST]
        for name, who, how in commands:
            step(world, sessions[who], asked, name, how)
        world.close()


def step(
    world: World, session: Session, asked: list[bytes], name: str, how: Any
) -> None:
    """Run one command of the property."""
    match name:
        case "fetch":
            asked.append(b"(" + b" ".join(how) + b")")
            same(world, session, b"FETCH 1:* " + asked[-1])
        case "again":
            same(world, session, b"UID FETCH 1:* " + asked[-1 - how % len(asked)])
        case "store":
            session.run(b"STORE %b FLAGS (\\Seen)" % joined(how))
        case "expunge":
            session.run(b"STORE %b +FLAGS (\\Deleted)" % joined(how))
            session.ok(b"EXPUNGE")
        case "append":
            world.deliver(mail(9, how))
        case "copy":
            session.run(b"COPY %b INBOX" % joined(how))
        case _:
            kept(world).most = how


def joined(numbers: list[int]) -> bytes:
    return b",".join(b"%d" % number for number in numbers)
