"""Identifiers that outlive names, numbers and places (RFC 8474)."""

from __future__ import annotations

import re

import pytest

from imapd.extensions.objectid import EMAILID, FEATURE, THREADID, ObjectIdKey
from imapd.session.faults import Bad
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Fetch, SearchResult, StatusLine

OBJECT_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,254}")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b"EMAILID M6d99ac3275bb4e", ObjectIdKey("EMAILID", "M6d99ac3275bb4e")),
        (b"threadid T64b478a75b7ea9_-", ObjectIdKey("THREADID", "T64b478a75b7ea9_-")),
    ],
)
def test_each_key_is_known(text, key):
    node = parsed(b"SEARCH " + text)
    assert node.keys == (key,)
    assert reparsed("SEARCH", node) == node


def test_items_are_known():
    node = parsed(b"FETCH 1 (emailid THREADID)")
    assert node.items == (EMAILID, THREADID)
    assert reparsed("FETCH", node) == node


@pytest.mark.parametrize(
    "text",
    [b"EMAILID", b"EMAILID (M1)", b"EMAILID M.1", b"THREADID " + b"x" * 256,
     b'EMAILID "M1"'],
)  # fmt: skip
def test_what_is_no_identifier_is_refused(text):
    with pytest.raises(Bad):
        parsed(b"SEARCH " + text)


def test_a_key_has_an_identifier():
    for name, text in (("EMAILID", ""), ("EMAILID", "a b"), ("MAILBOXID", "x")):
        with pytest.raises(ValueError, match="no such key"):
            ObjectIdKey(name, text)


# -- mailboxes


def mailbox_id(session, name):
    (line,) = session.ok(b"STATUS %b (MAILBOXID)" % name).of(StatusLine)
    return line.items["MAILBOXID"]


def test_a_mailbox_keeps_its_identifier_under_another_name(world):
    ann = world.session()
    answer = ann.ok(b"CREATE foo")
    assert answer.status.code.name == "MAILBOXID"
    made = answer.status.code.value
    assert OBJECT_ID.fullmatch(made)
    assert mailbox_id(ann, b"foo") == made
    ann.ok(b"RENAME foo bar/baz")
    assert mailbox_id(ann, b"bar/baz") == made
    ann.ok(b"CREATE foo")
    ids = [mailbox_id(ann, name) for name in (b"foo", b"bar", b"bar/baz", b"INBOX")]
    assert len(set(ids)) == 4
    ann.ok(b"DELETE foo")
    ann.ok(b"CREATE foo")
    assert mailbox_id(ann, b"foo") not in ids


def test_inbox_keeps_its_own_when_it_is_renamed(world):
    """RFC 8474 §4: renaming INBOX makes a mailbox."""
    ann = world.session()
    before = mailbox_id(ann, b"INBOX")
    ann.ok(b"RENAME INBOX old")
    assert mailbox_id(ann, b"INBOX") == before
    assert mailbox_id(ann, b"old") != before


@pytest.mark.parametrize("command", [b"SELECT", b"EXAMINE"])
def test_it_is_told_when_a_mailbox_is_selected(world, command):
    ann = world.session()
    answer = ann.ok(command + b" Sent")
    assert f"[MAILBOXID ({mailbox_id(ann, b'Sent')})]".encode() in answer.raw


def test_it_is_told_with_list(world):
    ann = world.session()
    answer = ann.ok(b'LIST "" * RETURN (STATUS (MAILBOXID))')
    ids = {line.items["MAILBOXID"] for line in answer.of(StatusLine)}
    assert len(ids) == len(answer.of(StatusLine)) == 6


def test_no_two_accounts_have_the_same(tmp_path, world):
    world.store.directory.create("bob", b"open sesame")
    ann, bob = world.session(), world.session("bob")
    assert mailbox_id(ann, b"INBOX") != mailbox_id(bob, b"INBOX")
    world.deliver(b"x")
    world.deliver(b"x", name="bob")
    for session in (ann, bob):
        session.ok(b"SELECT INBOX")
    (mine,), (his,) = ids(ann), ids(bob)
    assert mine["EMAILID"] != his["EMAILID"]
    assert mine["THREADID"] != his["THREADID"]


# -- messages


def ids(session):
    answer = session.ok(b"UID FETCH 1:* (EMAILID THREADID)")
    return [one.items for one in answer.of(Fetch)]


def mail(own: str, *references: str, reply: str = "") -> bytes:
    lines = [f"Message-ID: <{own}@x>", "Subject: s"]
    if references:
        lines.append("References: " + " ".join(f"<{one}@x>" for one in references))
    if reply:
        lines.append(f"In-Reply-To: <{reply}@x>")
    return "\r\n".join([*lines, "", "body"]).encode()


def test_copies_share_the_identifier_and_the_thread(world):
    """RFC 8474 §5.1, §5.2."""
    world.deliver(mail("a"), mail("b", "a"), mail("c"))
    ann = world.session(mailbox=b"INBOX")
    first, second, third = ids(ann)
    assert len({one["EMAILID"] for one in (first, second, third)}) == 3
    assert first["THREADID"] == second["THREADID"] != third["THREADID"]
    assert all(OBJECT_ID.fullmatch(value) for value in first.values() if value != 1)
    ann.ok(b"COPY 1 Archive")
    ann.ok(b"MOVE 2 Archive")
    ann.ok(b"SELECT Archive")
    found = ids(ann)
    assert [one["EMAILID"] for one in found] == [first["EMAILID"], second["EMAILID"]]
    assert {one["THREADID"] for one in found} == {first["THREADID"]}
    ann.ok(b"RENAME Archive Elsewhere")
    ann.ok(b"SELECT Elsewhere")
    assert ids(ann) == found


def test_threads_go_over_mailboxes_and_missing_messages(world):
    world.deliver(mail("a"))
    world.deliver(mail("b", "a"), to="Sent")
    world.deliver(mail("d", "a", "lost"), mail("e", reply="lost"))
    # Nobody knows the message that both refer to.
    world.deliver(mail("g", "never"), mail("h", "never"))
    ann = world.session(mailbox=b"INBOX")
    a, d, e, g, h = [one["THREADID"] for one in ids(ann)]
    assert a == d == e
    assert g == h != a
    ann.ok(b"SELECT Sent")
    (b,) = ids(ann)
    assert b["THREADID"] == a


def test_a_thread_that_was_told_never_changes(world):
    """RFC 8474 §5.2: not even by a message that belongs to two of them."""
    world.deliver(mail("a"), mail("b"))
    ann = world.session(mailbox=b"INBOX")
    before = ids(ann)
    world.deliver(mail("c", "a", "b"), mail("d", "a"), mail("e", "c"))
    ann.ok(b"NOOP")
    a, b, c, d, e = [one["THREADID"] for one in ids(ann)]
    assert [a, b] == [one["THREADID"] for one in before]
    assert c == b  # the nearest
    assert d == a
    assert e == c


def test_messages_without_any_identifier_are_alone(world):
    world.deliver(b"Subject: x\r\n\r\n1", b"Subject: x\r\n\r\n2")
    ann = world.session(mailbox=b"INBOX")
    assert len({one["THREADID"] for one in ids(ann)}) == 2


def found(session, keys):
    (result,) = session.ok(b"SEARCH " + keys).of(SearchResult)
    return result.numbers


def test_they_are_found(world):
    world.deliver(mail("a"), mail("b", "a"), mail("c"))
    ann = world.session(mailbox=b"INBOX")
    a, b, c = ids(ann)
    email, thread = b["EMAILID"].encode(), a["THREADID"].encode()
    assert found(ann, b"EMAILID " + email) == (2,)
    assert found(ann, b"NOT EMAILID " + email) == (1, 3)
    assert found(ann, b"THREADID " + thread) == (1, 2)
    assert found(ann, b"THREADID %b NOT EMAILID %b" % (thread, email)) == (1,)
    both = b"OR EMAILID %b EMAILID %b" % (email, c["EMAILID"].encode())
    assert found(ann, both) == (2, 3)
    # Case counts, and so does the kind.
    for other in (
        email.lower(),
        email + b"0",
        b"M1",
        thread,
        email.replace(b"-", b"-0"),
    ):
        assert found(ann, b"EMAILID " + other) == ()
    assert found(ann, b"THREADID " + email) == ()
    ann.ok(b"COPY 2 Archive")
    ann.ok(b"SELECT Archive")
    assert found(ann, b"EMAILID " + email) == (1,)


def test_an_expunged_message_keeps_them_as_long_as_it_is_served(world):
    world.deliver(mail("a"), mail("b"))
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    before = [one.items for one in ann.ok(b"FETCH 1:2 (EMAILID THREADID)").of(Fetch)]
    other.ok(b"STORE 1 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    after = [one.items for one in ann.ok(b"FETCH 1:2 (EMAILID THREADID)").of(Fetch)]
    assert after == before


def test_the_feature_has_its_capability():
    assert [c.text for c in FEATURE.capabilities] == ["OBJECTID"]
