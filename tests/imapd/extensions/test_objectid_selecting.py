"""Mailboxes that are selected by their identifiers (objectid-bis §7.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.imapd.extensions.objectid_peers import (
    REGISTRY,
    by_ids,
    mailbox_ids,
    selected,
)
from tests.mailstore.stores import Statements
from tests.support.furnished import OPTIONS
from tests.support.responses import ListLine, StatusLine
from tests.support.session import PASSWORD, Session, SessionPeer, World
from tests.support.transcript import run_transcript


@pytest.fixture
def ann(plus: World) -> Session:
    return plus.session()


@pytest.fixture
def bob(plus: World) -> Session:
    return plus.session("bob")


@pytest.mark.parametrize("command", [b"SELECT", b"EXAMINE"])
def test_a_renamed_mailbox_is_found(plus, ann, command):
    plus.deliver(b"x", to="Archive")
    ids = mailbox_ids(ann, b"Archive")
    other = plus.session()
    other.ok(b"RENAME Archive Elsewhere/old")
    other.ok(b"CREATE Archive")
    answer = ann.ok(by_ids(b"Archive", command, **ids))
    assert selected(answer) == ids
    assert b"* 1 EXISTS" in answer.raw
    # Without the identifiers the name is what counts.
    assert selected(ann.ok(command + b" Archive")) != ids


def test_a_client_of_imap4rev2_hears_its_name(plus, ann):
    ids = mailbox_ids(ann, b"Archive")
    plus.session().ok(b"RENAME Archive Elsewhere")
    ann.ok(b"ENABLE IMAP4rev2")
    (line,) = ann.ok(by_ids(b"Archive", **ids)).of(ListLine)
    assert line.name == "Elsewhere"


@pytest.mark.parametrize("name", [b"no such", b"a//b", b"&!!", b"\xff"])
def test_it_is_found_whatever_the_name_is(ann, name):
    ids = mailbox_ids(ann, b"Archive")
    ann.ok(b"ENABLE IMAP4rev2")
    literal = b"{%d+}\r\n%b" % (len(name), name)
    written = " ".join(f"{key} {value}" for key, value in ids.items()).encode()
    assert selected(ann.ok(b"SELECT %b (OBJECTID (%b))" % (literal, written))) == ids


def test_the_name_is_for_the_case_that_none_is_found(ann):
    sent, inbox = mailbox_ids(ann, b"Sent"), mailbox_ids(ann, b"INBOX")
    mailbox, account = inbox["MAILBOXID"], inbox["ACCOUNTID"]
    for ids in (
        {"MAILBOXID": "Fno-longer-exists", "ACCOUNTID": account},
        {"MAILBOXID": mailbox.swapcase(), "ACCOUNTID": account},
        {"MAILBOXID": mailbox, "ACCOUNTID": account.swapcase()},
        {"MAILBOXID": mailbox, "ACCOUNTID": account + "0"},
        {"MAILBOXID": mailbox.partition("-")[0] + "-" + "f" * 16},
        {"MAILBOXID": mailbox.partition("-")[0] + "-" + "f" * 15},
        {"MAILBOXID": mailbox.partition("-")[0] + "-0"},
        {"MAILBOXID": mailbox.replace("-", "-0")},
        {"MAILBOXID": mailbox, "ACCOUNTID": mailbox},
        {"MAILBOXID": account, "ACCOUNTID": account},
        {"ACCOUNTID": account},
        {"EMAILID": "M1", "THREADID": "T1"},
        {"X-OTHER": mailbox},
    ):
        assert selected(ann.ok(by_ids(b"Sent", **ids))) == sent
        ann.no(by_ids(b"missing", **ids), "NONEXISTENT")
        ann.bad(b"CHECK")  # nothing is selected


def test_one_identifier_is_enough_in_ones_own_account(ann):
    ids = mailbox_ids(ann, b"Archive")
    given = {"MAILBOXID": ids["MAILBOXID"], "X-NEW": "1"}
    found = ann.ok(by_ids(b"Sent", b"SELECT", **given))
    assert selected(found) == ids


def test_a_deleted_mailbox_is_not_found(ann):
    ids = mailbox_ids(ann, b"Archive")
    ann.ok(b"DELETE Archive")
    ann.no(by_ids(b"Archive", **ids), "NONEXISTENT")
    ann.ok(b"CREATE Archive")
    assert selected(ann.ok(by_ids(b"Archive", **ids))) != ids


def test_a_name_without_a_mailbox_is_not_selected(plus, ann):
    ann.ok(b"CREATE a/b")
    ids = mailbox_ids(ann, b"a")
    ann.ok(b"DELETE a")
    last = int(ids["MAILBOXID"].partition("-")[2], 16)
    token = ids["MAILBOXID"].partition("-")[0]
    for number in range(1, last + 10):  # that of the bare name is among them
        one = {**ids, "MAILBOXID": f"{token}-{number:x}"}
        answer = ann.run(by_ids(b"a", **one))
        assert answer.status.kind == "NO" or selected(answer) == one


def test_a_mailbox_is_looked_up_by_one_statement(plus, ann):
    found = plus.store.directory.find("ann")
    account = plus.runtime.run(plus.store.account(found.id))
    ids = mailbox_ids(ann, b"Archive")
    access = plus.runtime.run(plus.store.access(found.id))
    objects = access.object_ids
    with Statements(account.readers.event) as sql:
        name = plus.runtime.run(objects.name_of(ids["MAILBOXID"], ids["ACCOUNTID"]))
    assert name == "Archive"
    assert len([one for one in sql if " FROM mailbox WHERE id = " in one]) == 1
    assert not [one for one in sql if "WHERE name IS NOT NULL" in one]


# -- shared mailboxes


def test_a_guest_hears_of_the_owner_s_account(plus, ann, bob):
    """§11.8: whose mailbox it is, not who reads it."""
    plus.share("Archive", "bob", "lr")
    plus.share("Team", "bob", "lr", owner=None)
    own = mailbox_ids(ann, b"Archive")
    assert mailbox_ids(bob, b"Other Users/ann/Archive") == own
    mine = mailbox_ids(bob, b"INBOX")["ACCOUNTID"]
    team = mailbox_ids(bob, b"Shared/Team")
    assert len({own["ACCOUNTID"], mine, team["ACCOUNTID"]}) == 3
    assert selected(bob.ok(b'SELECT "Other Users/ann/Archive"')) == own
    assert selected(bob.ok(b"SELECT Shared/Team")) == team
    answer = bob.ok(b'LIST "" * RETURN (STATUS (OBJECTID))')
    told = {line.name: line.items["OBJECTID"] for line in answer.of(StatusLine)}
    assert told["Other Users/ann/Archive"] == own
    assert told["Shared/Team"] == team


def test_a_guest_makes_and_renames_mailboxes_of_the_owner(plus, ann, bob):
    plus.share("Archive", "bob", "lrkx")
    bob.ok(b"ENABLE OBJECTID+")
    made = bob.ok(b'CREATE "Other Users/ann/Archive/new"').status.code.value
    assert made == mailbox_ids(ann, b"Archive/new")
    renamed = bob.ok(
        b'RENAME "Other Users/ann/Archive/new" "Other Users/ann/Archive/old"'
    )
    assert renamed.status.code.value == made


def test_a_guest_finds_a_mailbox_that_its_owner_has_renamed(plus, ann, bob):
    plus.share("Archive", "bob", "lr")
    name = b"Other Users/ann/Archive"
    ids = mailbox_ids(bob, name)
    ann.ok(b"RENAME Archive Elsewhere")
    bob.no(b'SELECT "%b"' % name, "NONEXISTENT")
    assert selected(bob.ok(by_ids(name, **ids))) == ids
    # Without its owner it would be one of his own.
    bob.no(by_ids(name, MAILBOXID=ids["MAILBOXID"]), "NONEXISTENT")


@pytest.mark.parametrize("rights", ["", "l", "lswi"])
def test_an_identifier_opens_nothing_that_a_name_does_not(plus, ann, bob, rights):
    ids = mailbox_ids(ann, b"Archive")
    if rights:
        plus.share("Archive", "bob", rights)
    name = b"Other Users/ann/Archive"
    by_name = bob.run(b'SELECT "%b"' % name)
    by_id = bob.run(by_ids(name, **ids))
    assert by_name.status.kind == by_id.status.kind == "NO"
    assert (by_id.code, by_id.status.text) == (by_name.code, by_name.status.text)
    # What is there is answered as what isn't.
    absent = bob.run(by_ids(b"INBOX", **{**ids, "MAILBOXID": "F0-1"}))
    there = bob.run(by_ids(b"INBOX", **ids))
    assert selected(there) == selected(absent) == mailbox_ids(bob, b"INBOX")


def test_a_right_that_was_taken_ends_it(plus, ann, bob):
    plus.share("Archive", "bob", "lr")
    ids = mailbox_ids(bob, b"Other Users/ann/Archive")
    ann.ok(b"DELETEACL Archive bob")
    bob.no(by_ids(b"x", **ids), "NONEXISTENT")


def test_an_account_that_is_gone_is_not_found(plus, ann, bob):
    plus.share("Archive", "bob", "lr")
    ids = mailbox_ids(bob, b"Other Users/ann/Archive")
    ann.drop()
    plus.runtime.run(plus.store.remove_account(plus.store.directory.remove("ann")))
    bob.no(by_ids(b"Other Users/ann/Archive", **ids), "NONEXISTENT")


def test_a_name_that_one_s_own_mailbox_has_leads_to_that(plus, bob):
    """One's own goes first: by its name the other one is not there any more."""
    plus.share("Archive", "bob", "lr")
    name = b"Other Users/ann/Archive"
    ids = mailbox_ids(bob, name)

    async def shadow():
        account = await plus.store.account(plus.store.directory.find("bob").id)
        await account.create(name.decode())
        await account.close()

    plus.runtime.run(shadow())
    assert selected(bob.ok(by_ids(name, **ids))) != ids


def test_nobody_is_found_where_nothing_is_shared(tmp_path):
    options = replace(
        OPTIONS, namespaces=replace(OPTIONS.namespaces, other_users="", shared="")
    )
    world = World(tmp_path, "ann", "bob", options=options)
    world.services = replace(world.services, registry=REGISTRY)
    ids = mailbox_ids(world.session(), b"Archive")
    world.share("Archive", "bob", "lr")
    world.session("bob").no(by_ids(b"x", **ids), "NONEXISTENT")
    world.close()


TALK = """
# objectid-bis §2.2, §7: another client renames what one comes back to.
! login C1
! login C2
C1: a1 SELECT Archive
S1: {+}
S1: * OK [MAILBOXID ({word})] {text}
S1: a1 OK [READ-WRITE] {text}
C1: a2 STATUS Archive (OBJECTID MESSAGES)
S1: * ENABLED OBJECTID+
S1: * STATUS Archive (OBJECTID (MAILBOXID {word} ACCOUNTID {word}) MESSAGES 0)
S1: a2 OK {text}
C2: b1 RENAME Archive Elsewhere
S2: b1 OK RENAME {text}
C1: a3 SELECT Archive (OBJECTID (MAILBOXID F1 X-NEW x))
S1: * OK [CLOSED] {text}
S1: a3 NO [NONEXISTENT] {text}
C1: a4 SELECT Elsewhere
S1: {+}
S1: * OK [OBJECTID (MAILBOXID {word} ACCOUNTID {word})] {text}
S1: a4 OK [READ-WRITE] {text}
C1: a5 CREATE foo
S1: a5 OK [OBJECTID (MAILBOXID {word} ACCOUNTID {word})] {text}
C1: a6 RENAME foo bar
S1: a6 OK [OBJECTID (MAILBOXID {word} ACCOUNTID {word})] {text}
C2: b2 CREATE foo
S2: b2 OK [MAILBOXID ({word})] {text}
C1: a7 LIST "" % RETURN (STATUS (OBJECTID))
S1: {+}
S1: * LIST (\\HasNoChildren) "/" bar
S1: * STATUS bar (OBJECTID (MAILBOXID {word} ACCOUNTID {word}))
S1: a7 OK {text}
C1: a8 SELECT bar (OBJECTID ())
S1: a8 BAD {text}
"""


def test_what_two_clients_hear(plus):
    password = PASSWORD.decode()
    names = {
        "user": "ann",
        "password": password,
        "other": "bob",
        "otherpassword": password,
    }
    run_transcript(TALK, lambda: SessionPeer(plus.connect()), names)
