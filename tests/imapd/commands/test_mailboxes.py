"""CREATE, DELETE, RENAME, SUBSCRIBE, LIST, LSUB, STATUS, NAMESPACE, ENABLE, ID."""

from __future__ import annotations

import re

import pytest

from imapd.commands import create, delete, lsub, status, subscribe
from imapd.commands import list as list_
from imapd.extensions import children, enable, namespace, special_use
from imapd.extensions import id as id_
from imapd.wire.cursor import Cursor, Malformed
from mailstore.lanes import InlineRuntime
from tests.imapd.commands.peers import reparsed
from tests.support.responses import (
    Enabled,
    Exists,
    Expunge,
    ListLine,
    Namespace,
    ServerId,
    StatusLine,
)

OWN = ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"]


@pytest.fixture
def ann(world):
    return world.session()


def listed(session, command):
    return [line.name for line in session.ok(command).of(ListLine)]


def attributes(session, name):
    (line,) = session.ok(b'LIST "" ' + name).of(ListLine)
    return set(line.attributes)


def test_names_and_patterns(ann):
    for name in (b"a/b/c", b"a/d", b"ab"):
        ann.ok(b"CREATE " + name)
    assert listed(ann, b'LIST "" *') == [
        "INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash",
        "a", "a/b", "a/b/c", "a/d", "ab",
    ]  # fmt: skip
    assert listed(ann, b'LIST "" %') == [*OWN, "a", "ab"]
    assert listed(ann, b'LIST "" a/%') == ["a/b", "a/d"]
    assert listed(ann, b'LIST a/ "%"') == ["a/b", "a/d"]
    assert listed(ann, b'LIST "" %/%') == ["a/b", "a/d"]
    assert listed(ann, b'LIST "" iNbOx') == ["INBOX"]
    assert listed(ann, b'LIST "" nothing') == []
    assert listed(ann, b'LIST "" "a*c"') == ["a/b/c"]
    (root,) = ann.ok(b'LIST "" ""').of(ListLine)
    assert (root.name, root.delimiter) == ("", "/")
    assert {a.upper() for a in root.attributes} == {"\\NOSELECT"}


def test_attributes(ann):
    ann.ok(b"CREATE p/q")
    assert attributes(ann, b"p") == {"\\HasChildren"}
    assert attributes(ann, b"p/q") == {"\\HasNoChildren"}
    assert attributes(ann, b"Sent") == {"\\HasNoChildren", "\\Sent"}
    ann.ok(b"DELETE p")
    assert attributes(ann, b"p") == {"\\HasChildren", "\\Noselect"}
    ann.no(b"SELECT p", "NONEXISTENT")
    ann.no(b"DELETE p", "HASCHILDREN")
    ann.ok(b"DELETE p/q")
    ann.ok(b"DELETE p")
    assert listed(ann, b'LIST "" p*') == []


def test_create_refuses(ann):
    for name, code in (
        (b"INBOX", "ALREADYEXISTS"),
        (b"inbox", "ALREADYEXISTS"),
        (b"Sent", "ALREADYEXISTS"),
        (b'""', "CANNOT"),
        (b"a//b", "CANNOT"),
        (b"/a", "CANNOT"),
        (b'"a*"', "CANNOT"),
        (b"a%b".join((b'"', b'"')), "CANNOT"),
        (b"&bad", "CANNOT"),
        (b'"' + b"x" * 256 + b'"', "CANNOT"),
        (b"{1+}\r\n\xff", "CANNOT"),
    ):
        ann.no(b"CREATE " + name, code)
    for command in (b"CREATE", b"CREATE ", b"CREATE a b", b"CREATE a (USE \\Sent)"):
        ann.bad(command)


def test_create_with_a_trailing_delimiter_and_a_use(ann):
    ann.ok(b"CREATE folder/")
    assert listed(ann, b'LIST "" folder*') == ["folder"]
    ann.ok(b"CREATE Mine (USE (\\Archive))")
    assert "\\Archive" in attributes(ann, b"Mine")
    ann.no(b"CREATE X (USE (\\All))", "USEATTR")
    ann.no(b"CREATE X (USE (\\Sent \\Trash))", "USEATTR")
    ann.no(b"CREATE X (USE (\\Unknown))", "USEATTR")
    assert listed(ann, b'LIST "" X') == []


def test_uidvalidity_does_not_repeat_for_a_name(ann):
    seen = set()
    for _ in range(3):
        ann.ok(b"CREATE again")
        (line,) = ann.ok(b"STATUS again (UIDVALIDITY)").of(StatusLine)
        seen.add(line.items["UIDVALIDITY"])
        ann.ok(b"DELETE again")
    assert len(seen) == 3


def test_delete_and_rename_refuse(ann):
    ann.no(b"DELETE INBOX", "NOPERM")
    ann.no(b"DELETE nowhere", "NONEXISTENT")
    ann.no(b"RENAME nowhere x", "NONEXISTENT")
    ann.no(b"RENAME Sent Trash", "ALREADYEXISTS")
    ann.no(b"RENAME Sent Sent/x", "CANNOT")
    ann.no(b'RENAME Sent "a*"', "CANNOT")
    ann.no(b"RENAME Sent INBOX", "ALREADYEXISTS")
    assert listed(ann, b'LIST "" *') == OWN


def test_rename_takes_children_along(ann):
    ann.ok(b"CREATE a/b/c")
    ann.ok(b"RENAME a x/y")
    assert listed(ann, b'LIST "" x*') == ["x", "x/y", "x/y/b", "x/y/b/c"]
    assert listed(ann, b'LIST "" a') == []


def test_rename_inbox_moves_its_messages(world, ann):
    world.deliver(b"a", b"b")
    ann.ok(b"SELECT INBOX")
    answer = ann.ok(b"RENAME INBOX kept")
    assert [one.number for one in answer.of(Expunge)] == [2, 1]
    assert ann.ok(b"SELECT kept").of(Exists) == [Exists(2)]
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(0)]


def test_a_deleted_mailbox_is_empty_for_who_selected_it(world, ann):
    ann.ok(b"CREATE doomed")
    world.deliver(b"a", b"b", to="doomed")
    other = world.session(mailbox=b"doomed")
    ann.ok(b"DELETE doomed")
    answer = other.ok(b"NOOP")
    assert [one.number for one in answer.of(Expunge)] == [2, 1]
    other.no(b"APPEND doomed {1+}\r\nx", "TRYCREATE")
    other.ok(b"CLOSE")
    other.bad(b"CLOSE")


def test_subscriptions(ann):
    assert listed(ann, b'LSUB "" *') == OWN
    ann.ok(b"CREATE a/b")
    ann.ok(b"UNSUBSCRIBE a")
    lines = ann.ok(b'LSUB "" %').of(ListLine)
    assert [line.name for line in lines] == [*OWN, "a"]
    assert {x.upper() for x in lines[-1].attributes} == {"\\NOSELECT"}
    assert listed(ann, b'LSUB "" a/%') == ["a/b"]
    ann.ok(b"SUBSCRIBE a/")
    ann.ok(b"DELETE a/b")
    assert listed(ann, b'LSUB "" a*') == ["a", "a/b"]
    assert listed(ann, b'LIST "" a*') == ["a"]
    ann.ok(b"UNSUBSCRIBE a/b")
    ann.ok(b"UNSUBSCRIBE never")
    ann.no(b"SUBSCRIBE never", "NONEXISTENT")
    assert listed(ann, b'LSUB "" a*') == ["a"]


def test_special_uses_are_told_by_lsub_too(ann):
    """Outlook asks for nothing but LIST and LSUB."""
    lines = ann.ok(b'LSUB "" *').of(ListLine)
    told = {line.name: set(line.attributes) for line in lines}
    assert told["Sent"] == {"\\HasNoChildren", "\\Sent"}
    ann.ok(b"DELETE Sent")
    lines = ann.ok(b'LSUB "" Sent').of(ListLine)
    assert [set(line.attributes) for line in lines] == [{"\\Noselect"}]


def test_modified_utf7(ann):
    ann.ok(b"CREATE Entw&APw-rfe")
    assert listed(ann, b'LIST "" Entw*') == ["Entw&APw-rfe"]
    ann.ok(b"SELECT Entw&APw-rfe")
    assert "Entwürfe" in {entry.name for entry in entries_of(ann)}


def entries_of(session):
    account = session.connection.session.account
    return InlineRuntime().run(account.mailboxes())


def test_status(world, ann):
    world.deliver(b"a", b"bc")
    (line,) = ann.ok(
        b"STATUS inbox (MESSAGES recent UIDNEXT UIDVALIDITY UNSEEN MESSAGES)"
    ).of(StatusLine)
    assert line.name == "INBOX"
    validity = line.items["UIDVALIDITY"]
    assert dict(line.items) == {
        "MESSAGES": 2, "RECENT": 2, "UIDNEXT": 3, "UIDVALIDITY": validity, "UNSEEN": 2,
    }  # fmt: skip
    ann.no(b"STATUS nowhere (MESSAGES)", "NONEXISTENT")
    for command in (
        b"STATUS INBOX",
        b"STATUS INBOX ()",
        b"STATUS INBOX (SIZES)",
        b"STATUS INBOX MESSAGES",
        b"STATUS INBOX (MESSAGES) x",
    ):
        ann.bad(command)


def test_status_of_many_sent_at_once_is_as_one_by_one(world):
    """Commands are understood ahead; what is no such command there changes nothing."""
    ann = world.session()
    ann.ok(b'CREATE "two words"')
    ann.ok(b"CREATE Entw&APw-rfe")
    commands = [
        b"STATUS INBOX (MESSAGES)",
        b"status inbox (messages UIDNEXT)",
        b'STATUS "inbox" (MESSAGES)',
        b'STATUS "" (MESSAGES)',
        b'STATUS "two words" (UNSEEN)',
        b'STATUS "two\\words" (UNSEEN)',
        b"STATUS Entw&APw-rfe (UNSEEN)",
        'STATUS "Entwürfe" (UNSEEN)'.encode(),
        b"STATUS nowhere (MESSAGES)",
        b"STATUS Sent ()",
        b"STATUS Sent (SIZES)",
        b"STATUS Sent (MESSAGES) ",
        b"STATUS  Sent (MESSAGES)",
        b"STATUS Drafts (MESSAGES RECENT)",
        b"STATUS {4+}\r\nJunk (MESSAGES)",
        b"STATUS Trash (MESSAGES)\r\n\r\nu NOOP",
        b"STATUS %b (MESSAGES)" % (b"x" * 260),
        b"NOOP",
    ]
    wire = [b"x%d %b\r\n" % one for one in enumerate(commands)]
    for first in (b"NOOP", b"ENABLE UTF8=ACCEPT"):
        world.deliver(b"x")  # so that counters have to be read
        together, single = world.session(), world.session()
        for session in (together, single):
            session.ok(first)
            session.raw = b""
        together.connection.receive(b"".join(wire))
        ann.ok(b"SUBSCRIBE Sent")
        world.services.registry.understood.clear()
        for command in wire:
            single.connection.receive(command)
        assert together.raw == single.raw


@pytest.mark.parametrize(
    "arguments",
    [
        b" INBOX (MESSAGES)",
        b' "a b" (unseen MESSAGES unseen)',
        b' "" (MESSAGES)',
        b" ]x/&- (RECENT)",
        b' "a\\"b" (MESSAGES)',
        b' "\xc3\xa9" (MESSAGES)',
        b" a (MESSAGES) ",
        b" a  (MESSAGES)",
        b" a (MESSAGES  UNSEEN)",
        b" a (MESSAGES NOTHING)",
        b" a%b (MESSAGES)",
        b' "a (MESSAGES)',
        b'"a" (MESSAGES)',
        b" a ()",
    ],
)
def test_arguments_of_status_are_read_alike_by_the_short_way(
    world, monkeypatch, arguments
):
    registry = world.services.registry

    def read():
        cursor = Cursor(b"x STATUS" + arguments)
        cursor.at = 8
        try:
            return status.parse(cursor, registry)
        except Malformed as fault:
            return fault.at, fault.wanted

    short = read()
    monkeypatch.setattr(status, "_USUAL", re.compile(b"(?!)"))
    assert read() == short


def test_status_of_what_was_sent_ahead_is_that_of_its_own_moment(ann):
    """Names are looked for in what has come, whatever it is."""
    what = b" (MESSAGES)\r\n"
    literal = b"x\r\ny STATUS Archive (MESSAGES)"
    ann.raw = b""
    ann.connection.receive(
        b"a0 STATUS INBOX" + what
        + b"a1 STATUS later" + what
        + b"a2 CREATE later\r\na3 STATUS Later" + what
        + b"a4 STATUS later" + what
        + b"a5 RENAME later %s\r\n" % b'"at last"'
        + b'a6 STATUS "at last"' + what
        + b"a7 STATUS later" + what
        + b'a8 STATUS "a//b"' + what
        + b"a9 STATUS {%d+}\r\n%b" % (len(literal), literal) + what
        + b'b0 STATUS ""' + what
        + b"b1 status archive (messages)\r\nb2 STATUS Archive" + what
    )  # fmt: skip
    answers = [line for line in ann.raw.split(b"\r\n") if line]
    outcomes = [line.split()[1] for line in answers if not line.startswith(b"*")]
    assert outcomes == [
        b"OK", b"NO", b"OK", b"NO", b"OK", b"OK", b"OK", b"NO", b"NO", b"NO", b"NO",
        b"NO", b"OK",
    ]  # fmt: skip
    told = [line.partition(b" (")[0] for line in answers if line.startswith(b"* ST")]
    assert told == [
        b"* STATUS INBOX", b"* STATUS later", b'* STATUS "at last"', b"* STATUS Archive"
    ]  # fmt: skip


def test_namespace_and_enable(ann):
    (found,) = ann.ok(b"NAMESPACE").of(Namespace)
    assert found.personal == (("", "/"),)
    assert found.other == (("Other Users/", "/"),)
    assert found.shared == (("Shared/", "/"),)
    (enabled,) = ann.ok(b"ENABLE X-UNKNOWN condstore-not").of(Enabled)
    assert enabled.names == frozenset()
    ann.bad(b"ENABLE")
    ann.ok(b"SELECT INBOX")
    ann.bad(b"ENABLE X")  # RFC 5161 §3.1


def test_id(world, ann):
    (found,) = ann.ok(b'ID ("name" "mutt" "version" NIL)').of(ServerId)
    assert dict(found.fields) == {"name": b"imapd", "version": b"1.2.3"}
    ann.ok(b"ID NIL")
    ann.ok(b"ID ()")
    (found,) = world.connect().ok(b"ID NIL").of(ServerId)
    assert dict(found.fields) == {"name": b"imapd"}
    for command in (
        b"ID",
        b'ID "x"',
        b'ID ("a")',
        b'ID ("' + b"x" * 31 + b'" "y")',
        b"ID (" + b" ".join([b'"a" "b"'] * 31) + b")",
    ):
        ann.bad(command)


def test_inverse():
    for name, node in (
        ("CREATE", create.Create(b"a b")),
        ("CREATE", create.Create(b"a", (b"\\Sent", b"\\x"))),
        ("DELETE", delete.Delete(b"\xff{")),
        ("RENAME", delete.Rename(b"a", b"b c")),
        ("SUBSCRIBE", subscribe.Subscribe(b"a")),
        ("UNSUBSCRIBE", subscribe.Subscribe(b"a", wanted=False)),
        ("LIST", list_.List(b"", b"%/*")),
        ("LSUB", lsub.Lsub(b"a", b"")),
        ("STATUS", status.Status(b"x", ("MESSAGES", "UNSEEN"))),
        ("ENABLE", enable.Enable(("A", "B"))),
        ("ID", id_.Id()),
        ("ID", id_.Id(((b"a", None), (b"b", b'c"')))),
    ):
        assert reparsed(name, node) == node


def test_features_have_their_capabilities():
    texts = [
        c.text
        for module in (children, namespace, special_use)
        for c in module.FEATURE.capabilities
    ]
    assert texts == ["CHILDREN", "NAMESPACE", "SPECIAL-USE", "CREATE-SPECIAL-USE"]
