"""QRESYNC as text, and how a client catches up by it (RFC 7162 §3.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.fetch.handler import Fetch as FetchNode
from imapd.commands.fetch.items import FLAGS
from imapd.commands.select import Select
from imapd.extensions.qresync import Resync, SequenceMatch, Vanished
from imapd.session.faults import Bad
from imapd.session.modseq import ChangedSince
from imapd.session.view import View
from imapd.syntax.sequence import SequenceSet, UidSet
from tests.imapd.commands import strategies
from tests.imapd.commands.memory_store import MemoryMailbox
from tests.imapd.commands.memory_store import World as Memory
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Code, Enabled, Expunge, Fetch, Status
from tests.support.responses import Vanished as Told
from tests.support.session import Answer, Session, World

# -- grammar

MATCH = SequenceMatch(SequenceSet(((2, 2), (5, 6))), UidSet(((7, 8), (20, 20))))
KNOWN = UidSet(((41, 41), (43, 211), (214, 541)))
NODES = [
    (
        b"SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
        Select(b"INBOX", False, (Resync(67_890_007, 20_050_715_194_045_000, KNOWN),)),
    ),
    (b"EXAMINE x (qresync (1 0))", Select(b"x", True, (Resync(1, 0),))),
    (
        b"SELECT x (QRESYNC (1 2 (2,5:6 7:8,20)))",
        Select(b"x", False, (Resync(1, 2, None, MATCH),)),
    ),
    (
        b"SELECT x (QRESYNC (1 2 214:541,41,43:211 (2,5:6 7:8,20)))",
        Select(
            b"x",
            False,
            (Resync(1, 2, UidSet(((214, 541), (41, 41), (43, 211))), MATCH),),
        ),
    ),
    (
        b"UID FETCH 1:* FLAGS (VANISHED CHANGEDSINCE 7)",
        FetchNode(UidSet(((1, 0),)), (FLAGS,), (Vanished(), ChangedSince(7))),
    ),
]


@pytest.mark.parametrize(("text", "node"), NODES)
def test_each_form_is_known(text, node):
    name = text.decode().upper().split(" 1")[0].split(" X")[0].split(" I")[0]
    assert parsed(text) == node
    assert reparsed(name, node) == node


REFUSED = [
    (b"(QRESYNC)", "a space wanted at octet 19"),
    (b"(QRESYNC ())", "a number above 0 wanted at octet 21"),
    (b"(QRESYNC 1 2)", "'(' wanted at octet 20"),
    (b"(QRESYNC (1))", "a space wanted at octet 22"),
    (b"(QRESYNC (0 1))", "a number above 0 wanted at octet 21"),
    (b"(QRESYNC (4294967296 1))", "a number up to 4294967295 wanted at octet 21"),
    (b"(QRESYNC (1 2 ))", "a UID set wanted at octet 25"),
    (b"(QRESYNC (1 2 *))", "a UID set without * wanted at octet 25"),
    (b"(QRESYNC (1 2 1:*))", "a UID set without * wanted at octet 25"),
    (b"(QRESYNC (1 2 1:3 4:5))", "'(' wanted at octet 29"),
    (b"(QRESYNC (1 2 1:3 ()))", "a message sequence set wanted at octet 30"),
    (b"(QRESYNC (1 2 1:3 (1)))", "a space wanted at octet 31"),
    (b"(QRESYNC (1 2 (1 *)))", "a UID set without * wanted at octet 28"),
    (b"(QRESYNC (1 2 (* 1)))", "a message sequence set without * wanted"),
    (b"(QRESYNC (1 2 (1:2 7)))", "as many UIDs as message numbers wanted"),
    (b"(QRESYNC (1 2 (2,1 7,8)))", "a message sequence set that ascends wanted"),
    (b"(QRESYNC (1 2 (1,2 8,7)))", "a UID set that ascends wanted"),
    (b"(QRESYNC (1 2 (1,1 7,8)))", "a message sequence set that ascends wanted"),
    (b"(QRESYNC (1 2 (1:2 8:7)))", "a UID set that ascends wanted"),
    (b"(QRESYNC (1 2 1 (1 2) 3))", "')' wanted"),
]


@pytest.mark.parametrize(("parameter", "reason"), REFUSED)
def test_what_is_no_resynchronization_is_refused(parameter, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(b"SELECT x " + parameter)


def test_ill_formed_values_cannot_be_made():
    with pytest.raises(ValueError, match="no \\*"):
        Resync(1, 2, UidSet(((1, 0),)))
    with pytest.raises(ValueError, match="ascend"):
        SequenceMatch(SequenceSet(((2, 1),)), UidSet(((7, 8),)))
    with pytest.raises(ValueError, match="one UID for each"):
        SequenceMatch(SequenceSet(((1, 2),)), UidSet(((7, 9),)))


ascending = st.sets(st.integers(1, 60), min_size=1, max_size=12).map(sorted)


@st.composite
def matches(draw):
    numbers = draw(ascending)
    uids = draw(
        st.sets(st.integers(1, 200), min_size=len(numbers), max_size=len(numbers))
    )
    return SequenceMatch(SequenceSet.of(numbers), UidSet.of(sorted(uids)))


resyncs = st.builds(
    Resync,
    st.integers(1, 2**32 - 1),
    st.integers(0, 2**63 - 1),
    st.none() | strategies.uid_sets.filter(lambda s: not any(0 in r for r in s.ranges)),
    st.none() | matches(),
)


@given(resyncs, st.booleans())
def test_select_parses_what_it_writes(resync, readonly):
    node = Select(b"x", readonly, (resync,))
    assert reparsed("EXAMINE" if readonly else "SELECT", node) == node


# -- sequence match data


def view_of(uids: list[int]) -> View:
    made = Memory()
    for uid in uids:
        made.box("INBOX").add(b"x", uid=uid)
    return View(MemoryMailbox(made, made.box("INBOX")))  # type: ignore[arg-type]


@given(ascending, matches())
def test_the_agreement_is_the_last_pair_that_still_holds(uids, match):
    numbers = [n for low, high in match.numbers.ranges for n in range(low, high + 1)]
    known = [uid for low, high in match.uids.ranges for uid in range(low, high + 1)]
    true = [
        uid
        for number, uid in zip(numbers, known, strict=True)
        if number <= len(uids) and uids[number - 1] == uid
    ]
    assert match.agreement(view_of(uids)) == max(true, default=0)


def test_the_agreement_never_spells_a_range_out():
    everything = SequenceMatch(
        SequenceSet(((1, 4_294_967_295),)), UidSet(((1, 4_294_967_295),))
    )
    assert everything.agreement(view_of([1, 2, 3, 5])) == 3
    assert everything.agreement(view_of([])) == 0


# -- who may


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.deliver(*(b"Subject: %d\r\n\r\nx\r\n" % n for n in range(9)))
    yield made
    made.close()


@pytest.fixture
def other(world: World) -> Session:
    return world.session(mailbox=b"INBOX")


def enabled(world: World, mailbox: bytes | None = b"INBOX") -> Session:
    session = world.session()
    session.ok(b"ENABLE QRESYNC")
    if mailbox is not None:
        session.ok(b"SELECT " + mailbox)
    return session


def place(session: Session) -> tuple[int, int]:
    """Give UIDVALIDITY and the mod-sequence that a client would keep."""
    selected = session.connection.session.selected
    assert selected is not None
    return selected.mailbox.uidvalidity, selected.view.settled


def test_enabling_is_answered_by_the_names_that_were_asked_for(world):
    session = world.session()
    (answer,) = session.ok(b"ENABLE CONDSTORE QRESYNC").of(Enabled)
    assert answer.names == {"CONDSTORE", "QRESYNC"}
    (answer,) = world.session().ok(b"ENABLE QRESYNC").of(Enabled)
    assert answer.names == {"QRESYNC"}


def test_without_enable_it_is_bad(world, other):
    """RFC 7162 §3.2.3; the old mailbox stays selected."""
    other.bad(b"SELECT Sent (QRESYNC (1 1))")
    other.bad(b"EXAMINE Sent (QRESYNC (1 1))")
    other.bad(b"UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)")
    other.ok(b"FETCH 1 FLAGS")
    condstore = world.session()
    condstore.ok(b"ENABLE CONDSTORE")
    condstore.bad(b"SELECT INBOX (QRESYNC (1 1))")


def test_vanished_goes_with_uid_fetch_and_changedsince(world):
    session = enabled(world)
    session.bad(b"FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)")
    session.bad(b"UID FETCH 1:* FLAGS (VANISHED)")
    session.ok(b"UID FETCH 1:* FLAGS (VANISHED CHANGEDSINCE 1)")


# -- removals


def delete(session: Session, uids: bytes) -> None:
    session.ok(b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % uids)
    session.ok(b"UID EXPUNGE " + uids)


def test_expunge_tells_vanished_and_the_new_mod_sequence(world):
    session = enabled(world)
    session.ok(b"STORE 3,4,7 +FLAGS.SILENT (\\Deleted)")
    answer = session.ok(b"EXPUNGE")
    assert answer.untagged == (Told(((3, 4), (7, 7))),)
    assert answer.status.code == Code("HIGHESTMODSEQ", place(session)[1])
    session.ok(b"STORE 1,2 +FLAGS.SILENT (\\Deleted)")
    answer = session.ok(b"UID EXPUNGE 2:9")
    assert answer.untagged == (Told(((2, 2),)),)
    assert answer.status.code == Code("HIGHESTMODSEQ", place(session)[1])
    answer = session.ok(b"UID EXPUNGE 5")
    assert (answer.untagged, answer.status.code) == ((), None)
    answer = session.ok(b"CLOSE")  # §3.2.8: it might hide what others did
    assert (answer.untagged, answer.status.code) == ((), None)


def test_move_tells_vanished(world):
    session = enabled(world)
    answer = session.ok(b"UID MOVE 2:3,8 Sent")
    assert isinstance(answer.untagged[0], Status)
    assert answer.untagged[0].code_name == "COPYUID"
    assert answer.untagged[1:] == (Told(((2, 3), (8, 8))),)
    assert answer.status.code == Code("HIGHESTMODSEQ", place(session)[1])


def test_what_others_expunge_vanishes(world, other):
    session = enabled(world)
    delete(other, b"2:3")
    assert session.ok(b"FETCH 1 UID").of(Told) == []
    answer = session.ok(b"NOOP")
    assert answer.of(Told) == [Told(((2, 3),))]
    assert answer.of(Expunge) == []
    assert answer.status.code == Code("HIGHESTMODSEQ", place(session)[1])


def test_idle_tells_vanished(world, other):
    session = enabled(world)
    session.begin(b"IDLE")
    delete(other, b"5")
    assert [r for r in session.read() if isinstance(r, Told)] == [Told(((5, 5),))]
    done = session.feed(b"DONE\r\n")[-1]
    assert isinstance(done, Status)
    assert done.code == Code("HIGHESTMODSEQ", place(session)[1])


# -- coming back


def away(world: World, other: Session) -> tuple[int, int]:
    """Let a client know 9 messages; then 2, 3 and 8 go, 4 changes, one arrives."""
    known = place(enabled(world))
    delete(other, b"2:3,8")
    other.ok(b"UID STORE 4 +FLAGS.SILENT (\\Flagged)")
    world.deliver(b"Subject: new\r\n\r\nx\r\n")
    return known


def told(answer: Answer) -> tuple[list[Told], list[int]]:
    for fetch in answer.of(Fetch):
        assert set(fetch.items) == {"UID", "FLAGS", "MODSEQ"}
    return answer.of(Told), [fetch.uid for fetch in answer.of(Fetch)]


def resync(world: World, known: tuple[int, int], more: bytes = b"") -> Answer:
    session = enabled(world, None)
    return session.ok(b"SELECT INBOX (QRESYNC (%d %d%b))" % (*known, more))


def test_select_tells_what_was_missed(world, other):
    answer = resync(world, away(world, other))
    assert told(answer) == ([Told(((2, 3), (8, 8)), earlier=True)], [4, 10])
    kinds = [type(one).__name__ for one in answer.untagged]
    assert kinds.index("Exists") < kinds.index("Vanished") < kinds.index("Fetch")


def test_of_known_uids_alone(world, other):
    answer = resync(world, away(world, other), b" 1:2,9")
    assert told(answer) == ([Told(((2, 2),), earlier=True)], [])
    answer = resync(world, (*place(other)[:1], 1), b" 5:9999")
    assert told(answer) == ([Told(((8, 8),), earlier=True)], [5, 6, 7, 9, 10])


def test_who_missed_nothing_is_told_nothing(world, other):
    away(world, other)
    other.ok(b"NOOP")
    assert told(resync(world, place(other))) == ([], [])


def test_another_uidvalidity_is_told_nothing(world, other):
    uidvalidity, modseq = away(world, other)
    answer = resync(world, (uidvalidity + 1, modseq))
    assert told(answer) == ([], [])
    assert answer.code == "READ-WRITE"


def test_an_empty_mailbox_that_never_had_messages(world):
    session = enabled(world, b"Sent")
    uidvalidity, _ = place(session)
    answer = session.ok(b"SELECT Sent (QRESYNC (%d 0))" % uidvalidity)
    assert told(answer) == ([], [])
    answer = session.ok(b"SELECT Sent (QRESYNC (%d 0 1:9))" % uidvalidity)
    assert told(answer) == ([], [])


def test_matching_numbers_spare_what_is_below_them(world, other):
    """RFC 7162 §3.2.5.2: message 4 has UID 6 by now, message 5 UID 7."""
    known = away(world, other)
    answer = resync(world, known, b" 1:9 (3:5 5:7)")
    assert told(answer) == ([Told(((8, 8),), earlier=True)], [4])
    answer = resync(world, known, b" (1,5,8 1,5,8)")
    assert told(answer)[0] == [Told(((2, 3), (8, 8)), earlier=True)]


def test_uid_fetch_tells_what_was_missed(world, other):
    known = away(world, other)
    session = enabled(world)
    answer = session.ok(
        b"UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE %d VANISHED)" % known[1]
    )
    assert told(answer) == ([Told(((2, 3), (8, 8)), earlier=True)], [4, 10])
    assert isinstance(answer.untagged[0], Told)
    answer = session.ok(b"UID FETCH 3:7 FLAGS (CHANGEDSINCE %d VANISHED)" % known[1])
    assert told(answer) == ([Told(((3, 3),), earlier=True)], [4])


def test_a_star_reaches_the_last_uid_that_ever_was(world, other):
    """Evolution asks for ``n:*``; the last message may be what is gone."""
    known = place(enabled(world))
    delete(other, b"7:9")
    session = enabled(world)
    answer = session.ok(b"UID FETCH 1:* FLAGS (CHANGEDSINCE %d VANISHED)" % known[1])
    assert told(answer) == ([Told(((7, 9),), earlier=True)], [])


def test_what_the_session_still_numbers_vanishes_once(world, other):
    """EARLIER moves no numbers: the message would stay in the client's list."""
    session = enabled(world)
    since = place(session)[1]
    delete(other, b"2")
    other.ok(b"NOOP")
    answer = session.ok(b"UID FETCH 1:* FLAGS (CHANGEDSINCE %d VANISHED)" % since)
    assert answer.of(Told) == [Told(((2, 2),))]
    answer = session.ok(b"UID FETCH 1:* FLAGS (CHANGEDSINCE %d VANISHED)" % since)
    assert answer.of(Told) == [Told(((2, 2),), earlier=True)]


def test_after_the_purge_it_is_the_same(world, other):
    known = away(world, other)
    account = world.services.store

    async def purge() -> None:
        found = account.directory.find("ann")
        assert found is not None
        opened = await account.account(found.id)
        world.runtime.time += 100 * 86_400
        assert await opened.purge() == 3
        await opened.close()

    world.runtime.run(purge())
    answer = resync(world, known)
    assert told(answer) == ([Told(((2, 3), (8, 8)), earlier=True)], [4, 10])


def test_what_another_process_did_is_told_the_same_way(tmp_path):
    """Each message has the mod-sequence of its own change, not of the last one."""
    here, there = World(tmp_path), World(tmp_path)
    here.deliver(*(b"Subject: %d\r\n\r\nx\r\n" % n for n in range(6)))
    session, known = enabled(here), place(enabled(here))
    other = there.session(mailbox=b"INBOX")
    other.ok(b"STORE 1 +FLAGS (\\Seen)")
    other.ok(b"STORE 2 +FLAGS (\\Flagged)")
    delete(other, b"3,5")
    answer = session.ok(b"FETCH 1:6 (UID)")
    modseqs = [f.items["MODSEQ"] for f in answer.of(Fetch) if "FLAGS" in f.items]
    assert modseqs == [known[1] + 1, known[1] + 2]
    assert answer.status.code == Code("HIGHESTMODSEQ", known[1])
    answer = session.ok(b"UID FETCH 1:* FLAGS (CHANGEDSINCE %d VANISHED)" % known[1])
    assert told(answer) == ([Told(((3, 3), (5, 5)))], [1, 2])
    answer = resync(here, known)
    assert told(answer) == ([Told(((3, 3), (5, 5)), earlier=True)], [1, 2])
    there.close()
    here.close()
