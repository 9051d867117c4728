"""SETACL, GETACL, DELETEACL, LISTRIGHTS and MYRIGHTS (RFC 4314)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.acl import (
    FEATURE,
    DeleteAcl,
    GetAcl,
    ListRights,
    MyRights,
    SetAcl,
)
from imapd.session.faults import Bad
from imapd.session.rights_responses import render_rights
from mailstore.rights import ALL, NONE, Right, parse_rights
from mailstore.service.rights_lists import Change
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import AclLine, ListRightsLine, MyRightsLine
from tests.support.session import World

FULL = "lrswipkxteancd"
NODES = [
    (b"GETACL INBOX", GetAcl(b"INBOX")),
    (b"myrights INBOX", MyRights(b"INBOX")),
    (b'DELETEACL "a b" -Fred', DeleteAcl(b"a b", b"-Fred")),
    (b"LISTRIGHTS ~/Mail/saved smith", ListRights(b"~/Mail/saved", b"smith")),
    (
        b"SetAcl INBOX/Drafts Chris +cda",
        SetAcl(b"INBOX/Drafts", b"Chris", Change.ADD, parse_rights("kxtea")),
    ),
    (
        b"SETACL INBOX David lrswida",
        SetAcl(b"INBOX", b"David", Change.REPLACE, parse_rights("lrswitea")),
    ),
    (b"SETACL x y -te", SetAcl(b"x", b"y", Change.REMOVE, parse_rights("te"))),
    (b'SETACL x y ""', SetAcl(b"x", b"y", Change.REPLACE, NONE)),
    (b"SETACL x y -", SetAcl(b"x", b"y", Change.REMOVE, NONE)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "node"), NODES)
def test_each_form_is_known(text, node):
    assert parsed(text) == node
    assert reparsed(type(node).__name__.upper(), node) == node


def test_identifiers_may_be_utf8():
    node = SetAcl(b"x", "größe".encode(), Change.REPLACE, Right.LOOKUP)
    assert parsed(b"SETACL x {} l", "größe".encode()) == node
    assert reparsed("SETACL", node) == node


@given(
    st.binary(min_size=1).filter(lambda octets: 0 not in octets),
    st.sampled_from(Change),
    st.integers(0, ALL.value),
)
def test_what_is_written_is_read_again(who, change, rights):
    node = SetAcl(b"INBOX", who, change, Right(rights))
    assert reparsed("SETACL", node) == node


@pytest.mark.parametrize(
    "text",
    [
        b"GETACL",
        b"GETACL a b",
        b"MYRIGHTS",
        b"SETACL a b",
        b"SETACL a b lr x",
        b"SETACL a b lrQswicda",  # RFC 4314 §3.1
        b"SETACL a b lrqswicda",
        b"SETACL a b +-l",
        b"SETACL a b 0",
        b"DELETEACL a",
        b"LISTRIGHTS a",
    ],
)
def test_what_is_no_command_is_refused(text):
    with pytest.raises(Bad):
        parsed(text)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, "ann", "bob", "eve")
    made.session().ok(b"CREATE Work")
    yield made
    made.close()


def acl(session, mailbox=b"Work"):
    (line,) = session.ok(b"GETACL " + mailbox).of(AclLine)
    return dict(line.rights)


def mine(session, mailbox=b"Work"):
    (line,) = session.ok(b"MYRIGHTS " + mailbox).of(MyRightsLine)
    return line.rights


def test_rights_are_given_added_and_taken(world):
    ann = world.session()
    assert acl(ann) == {"ann": FULL}
    ann.ok(b"SETACL Work bob lrswida")
    assert acl(ann) == {"ann": FULL, "bob": "lrswitead"}
    ann.ok(b"SETACL Work bob +ck")
    assert acl(ann)["bob"] == "lrswikxteacd"
    ann.ok(b"SETACL Work BOB -d")
    assert acl(ann)["bob"] == "lrswikxac"
    ann.ok(b"SETACL Work -bob w")
    ann.ok(b"SETACL Work anyone l")
    assert acl(ann) == {"ann": FULL, "-bob": "w", "anyone": "l", "bob": "lrswikxac"}
    bob = world.session("bob")
    assert mine(bob, b'"Other Users/ann/Work"') == "lrsikxac"
    ann.ok(b"DELETEACL Work bob")
    ann.ok(b"DELETEACL Work bob")
    assert mine(bob, b'"Other Users/ann/Work"') == "l"
    ann.ok(b'SETACL Work anyone ""')
    bob.no(b'MYRIGHTS "Other Users/ann/Work"', "NONEXISTENT")


def test_who_is_nobody_is_given_nothing(world):
    ann = world.session()
    for who in (b"nobody", b"group:none", b"-nobody"):
        ann.no(b"SETACL Work %b l" % who, "CANNOT")
        ann.no(b"DELETEACL Work " + who, "CANNOT")
        ann.no(b"LISTRIGHTS Work " + who, "CANNOT")
    for who in (b'""', b"-", b'" "', b'"a\tb"'):
        ann.bad(b"SETACL Work %b l" % who)
        ann.bad(b"LISTRIGHTS Work " + who)
        ann.bad(b"DELETEACL Work " + who)


def test_what_may_be_given_is_told(world):
    ann = world.session()
    (line,) = ann.ok(b"LISTRIGHTS Work BOB").of(ListRightsLine)
    assert (line.identifier, line.always) == ("BOB", "")
    assert line.optional == tuple(FULL)
    (line,) = ann.ok(b"LISTRIGHTS Work ann").of(ListRightsLine)
    assert line.always == "la"
    assert line.optional == tuple("rswipkxtencd")


def test_lists_are_for_who_administers(world):
    ann, bob = world.session(), world.session("bob")
    box = b'"Other Users/ann/Work"'
    commands = (
        b"GETACL %b",
        b"SETACL %b eve l",
        b"DELETEACL %b eve",
        b"LISTRIGHTS %b eve",
    )
    for command in commands:
        bob.no(command % box, "NONEXISTENT")
        bob.no(command % b'"Other Users/ann/None"', "NONEXISTENT")
    ann.ok(b"SETACL Work bob lr")
    for command in commands:
        bob.no(command % box, "NOPERM")
    ann.ok(b"SETACL Work bob a")
    for command in commands:
        bob.ok(command % box)
    assert list(acl(bob, box)) == ["ann", "bob"]
    bob.ok(b"SETACL %b eve lr" % box)
    assert mine(world.session("eve"), box) == "lr"


def test_the_owner_keeps_a_way_back(world):
    ann = world.session()
    ann.ok(b"SETACL Work ann lr")
    assert acl(ann) == {"ann": "lra"}
    assert mine(ann) == "lra"
    ann.ok(b'SETACL Work ann ""')
    ann.ok(b"SETACL Work -owner lrswipkxtea")
    assert mine(ann) == "la"
    ann.ok(b"DELETEACL Work ann")
    ann.ok(b"DELETEACL Work -owner")
    assert mine(ann) == FULL


def test_a_public_list_begins_with_its_owner(world):
    world.share("Team", "bob", "lra", owner=None)
    bob = world.session("bob")
    assert acl(bob, b"Shared/Team") == {"owner": FULL, "bob": "lra"}


def test_read_only_logins_change_no_list(world):
    found = world.store.directory.find("ann")
    secret = world.store.directory.app_passwords.add(
        found.id, "r", now=0, readonly=True
    )
    ann = world.connect()
    ann.ok(b"LOGIN ann " + secret.encode())
    ann.no(b"SETACL Work bob l", "NOPERM")
    ann.no(b"DELETEACL Work bob", "NOPERM")
    assert acl(ann) == {"ann": FULL}


def test_rights_are_rendered_with_those_of_older_clients():
    assert render_rights(NONE) == b'""'
    assert render_rights(ALL) == FULL.encode()


def test_the_feature_has_its_capabilities():
    assert [c.text for c in FEATURE.capabilities] == ["ACL", "RIGHTS=kxten"]
