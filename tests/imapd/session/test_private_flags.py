"""Each person's own \\Seen in a mailbox that is shared, as clients are told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imapd.app import store_options
from imapd.config import Config
from imapd.config.sharing import SharingSettings
from mailstore.model import FLAGGED, SEEN
from mailstore.service.guests import whose_flags
from tests.support.furnished import OPTIONS
from tests.support.linked_bus import LinkedBus
from tests.support.responses import Exists, Fetch, SearchResult, Status, StatusLine
from tests.support.session import World

BOX = b'"Other Users/ann/Work"'
MESSAGE = b"Subject: hello\r\n\r\nworld\r\n"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, "ann", "bob", "eve")
    begin(made)
    yield made
    made.close()


def begin(world):
    world.session("ann").ok(b"CREATE Work")
    world.deliver(*[MESSAGE] * 4, to="Work")
    for name in ("bob", "eve"):
        world.share("Work", name, "lrswite")


def flags(session, box=None):
    if box is not None:
        session.ok(b"SELECT " + box)
    session.ok(b"NOOP")
    found = session.ok(b"FETCH 1:* (FLAGS)").of(Fetch)
    return [set(one.items["FLAGS"]) - {"\\Recent"} for one in found]


def unseen(session, box):
    (line,) = session.ok(b"STATUS %b (UNSEEN MESSAGES)" % box).of(StatusLine)
    return line.items["UNSEEN"]


def found(session, keys):
    return list(session.ok(b"SEARCH " + keys).of(SearchResult)[0].numbers)


def test_what_one_reads_is_unread_for_the_others(world):
    ann, bob, eve = (world.session(name) for name in ("ann", "bob", "eve"))
    for session, box in ((ann, b"Work"), (bob, BOX), (eve, BOX)):
        session.ok(b"SELECT " + box)
    assert bob.ok(b"FETCH 1 (BODY[])").of(Fetch)[-1].items["FLAGS"] == {"\\Seen"}
    bob.ok(b"STORE 2 +FLAGS (\\Seen \\Flagged)")
    ann.ok(b"STORE 3 +FLAGS (\\Seen)")
    assert flags(bob) == [{"\\Seen"}, {"\\Seen", "\\Flagged"}, set(), set()]
    assert flags(ann) == [set(), {"\\Flagged"}, {"\\Seen"}, set()]
    assert flags(eve) == [set(), {"\\Flagged"}, set(), set()]
    assert found(bob, b"UNSEEN") == [3, 4]
    assert found(bob, b"SEEN UNFLAGGED") == [1]
    assert found(ann, b"UNSEEN") == [1, 2, 4]
    assert found(eve, b"UNSEEN") == [1, 2, 3, 4]
    assert (unseen(bob, BOX), unseen(eve, BOX), unseen(ann, b"Work")) == (2, 4, 3)
    (line,) = bob.ok(b'LIST "" %b RETURN (STATUS (UNSEEN))' % BOX).of(StatusLine)
    assert line.items == {"UNSEEN": 2}
    answer = bob.ok(b"SELECT " + BOX)
    codes = {one.code.name: one.code.value for one in answer.of(Status) if one.code}
    assert codes["UNSEEN"] == 3


def test_nobody_else_is_told(world):
    ann, bob, phone, eve = (
        world.session(name) for name in ("ann", "bob", "bob", "eve")
    )
    for session, box in ((ann, b"Work"), (bob, BOX), (phone, BOX), (eve, BOX)):
        session.ok(b"ENABLE CONDSTORE")
        session.ok(b"SELECT " + box)
    for session in (phone, ann):
        session.begin(b"IDLE")
    bob.ok(b"STORE 1 +FLAGS.SILENT (\\Seen)")
    (told,) = [one for one in phone.read() if isinstance(one, Fetch)]
    assert (told.number, told.items["FLAGS"]) == (1, {"\\Seen"})
    for session in (ann, eve):
        assert [one for one in session.read() if isinstance(one, Fetch)] == []
    assert eve.ok(b"NOOP").untagged == ()
    modseq = told.items["MODSEQ"]
    assert isinstance(modseq, int)
    answer = bob.ok(b"FETCH 1:4 (FLAGS) (CHANGEDSINCE %d)" % (modseq - 1))
    assert [one.number for one in answer.of(Fetch)] == [1]
    answer = eve.ok(b"FETCH 1:4 (FLAGS) (CHANGEDSINCE %d)" % (modseq - 1))
    assert answer.of(Fetch) == []


def test_unchangedsince_is_judged_by_what_one_was_told(world):
    ann, bob = world.session("ann"), world.session("bob")
    ann.ok(b"SELECT Work (CONDSTORE)")
    bob.ok(b"SELECT %b (CONDSTORE)" % BOX)
    (one,) = bob.ok(b"FETCH 1 (MODSEQ)").of(Fetch)
    before = one.items["MODSEQ"]
    bob.ok(b"STORE 1 +FLAGS (\\Seen)")
    answer = bob.ok(b"STORE 1 (UNCHANGEDSINCE %d) -FLAGS (\\Seen)" % before)
    assert answer.code == "MODIFIED"
    answer = ann.ok(b"STORE 1 (UNCHANGEDSINCE %d) +FLAGS (\\Seen)" % before)
    assert answer.code is None
    (one,) = bob.ok(b"FETCH 1 (MODSEQ)").of(Fetch)
    command = b"STORE 1 (UNCHANGEDSINCE %d) -FLAGS (\\Seen)" % one.items["MODSEQ"]
    assert bob.ok(command).code is None
    assert flags(bob)[0] == set()


def test_who_comes_back_by_qresync_is_told_of_his_own_and_the_shared(world):
    ann, bob, phone = (world.session(name) for name in ("ann", "bob", "bob"))
    ann.ok(b"SELECT Work")
    bob.ok(b"SELECT " + BOX)
    phone.ok(b"ENABLE QRESYNC")
    answer = phone.ok(b"SELECT " + BOX)
    codes = {one.code.name: one.code.value for one in answer.of(Status) if one.code}
    phone.ok(b"CLOSE")
    bob.ok(b"STORE 1 +FLAGS (\\Seen)")
    ann.ok(b"STORE 2 +FLAGS (\\Flagged)")
    ann.ok(b"STORE 4 +FLAGS (\\Deleted)")
    ann.ok(b"EXPUNGE")
    known = codes["UIDVALIDITY"], codes["HIGHESTMODSEQ"]
    answer = phone.ok(b"SELECT %b (QRESYNC (%d %d))" % (BOX, *known))
    told = {one.uid: one.items["FLAGS"] for one in answer.of(Fetch)}
    assert told == {1: {"\\Seen"}, 2: {"\\Flagged"}}
    assert answer.of(Exists) == [Exists(3)]


def test_copies_and_messages_that_one_brings_are_as_one_has_them(world):
    ann, bob = world.session("ann"), world.session("bob")
    bob.ok(b"CREATE Mine")
    bob.ok(b"SELECT " + BOX)
    bob.ok(b"STORE 1,3 +FLAGS (\\Seen)")
    ann.ok(b"SELECT Work")
    ann.ok(b"STORE 2:3 +FLAGS (\\Seen \\Flagged)")
    bob.ok(b"COPY 1:3 Mine")
    bob.ok(b"COPY 1:2 " + BOX)
    bob.append(BOX, MESSAGE, b"(\\Seen) ")
    assert flags(bob, b"Mine") == [
        {"\\Seen"},
        {"\\Flagged"},
        {"\\Seen", "\\Flagged"},
    ]
    assert flags(bob, BOX)[4:] == [{"\\Seen"}, {"\\Flagged"}, {"\\Seen"}]
    assert flags(ann, b"Work")[4:] == [set(), {"\\Flagged"}, set()]
    bob.ok(b"SELECT " + BOX)
    bob.ok(b"REPLACE 7 %b (\\Seen) {3+}\r\nabc" % BOX)
    assert flags(bob)[6] == {"\\Seen"}
    bob.ok(b"SELECT Mine")
    bob.ok(b"STORE 2 +FLAGS (\\Seen)")
    bob.ok(b"MOVE 2 " + BOX)
    assert flags(bob, BOX)[-1] == {"\\Seen", "\\Flagged"}
    assert flags(ann, b"Work")[-1] == {"\\Flagged"}
    bob.ok(b"MOVE %d Mine" % len(flags(bob)))
    assert flags(bob, b"Mine")[-1] == {"\\Seen", "\\Flagged"}


def test_public_mailboxes_are_everybodys(world):
    world.share("News", "anyone", "lrswi", owner=None)
    ann, bob = world.session("ann"), world.session("bob")
    box = b"Shared/News"
    assert ann.append(box, MESSAGE).status.kind == "OK"
    ann.ok(b"SELECT " + box)
    ann.ok(b"STORE 1 +FLAGS (\\Seen)")
    assert flags(ann) == [{"\\Seen"}]
    assert flags(bob, box) == [set()]
    assert (unseen(ann, box), unseen(bob, box)) == (0, 1)


def test_without_the_right_one_keeps_no_flags(world):
    world.share("Work", "bob", "lr")
    bob = world.session("bob")
    bob.ok(b"SELECT " + BOX)
    bob.ok(b"FETCH 1 (BODY[])")
    assert bob.run(b"STORE 1 +FLAGS (\\Seen)").status.kind == "NO"
    assert flags(bob, BOX)[0] == set()


@pytest.mark.parametrize(
    ("mask", "seen", "flagged"), [(0, True, True), (SEEN | FLAGGED, False, False)]
)
def test_which_flags_are_private_is_the_administrators_choice(
    tmp_path, mask, seen, flagged
):
    world = World(tmp_path, "ann", "bob", options=replace(OPTIONS, private_flags=mask))
    world.session("ann").ok(b"CREATE Work")
    world.deliver(MESSAGE, to="Work")
    world.share("Work", "bob", "lrsw")
    bob = world.session("bob")
    bob.ok(b"SELECT " + BOX)
    bob.ok(b"STORE 1 FLAGS (\\Seen \\Flagged)")
    (told,) = flags(world.session("ann"), b"Work")
    assert ("\\Seen" in told, "\\Flagged" in told) == (seen, flagged)
    assert flags(bob) == [{"\\Seen", "\\Flagged"}]
    assert unseen(bob, BOX) == 0
    world.close()


@pytest.mark.parametrize(
    ("flags", "mask"), [((), 0), (("\\Seen",), SEEN), (("\\Flagged",), FLAGGED)]
)
def test_the_configuration_says_which(flags, mask):
    config = Config(sharing=SharingSettings(private_flags=flags))
    assert store_options(config).private_flags == mask


def test_ones_own_mailbox_has_the_shared_flags(world):
    bob = world.session("bob")
    own = bob.connection._context.account.own
    assert whose_flags(own, own) is None


def test_another_worker_knows_them_at_once(tmp_path):
    one, two = LinkedBus.pair()
    world = World(tmp_path, "ann", "bob", bus=one)
    begin_two(world)
    far = World(tmp_path, "ann", "bob", bus=two)
    here, there, ann = world.session("bob"), far.session("bob"), far.session("ann")
    here.ok(b"SELECT " + BOX)
    there.ok(b"SELECT " + BOX)
    ann.ok(b"SELECT Work")
    for session in (there, ann):
        session.begin(b"IDLE")
    here.ok(b"STORE 1 +FLAGS (\\Seen)")
    told = [one for one in there.read() if isinstance(one, Fetch)]
    assert [(one.number, one.items["FLAGS"]) for one in told] == [(1, {"\\Seen"})]
    assert [one for one in ann.read() if isinstance(one, Fetch)] == []
    far.close()
    world.close()


def begin_two(world):
    world.session("ann").ok(b"CREATE Work")
    world.deliver(MESSAGE, MESSAGE, to="Work")
    world.share("Work", "bob", "lrsw")
