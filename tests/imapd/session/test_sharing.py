"""What people see of each other's mailboxes, and do in them (RFC 4314 §4, RFC 2342)."""

from __future__ import annotations

import dataclasses
import re

import pytest

from imapd.session.permissions import permanent_flags
from mailstore.service.namespaces import Namespaces
from tests.support.furnished import OPTIONS
from tests.support.responses import Expunge, Fetch, FlagsLine, ListLine, StatusLine
from tests.support.session import World

MESSAGE = b"Subject: hello\r\n\r\nworld\r\n"
BOX = b'"Other Users/ann/Work"'


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "store", "ann", "bob", "eve")
    ann = made.session("ann")
    for name in (b"Work", b"Work/Deep", b"Secret", b"Secret/Deep"):
        ann.ok(b"CREATE " + name)
    yield made
    made.close()


@pytest.fixture
def bob(world):
    return world.session("bob")


def listed(session, pattern=b'"" *'):
    return {
        line.name: line.attributes
        for line in session.ok(b"LIST " + pattern).of(ListLine)
    }


def shared(session):
    return sorted(n for n in listed(session) if n.startswith(("Other", "Shared")))


# -- names


def test_what_is_shared_is_listed(world, bob):
    assert shared(bob) == []
    world.share("Work", "bob", "lr")
    found = listed(bob)
    assert shared(bob) == ["Other Users", "Other Users/ann", "Other Users/ann/Work"]
    assert found["Other Users"] == {"\\Noselect", "\\HasChildren"}
    # That there is something below it, which isn't shared, is not told.
    assert found["Other Users/ann/Work"] == {"\\HasNoChildren"}
    assert shared(world.session("eve")) == []
    assert listed(bob, b'"Other Users/" %').keys() == {"Other Users/ann"}
    world.share("Work", "bob", "")
    assert shared(bob) == []


def test_a_hidden_superior_is_a_name_and_nothing_else(world, bob):
    world.share("Secret/Deep", "bob", "lr")
    found = listed(bob)
    assert found["Other Users/ann/Secret"] == {"\\Noselect", "\\HasChildren"}
    ann = world.session("ann")
    ann.ok(b"CREATE Missing/Deep")
    ann.ok(b"DELETE Missing")
    world.share("Missing/Deep", "bob", "lr")
    assert listed(bob)["Other Users/ann/Missing"] == found["Other Users/ann/Secret"]
    for name in (b"Secret", b"Missing", b"None"):
        answer = bob.no(b'STATUS "Other Users/ann/%b" (MESSAGES)' % name, "NONEXISTENT")
        assert b"no such mailbox" in answer.raw


def test_groups_and_all(world, bob):
    world.store.directory.groups.add("Sales")
    world.share("Work", "group:sales", "lr")
    assert shared(bob) == []
    found = world.store.directory.find("bob")
    world.store.directory.groups.join("sales", found.id)
    assert "Other Users/ann/Work" in shared(bob)
    world.store.directory.groups.leave("sales", found.id)
    assert shared(bob) == []
    world.share("Work", "anyone", "l")
    assert listed(bob)["Other Users/ann/Work"] == {"\\Noselect", "\\HasNoChildren"}
    world.share("Work", "-bob", "l")
    assert shared(bob) == []
    assert "Other Users/ann/Work" in shared(world.session("eve"))


def test_special_uses_are_their_owners(world, bob):
    world.share("Sent", "bob", "lrswipkxtea")
    assert listed(bob)["Other Users/ann/Sent"] == {"\\HasNoChildren"}
    bob.no(
        b'SETMETADATA "Other Users/ann/Sent" (/private/specialuse "\\\\Junk")',
        "USEATTR",
    )
    bob.no(b'CREATE "Other Users/ann/Sent/x" (USE (\\Archive))', "USEATTR")


def test_public_mailboxes_are_the_administrators(world, bob):
    world.share("Team", "bob", "lr", owner=None)
    assert shared(bob) == ["Shared", "Shared/Team"]
    assert bob.ok(b"SELECT Shared/Team").code == "READ-ONLY"
    bob.no(b"CREATE Shared/Mine", "NOPERM")
    world.store.directory.set_admin("eve", admin=True)
    eve = world.session("eve")
    assert shared(eve) == ["Shared", "Shared/Team"]
    eve.ok(b"CREATE Shared/More")
    assert eve.ok(b"SELECT Shared/More").code == "READ-WRITE"
    eve.no(b"CREATE Shared/INBOX", "CANNOT")
    assert shared(bob) == ["Shared", "Shared/Team"]


def test_ones_own_name_goes_before_a_namespace(world, bob):
    world.close()
    options = dataclasses.replace(OPTIONS, namespaces=Namespaces("", ""))
    before = World(world.store.path, options=options)
    before.session("bob").ok(b"CREATE Shared/Team")
    before.close()
    after = World(world.store.path, "ann", "bob")
    after.share("Team", "anyone", "lr", owner=None)
    after.share("Other", "anyone", "lr", owner=None)
    after.deliver(MESSAGE, to="Shared/Team", name="bob")
    again = after.session("bob")
    found = listed(again)
    assert found["Shared"] == {"\\HasChildren"}
    assert "Shared/Other" in found
    (line,) = again.ok(b"STATUS Shared/Team (MESSAGES)").of(StatusLine)
    assert line.items == {"MESSAGES": 1}
    again.ok(b"RENAME Shared Mine")
    assert "Mine/Team" in listed(again)
    (line,) = again.ok(b"STATUS Shared/Team (MESSAGES)").of(StatusLine)
    assert line.items == {"MESSAGES": 0}
    after.close()


# -- existence


@pytest.mark.parametrize(
    "command",
    [
        b"SELECT %b",
        b"EXAMINE %b",
        b"STATUS %b (MESSAGES)",
        b"DELETE %b",
        b"RENAME %b Mine",
        b"RENAME %b " + b'"Other Users/ann/New"',
        b"SUBSCRIBE %b",
        b"UNSUBSCRIBE %b",
        b"GETMETADATA %b /shared/comment",
        b'SETMETADATA %b (/private/comment "x")',
        b"CREATE %b",
        b"APPEND %b {1+}\r\nx",
        b"COPY 1 %b",
        b"MOVE 1 %b",
        b"REPLACE 1 %b {1+}\r\nx",
        b"ESEARCH IN (mailboxes %b) ALL",
        b"RESETKEY %b",
        b'GENURLAUTH "imap://bob@h/%b/;UID=1;URLAUTH=anonymous" INTERNAL',
        b'APPEND INBOX CATENATE (URL "/%b/;UID=1")',
    ],
)
def test_what_is_hidden_answers_as_what_is_not_there(world, bob, command):
    world.deliver(*[MESSAGE] * 4, name="bob")
    world.deliver(MESSAGE, to="Secret")
    world.share("Secret/Deep", "bob", "pn")
    answers = set()
    for path in (b"ann/Secret", b"ann/Secret/Deep", b"ann/None", b"nobody/x"):
        name = b'"Other Users/%b"' % path
        if b"/%b/" in command:
            name = b"Other%20Users/" + path
        bob.ok(b"SELECT INBOX")
        answer = bob.run(command.replace(b"%b", name))
        answers.add(re.sub(rb"t\d+ ", b"", answer.raw.replace(name, b"?")))
    assert len(answers) == 1, answers


# -- messages


def test_a_guest_reads_and_nothing_more(world, bob):
    world.deliver(MESSAGE, to="Work")
    world.share("Work", "bob", "lr")
    answer = bob.ok(b"SELECT " + BOX)
    assert answer.code == "READ-ONLY"
    assert b"[PERMANENTFLAGS ()]" in answer.raw
    assert b"world" in bob.ok(b"FETCH 1 BODY[]").raw
    assert b"\\Seen" not in bob.ok(b"FETCH 1 FLAGS").raw
    bob.no(b"STORE 1 +FLAGS (\\Seen)", "NOPERM")
    bob.no(b"EXPUNGE", "NOPERM")
    bob.no(b"MOVE 1 INBOX", "NOPERM")
    bob.no(b"APPEND %b {1+}\r\nx" % BOX, "NOPERM")
    bob.no(b"DELETE " + BOX, "NOPERM")
    bob.no(b'CREATE "Other Users/ann/Work/New"', "NOPERM")
    bob.no(b'CREATE "Other Users/ann/New"', "NOPERM")
    bob.ok(b"COPY 1 INBOX")
    bob.ok(b"CLOSE")
    (line,) = bob.ok(b"STATUS INBOX (MESSAGES)").of(StatusLine)
    assert line.items == {"MESSAGES": 1}


@pytest.mark.parametrize(
    ("letters", "store", "told"),
    [
        ("s", b"+FLAGS (\\Seen \\Deleted \\Flagged x)", "\\Seen"),
        ("t", b"+FLAGS (\\Seen \\Deleted \\Flagged x)", "\\Deleted"),
        ("w", b"+FLAGS (\\Seen \\Deleted \\Flagged x)", "\\Flagged x"),
        ("w", b"FLAGS (\\Seen \\Flagged)", "\\Flagged"),
        ("s", b"FLAGS (\\Seen)", "\\Answered \\Seen y"),
        ("t", b"FLAGS (\\Deleted)", "\\Answered \\Deleted y"),
        ("w", b"FLAGS ()", ""),
        ("s", b"FLAGS ()", "\\Answered y"),
    ],
)
def test_flags_that_may_be_set_are_set(world, bob, letters, store, told):
    ann = world.session("ann")
    first = b"(\\Answered y) " if store.startswith(b"FLAGS") else b""
    ann.ok(b"APPEND Work %b{%d+}\r\n%b" % (first, len(MESSAGE), MESSAGE))
    world.share("Work", "bob", "lr" + letters)
    bob.ok(b"SELECT " + BOX)
    (line,) = bob.ok(b"STORE 1 " + store).of(Fetch)
    assert line.items["FLAGS"] - {"\\Recent"} == set(told.split())
    ann.ok(b"SELECT Work")
    (line,) = ann.ok(b"FETCH 1 FLAGS").of(Fetch)
    assert line.items["FLAGS"] == set(told.split()) - {"\\Seen"}  # that is bob's own


@pytest.mark.parametrize("letters", ["s", "w", "t"])
def test_a_store_that_may_set_nothing_is_refused(world, bob, letters):
    world.deliver(MESSAGE, to="Work")
    world.share("Work", "bob", "lr" + letters)
    bob.ok(b"SELECT " + BOX)
    refused = {"s": b"\\Flagged", "w": b"\\Seen", "t": b"\\Answered $x"}[letters]
    bob.no(b"STORE 1 +FLAGS (%b)" % refused, "NOPERM")
    bob.no(b"STORE 1 FLAGS (%b)" % refused, "NOPERM")


@pytest.mark.parametrize(
    ("letters", "kept"),
    [
        # RFC 4314 §4's example
        ("rwis", [b"(\\Draft)", b"(\\Answered)", b"(\\Seen $Forwarded)"]),
        ("rsti", [b"(\\Deleted)", b"()", b"(\\Seen)"]),
    ],
)
@pytest.mark.parametrize("command", [b"COPY", b"MOVE", b"APPEND"])
def test_copies_lose_the_flags_that_may_not_be_set(world, bob, letters, kept, command):
    flags = (b"\\Draft \\Deleted", b"\\Answered", b"$Forwarded \\Seen")
    world.share("Work", "bob", letters)
    to = BOX if command == b"APPEND" else b"INBOX"
    for one in flags:
        bob.ok(b"APPEND %b (%b) {%d+}\r\n%b" % (to, one, len(MESSAGE), MESSAGE))
    if command != b"APPEND":
        bob.ok(b"SELECT INBOX")
        assert bob.ok(command + b" 1:3 " + BOX).code is not None or command == b"MOVE"
    bob.ok(b"SELECT " + BOX)
    raw = bob.ok(b"FETCH 1:3 FLAGS").raw
    for number, told in enumerate(kept, 1):
        (line,) = [x for x in raw.split(b"\r\n") if x.startswith(b"* %d " % number)]
        shown = set(line.split(b"FLAGS (")[1].split(b")")[0].split()) - {b"\\Recent"}
        assert shown == set(told.strip(b"()").split())


def test_messages_move_between_owners(world, bob):
    world.share("Work", "bob", "lrswite")
    world.deliver(
        MESSAGE, b"Subject: two\r\n\r\n2", b"\0binary", to="Work", binary=True
    )
    bob.ok(b"SELECT " + BOX)
    raw = bob.ok(b"UID MOVE 1:3 INBOX").raw
    assert b"[COPYUID " in raw
    assert b" 1:3 1:3]" in raw
    assert raw.count(b" EXPUNGE\r\n") == 3
    bob.ok(b"SELECT INBOX")
    told = bob.ok(b"FETCH 1:3 (BODY.PEEK[] INTERNALDATE)").raw
    assert b"world" in told
    # And back again, one of them by COPY.
    assert b"COPYUID" in bob.ok(b"COPY 2 " + BOX).raw
    assert b"COPYUID" in bob.ok(b"MOVE 1 " + BOX).raw
    (line,) = bob.ok(b"STATUS %b (MESSAGES UIDNEXT)" % BOX).of(StatusLine)
    assert line.items == {"MESSAGES": 2, "UIDNEXT": 6}
    bob.no(b'COPY 1 "Other Users/ann/Secret"', "TRYCREATE")


def test_a_message_is_replaced_in_somebody_elses_mailbox(world, bob):
    world.share("Work", "bob", "lrswite")
    world.deliver(MESSAGE, to="Work")
    world.deliver(MESSAGE, name="bob")
    bob.ok(b"SELECT INBOX")
    assert b"APPENDUID" in bob.ok(b"REPLACE 1 %b {3+}\r\nnew" % BOX).raw
    bob.ok(b"SELECT " + BOX)
    assert b"new" in bob.ok(b"FETCH 2 BODY.PEEK[]").raw
    bob.ok(b"UID REPLACE 1 INBOX {3+}\r\nold")
    (line,) = bob.ok(b"STATUS INBOX (MESSAGES)").of(StatusLine)
    assert line.items == {"MESSAGES": 1}


def test_both_see_what_the_other_does(world, bob):
    world.share("Work", "bob", "lrswite")
    world.deliver(MESSAGE, MESSAGE, to="Work")
    ann = world.session("ann", b"Work")
    bob.ok(b"SELECT " + BOX)
    bob.ok(b"STORE 1 +FLAGS (\\Deleted $Done)")
    assert b"$Done" in ann.ok(b"NOOP").raw
    ann.ok(b"EXPUNGE")
    assert bob.ok(b"NOOP").of(Expunge) == [Expunge(1)]


# -- rights that change


@pytest.mark.parametrize("command", [b"NOOP", b"FETCH 1 FLAGS", b"SEARCH ALL"])
def test_who_may_no_longer_read_is_sent_away(world, bob, command):
    world.deliver(MESSAGE, to="Work")
    world.share("Work", "bob", "lrs")
    bob.ok(b"SELECT " + BOX)
    world.deliver(MESSAGE, to="Work")
    world.share("Work", "bob", "l")
    answer = bob.run(command)
    assert answer.status.kind == "BYE"
    assert b"EXISTS" not in answer.raw
    assert bob.closed


@pytest.mark.parametrize("command", [b"CLOSE", b"UNSELECT", b"SELECT INBOX"])
def test_who_may_no_longer_read_can_leave(world, bob, command):
    world.deliver(MESSAGE, to="Work")
    world.share("Work", "bob", "lrs")
    bob.ok(b"SELECT " + BOX)
    world.share("Work", "bob", "l")
    bob.ok(command)
    bob.no(b"SELECT " + BOX, "NOPERM")


def test_who_idles_is_sent_away_at_once(world, bob):
    world.share("Work", "bob", "lrs")
    bob.ok(b"SELECT " + BOX)
    bob.begin(b"IDLE")
    bob.read()
    world.share("Work", "bob", "")
    assert [one.kind for one in bob.read()] == ["BYE"]


def test_changed_rights_are_told_by_the_flags_that_are_kept(world, bob):
    world.deliver(MESSAGE, to="Work")
    world.share("Work", "bob", "lrsw")
    bob.ok(b"SELECT " + BOX)
    assert bob.ok(b"NOOP").of(FlagsLine) == []
    world.share("Work", "bob", "lrs")
    answer = bob.ok(b"NOOP")
    assert len(answer.of(FlagsLine)) == 1
    assert b"[PERMANENTFLAGS (\\Seen)]" in answer.raw
    assert bob.ok(b"NOOP").of(FlagsLine) == []
    bob.no(b"STORE 1 +FLAGS \\Flagged", "NOPERM")


def test_a_right_that_was_taken_bites_in_another_worker(tmp_path):
    here, there = World(tmp_path, "ann", "bob"), World(tmp_path, "ann", "bob")
    here.session("ann").ok(b"CREATE Work")
    here.share("Work", "bob", "lrswite")
    bob = there.session("bob", BOX)
    bob.ok(b"APPEND %b {1+}\r\nx" % BOX)
    here.share("Work", "bob", "lrs")
    bob.no(b"APPEND %b {1+}\r\nx" % BOX, "NOPERM")
    bob.no(b"EXPUNGE", "NOPERM")
    here.share("Work", "bob", "")
    bob = there.session("bob")
    assert shared(bob) == []
    bob.no(b"SELECT " + BOX, "NONEXISTENT")
    here.close()
    there.close()


# -- mailboxes


def test_mailboxes_inherit_the_rights_of_their_superior(world, bob):
    world.share("Work", "bob", "lrk")
    bob.ok(b'CREATE "Other Users/ann/Work/New/Deep"')
    found = listed(bob)
    assert {"Other Users/ann/Work/New", "Other Users/ann/Work/New/Deep"} <= found.keys()
    bob.no(b'CREATE "Other Users/ann/Work/New"', "ALREADYEXISTS")
    bob.no(b'DELETE "Other Users/ann/Work/New/Deep"', "NOPERM")
    assert "Work/New/Deep" in listed(world.session("ann"))
    subscribed = {line.name for line in bob.ok(b'LSUB "" *').of(ListLine)}
    assert "Other Users/ann/Work/New/Deep" in subscribed


def test_a_rename_stays_with_the_owner(world, bob):
    world.share("Work", "bob", "lrkx")
    bob.no(b'RENAME "Other Users/ann/Work" "Other Users/ann/Other"', "NOPERM")
    bob.ok(b'CREATE "Other Users/ann/Work/New"')
    bob.ok(b'RENAME "Other Users/ann/Work/New" "Other Users/ann/Work/Newer"')
    assert "Work/Newer" in listed(world.session("ann"))
    bob.no(b'RENAME "Other Users/ann/Work/Newer" Mine', "CANNOT")
    bob.no(b'RENAME INBOX "Other Users/ann/Work/Mine"', "CANNOT")
    # The list goes along (RFC 4314 §4).
    world.session("ann").ok(b"RENAME Work/Newer Elsewhere")
    assert "Other Users/ann/Elsewhere" in listed(bob)


def test_what_is_hidden_does_not_go_along_with_a_rename(world, bob):
    world.share("Work", "bob", "lrkx")
    bob.ok(b'CREATE "Other Users/ann/Work/New"')
    bob.ok(b'CREATE "Other Users/ann/Work/New/Sub"')
    world.share("Work/New/Sub", "bob", "")
    bob.no(b'RENAME "Other Users/ann/Work/New" "Other Users/ann/Work/x"', "NOPERM")


def test_deleting_ends_the_list(world, bob):
    world.share("Work/Deep", "bob", "lrx")
    bob.ok(b'DELETE "Other Users/ann/Work/Deep"')
    world.session("ann").ok(b"CREATE Work/Deep")
    assert shared(bob) == []


def test_subscriptions_outlive_rights_and_tell_nothing(world, bob):
    world.share("Work", "bob", "l")
    bob.ok(b"SUBSCRIBE " + BOX)
    bob.no(b'SUBSCRIBE "Other Users/ann/Secret"', "NONEXISTENT")
    assert (
        "\\Subscribed"
        in listed(bob, b'"" * RETURN (SUBSCRIBED)')["Other Users/ann/Work"]
    )
    world.share("Work", "bob", "")
    assert shared(bob) == []
    names = [line.name for line in bob.ok(b'LSUB "" *').of(ListLine)]
    assert "Other Users/ann/Work" in names
    bob.ok(b"UNSUBSCRIBE " + BOX)


def test_annotations_are_private_to_each_and_shared_by_all(world, bob):
    world.share("Work", "bob", "lr")
    ann = world.session("ann")
    ann.ok(b'SETMETADATA Work (/private/comment "hers" /shared/comment "all")')
    entries = b" (/private/comment /shared/comment)"
    raw = bob.ok(b"GETMETADATA " + BOX + entries).raw
    assert b"hers" not in raw
    assert b'"all"' in raw or b"all" in raw
    bob.ok(b'SETMETADATA %b (/private/comment "his")' % BOX)
    bob.no(b'SETMETADATA %b (/shared/comment "his")' % BOX, "NOPERM")
    assert b"hers" in ann.ok(b"GETMETADATA Work" + entries).raw
    world.share("Work", "bob", "lrw")
    bob.ok(b'SETMETADATA %b (/shared/comment "ours")' % BOX)
    assert b"ours" in ann.ok(b"GETMETADATA Work" + entries).raw


def test_an_owner_may_bind_himself_and_get_free_again(world):
    ann = world.session("ann")
    world.share("Work", "ann", "lrs")
    ann.no(b"DELETE Work", "NOPERM")
    ann.no(b"APPEND Work {1+}\r\nx", "NOPERM")
    ann.no(b"CREATE Work/New", "NOPERM")
    ann.ok(b"SELECT Work")
    world.share("Work", "ann", "")
    assert "Work" in listed(world.session("ann"))
    world.session("ann").no(b"SELECT Work", "NOPERM")


def test_other_peoples_mailboxes_are_told_apart(world, bob):
    world.share("INBOX", "bob", "lr")
    world.deliver(MESSAGE, to="INBOX")
    first = bob.ok(b"SELECT INBOX").raw
    second = bob.ok(b'SELECT "Other Users/ann/inbox"').raw
    ids = [raw.split(b"MAILBOXID (")[1].split(b")")[0] for raw in (first, second)]
    assert ids[0] != ids[1]
    email = bob.ok(b"FETCH 1 EMAILID").raw.split(b"EMAILID (")[1].split(b")")[0]
    assert b"SEARCH 1" in bob.ok(b"SEARCH EMAILID " + email).raw
    raw = bob.ok(b"ESEARCH IN (subtree (INBOX " + b'"Other Users")) ALL').raw
    assert b'MAILBOX "Other Users/ann/INBOX"' in raw
    assert raw.count(b"* ESEARCH") == 1
    assert b"* ESEARCH" not in bob.ok(b"ESEARCH IN (personal) ALL").raw


def test_flags_that_are_kept_follow_the_rights(world, bob):
    world.share("Work", "bob", "lrst")
    bob.ok(b"SELECT " + BOX)
    mailbox = bob.connection.session.selected.mailbox
    assert permanent_flags(mailbox) == ["\\Deleted", "\\Seen"]
    world.share("Work", "bob", "lrw")
    names = permanent_flags(mailbox)
    assert names == ["\\Answered", "\\Flagged", "\\Draft", "\\*"]


def test_read_only_logins_change_nothing_of_others(world):
    world.share("Work", "bob", "lrswipkxtea")
    found = world.store.directory.find("bob")
    made = world.store.directory.app_passwords.add(
        found.id, "reader", now=0, readonly=True
    )
    bob = world.connect()
    bob.ok(b"LOGIN bob " + made.encode())
    assert bob.ok(b"SELECT " + BOX).code == "READ-ONLY"
    bob.no(b"APPEND %b {1+}\r\nx" % BOX, "NOPERM")
    bob.no(b'CREATE "Other Users/ann/Work/New"', "NOPERM")
    bob.no(b"DELETE " + BOX, "NOPERM")
