"""What was removed, as a mail program finds it: read-only, and for its owner alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imapd.syntax.mailbox import ListPattern
from tests.support.furnished import OPTIONS
from tests.support.responses import (
    Esearch,
    Exists,
    Expunge,
    Fetch,
    ListLine,
    MyRightsLine,
    Namespace,
    QuotaRoots,
    SearchResult,
    StatusLine,
    Vanished,
)
from tests.support.session import World

SHOWN = replace(OPTIONS, namespaces=replace(OPTIONS.namespaces, deleted="Deleted"))
BOX = b"Deleted/INBOX"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, "ann", "bob", options=SHOWN)
    for text in (b"one", b"two", b"three"):
        made.deliver(b"Subject: %b\r\n\r\n%b\r\n" % (text, text))
    yield made
    made.close()


def remove(world, *uids):
    ann = world.session("ann", b"INBOX")
    for uid in uids:
        ann.ok(b"UID STORE %d +FLAGS.SILENT (\\Deleted)" % uid)
        ann.ok(b"UID EXPUNGE %d" % uid)
    ann.drop()


def names(answer):
    return [line.name for line in answer.of(ListLine)]


# -- where it is


def test_it_is_a_personal_namespace_behind_the_first(world):
    (told,) = world.session().ok(b"NAMESPACE").of(Namespace)
    assert told.personal == (("", "/"), ("Deleted/", "/"))


@pytest.mark.parametrize("command", [b'LIST "" *', b'LIST "" %', b'LSUB "" *'])
def test_wildcards_pass_it_over(world, command):
    remove(world, 1)
    assert not any(one.startswith("Del") for one in names(world.session().ok(command)))


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (b'"" Deleted', ["Deleted"]),
        (b'"" Deleted/*', ["Deleted/INBOX"]),
        (b'"" Deleted/%', ["Deleted/INBOX"]),
        (b"Deleted/ %", ["Deleted/INBOX"]),
        (b'"" Deleted/inbox', []),
        (b'"" Deleted/Sent', []),
        (b'(SUBSCRIBED) "" Deleted/*', []),
        (b'"" (Deleted Deleted/*)', ["Deleted", "Deleted/INBOX"]),
    ],
)
def test_who_names_it_finds_it(world, arguments, found):
    remove(world, 1)
    assert names(world.session().ok(b"LIST " + arguments)) == found


def test_what_list_tells_of_it(world):
    remove(world, 1, 2)
    ann = world.session()
    answer = ann.ok(
        b'LIST "" (Deleted Deleted/*) RETURN (CHILDREN STATUS (MESSAGES) MYRIGHTS)'
    )
    above, box = answer.of(ListLine)
    assert above.attributes == {"\\Noselect", "\\HasChildren"}
    assert box.attributes == {"\\HasNoChildren"}
    (status,) = answer.of(StatusLine)
    assert status.items["MESSAGES"] == 2
    assert [one.rights for one in answer.of(MyRightsLine)] == ["lr"]


def test_a_pattern_begins_with_what_is_written():
    assert ListPattern("", "Deleted/*").begins("Deleted")
    assert ListPattern("Deleted", "").begins("Deleted")
    assert not ListPattern("", "Deleted*", "*", "%/x", "Deletedx/*").begins("Deleted")


# -- reading


def test_it_is_selected_to_be_read(world):
    remove(world, 3, 1)
    ann = world.session()
    answer = ann.ok(b"SELECT " + BOX)
    assert answer.code == "READ-ONLY"
    assert b"[PERMANENTFLAGS ()]" in answer.raw
    assert b"[UIDNEXT 3]" in answer.raw
    assert b"[HIGHESTMODSEQ 2]" in answer.raw
    assert answer.of(Exists) == [Exists(2)]
    found = ann.ok(b"FETCH 1:* (UID FLAGS BODY.PEEK[TEXT] SAVEDATE MODSEQ)").of(Fetch)
    assert [one.items["UID"] for one in found] == [1, 2]
    assert [one.items["FLAGS"] for one in found] == [frozenset()] * 2
    assert [one.items["BODY[TEXT]"] for one in found] == [b"three\r\n", b"one\r\n"]
    assert None not in [one.items["SAVEDATE"] for one in found]
    # BODY[] would set \Seen where that can be set.
    assert "FLAGS" not in ann.ok(b"FETCH 1 BODY[]").of(Fetch)[0].items
    assert ann.ok(b'SEARCH BODY "one"').of(SearchResult) == [SearchResult((2,))]
    assert b"* SORT 2 1\r\n" in ann.ok(b"SORT (SUBJECT) UTF-8 ALL").raw
    assert b"(1)(2)" in ann.ok(b"THREAD REFERENCES UTF-8 ALL").raw
    assert ann.ok(b"ESEARCH IN (selected) RETURN (COUNT) ALL").of(Esearch)
    assert ann.ok(b'ESEARCH IN (mailboxes "Deleted/INBOX") ALL').of(Esearch)
    assert not ann.ok(b"ESEARCH IN (personal) SUBJECT one").of(Esearch)
    ann.ok(b"CLOSE")


def test_status_and_rights(world):
    remove(world, 1)
    ann = world.session()
    (line,) = (
        ann.ok(b"STATUS %b (MESSAGES UIDNEXT UNSEEN RECENT SIZE HIGHESTMODSEQ)" % BOX)
    ).of(StatusLine)
    assert dict(line.items) == {
        "MESSAGES": 1,
        "UIDNEXT": 2,
        "UNSEEN": 1,
        "RECENT": 0,
        "SIZE": 21,
        "HIGHESTMODSEQ": 2,
    }
    assert ann.ok(b"MYRIGHTS " + BOX).of(MyRightsLine)[0].rights == "lr"
    assert ann.ok(b"GETQUOTAROOT " + BOX).of(QuotaRoots)[0].roots == ()


def test_an_empty_one_is_not_there(world):
    ann = world.session()
    for command in (b"SELECT %b", b"EXAMINE %b", b"STATUS %b (MESSAGES)"):
        ann.no(command % BOX, "NONEXISTENT")


def test_what_comes_and_what_leaves_is_told(world):
    remove(world, 1)
    ann = world.session("ann", BOX)
    remove(world, 2)
    assert ann.ok(b"NOOP").of(Exists) == [Exists(2)]
    world.runtime.time += OPTIONS.retention + 1  # no timer rings
    assert ann.ok(b"NOOP").of(Expunge) == [Expunge(2), Expunge(1)]


def test_who_waits_is_told(world):
    remove(world, 1)
    ann = world.session("ann", BOX)
    ann.begin(b"IDLE")
    remove(world, 2)
    world.runtime.advance(1)
    assert Exists(2) in ann.read()
    ann.feed(b"DONE\r\n")


def test_notify_tells_of_the_selected_one_and_of_none_else(world):
    remove(world, 1)
    ann = world.session("ann", BOX)
    ann.ok(b"NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))")
    remove(world, 2)
    world.runtime.advance(1)
    assert Exists(2) in [*ann.read(), *ann.ok(b"NOOP").untagged]
    ann.ok(b"NOTIFY SET (personal (MessageNew MessageExpunge))")
    ann.ok(b"SELECT INBOX")
    remove(world, 3)
    world.runtime.advance(1)
    told = [*ann.read(), *ann.ok(b"NOOP").untagged]
    assert not [one for one in told if getattr(one, "name", "").startswith("Deleted")]


def test_a_client_that_comes_back_is_told_what_it_missed(world):
    remove(world, 1, 2)
    ann = world.session("ann", BOX)
    ann.drop()
    world.runtime.advance(OPTIONS.retention - 10)
    remove(world, 3)
    world.runtime.advance(20)
    again = world.session()
    again.ok(b"ENABLE QRESYNC")
    uidvalidity = again.ok(b"STATUS %b (UIDVALIDITY)" % BOX).of(StatusLine)[0]
    number = uidvalidity.items["UIDVALIDITY"]
    answer = again.ok(b"SELECT %b (QRESYNC (%d 2))" % (BOX, number))
    assert answer.of(Vanished) == [Vanished(((1, 2),), earlier=True)]
    assert [one.items["UID"] for one in answer.of(Fetch)] == [3]


# -- bringing back


def test_a_copy_brings_back(world):
    ann = world.session("ann", b"INBOX")
    ann.ok(b"STORE 2 FLAGS (\\Flagged $Work)")
    before = ann.ok(b"FETCH 2 INTERNALDATE").of(Fetch)[0].items
    remove(world, 2)
    world.runtime.time += 100_000
    ann.ok(b"SELECT " + BOX)
    answer = ann.ok(b"COPY 1 INBOX")
    assert answer.code == "COPYUID"
    assert b" 1 4] " in answer.raw
    ann.ok(b"SELECT INBOX")
    (found,) = ann.ok(b"UID FETCH 4 (FLAGS INTERNALDATE BODY.PEEK[TEXT])").of(Fetch)
    flags = {flag.lower() for flag in found.items["FLAGS"]}
    assert flags == {"\\flagged", "$work", "\\recent"}
    assert found.items["INTERNALDATE"] == before["INTERNALDATE"]
    assert found.items["BODY[TEXT]"] == b"two\r\n"
    assert ann.ok(b"STATUS %b (MESSAGES)" % BOX).of(StatusLine)[0].items == {
        "MESSAGES": 1
    }


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (b"STORE 1 +FLAGS (\\Seen)", "NOPERM"),
        (b"EXPUNGE", "NOPERM"),
        (b"UID EXPUNGE 1", "NOPERM"),
        (b"MOVE 1 INBOX", "NOPERM"),
        (b"UID MOVE 1 INBOX", "NOPERM"),
        (b"COPY 1 Deleted/INBOX", "NOPERM"),
        (b"COPY 1 Deleted/x", "NOPERM"),
        (b"COPY 1 Nowhere", "TRYCREATE"),
        (b"CREATE Deleted", "NOPERM"),
        (b"CREATE Deleted/x", "NOPERM"),
        (b"DELETE Deleted/INBOX", "NOPERM"),
        (b"RENAME Deleted/INBOX y", "NOPERM"),
        (b"RENAME Sent Deleted/y", "CANNOT"),
        (b"SUBSCRIBE Deleted/INBOX", "NOPERM"),
        (b"SETACL Deleted/INBOX bob lr", "NOPERM"),
        (b"GETACL Deleted/INBOX", "NOPERM"),
        (b'SETMETADATA Deleted/INBOX (/private/comment "x")', "NOPERM"),
        (b"GETMETADATA Deleted/INBOX /private/comment", "NOPERM"),
    ],
)
def test_nothing_else_can_be_done(world, command, code):
    remove(world, 1)
    world.session("ann", BOX).no(command, code)


def test_nothing_is_stored_there(world):
    remove(world, 1)
    ann = world.session("ann", BOX)
    for name in (BOX, b"Deleted/x"):
        answer = ann.append(name, b"x")
        assert (answer.status.kind, answer.code) == ("NO", "NOPERM")
    answer = ann.run(b"REPLACE 1 INBOX {1+}\r\nx")
    assert (answer.status.kind, answer.code) == ("NO", "READ-ONLY")


# -- others


@pytest.mark.parametrize("rights", ["lr", "lrswipkxtean"])
def test_others_see_nothing_of_it(world, rights):
    world.share("INBOX", "bob", rights)
    remove(world, 1)
    bob = world.session("bob")
    for name in (BOX, b'"Other Users/ann/Deleted/INBOX"'):
        bob.no(b"SELECT " + name, "NONEXISTENT")
        bob.no(b"STATUS %b (MESSAGES)" % name, "NONEXISTENT")
        bob.no(b"MYRIGHTS " + name, "NONEXISTENT")
    for pattern in (b"Deleted/*", b'"Other Users/ann/Deleted/*"', b'"Other Users/*"'):
        found = names(bob.ok(b'LIST "" ' + pattern))
        assert not any("Deleted" in one for one in found)


def test_an_owner_who_may_not_read_any_more_is_sent_away(world):
    remove(world, 1)
    ann = world.session("ann", BOX)
    world.share("INBOX", "ann", "la")
    assert ann.run(b"NOOP").status.kind == "BYE"


def test_without_the_setting_there_is_none(tmp_path):
    world = World(tmp_path)
    world.deliver(b"Subject: x\r\n\r\n")
    remove(world, 1)
    ann = world.session()
    assert ann.ok(b"NAMESPACE").of(Namespace)[0].personal == (("", "/"),)
    ann.no(b"SELECT " + BOX, "NONEXISTENT")
    ann.ok(b"CREATE Deleted")
    world.close()
