"""COPY as text, and what it does (RFC 3501 §6.4.7, RFC 4315 §3, RFC 2180 §4.4)."""

import re

import pytest
from hypothesis import given

from imapd.commands.copy import Copy
from imapd.session.faults import Bad
from imapd.syntax.sequence import SequenceSet, UidSet
from tests.imapd.commands import strategies
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed
from tests.support.responses import Code, Exists

NODES = [
    (b"COPY 2:4 MEETING", Copy(SequenceSet(((2, 4),)), b"MEETING")),
    (b'UID COPY * "Sent Items"', Copy(UidSet(((0, 0),)), b"Sent Items")),
    (b"copy 1,3 inbox", Copy(SequenceSet(((1, 1), (3, 3))), b"inbox")),
    (b"UID COPY 1 &Jjo-", Copy(UidSet(((1, 1),)), b"&Jjo-")),
    (b'COPY 1 ""', Copy(SequenceSet(((1, 1),)), b"")),
]


@pytest.mark.parametrize(("text", "node"), NODES)
def test_each_form_is_known(text, node):
    assert parsed(text) == node
    name = "UID COPY" if isinstance(node.messages, UidSet) else "COPY"
    assert reparsed(name, node) == node


def test_a_name_may_be_a_literal():
    assert parsed(b"COPY 1 {}", b"a b").mailbox == b"a b"


REFUSED = [
    (b"COPY", "a space wanted at octet 6"),
    (b"COPY 1", "a space wanted at octet 8"),
    (b"COPY 1 ", "a string wanted at octet 9"),
    (b"COPY a Trash", "a message sequence set wanted at octet 7"),
    (b"COPY 1 Trash now", "the end of the command wanted at octet 14"),
    (b"COPY 1 (Trash)", "a string wanted at octet 9"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_copy_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


@given(strategies.copies)
def test_parse_is_the_inverse_of_unparse(node):
    name = "UID COPY" if isinstance(node.messages, UidSet) else "COPY"
    assert reparsed(name, node) == node


# -- what it does


def world(uids: tuple[int, ...] = (304, 319, 320, 322)) -> World:
    made = World("INBOX", "Trash", "Entwürfe")
    for uid in uids:
        made.box("INBOX").add(b"message %d" % uid, ("\\Seen", "Label"), uid=uid)
    made.box("Trash").uidnext = 3956
    made.box("INBOX").claimed = 400
    return made


@pytest.mark.parametrize("command", [b"COPY 1:3 Trash", b"UID COPY 304:321 Trash"])
def test_copies_have_flags_dates_and_new_uids(command):
    made = world()
    answer = Peer(made).ok(command)
    assert answer.status.code == Code(
        "COPYUID", (38505, (304, 319, 320), (3956, 3957, 3958))
    )
    old, new = made.box("INBOX").rows[304], made.box("Trash").rows[3956]
    assert (new.data, new.date) == (old.data, old.date)
    assert made.box("Trash").keywords == ["Label"]
    assert len(made.box("INBOX").rows) == 4


def test_a_set_out_of_order_is_copied_in_order():
    answer = Peer(world()).ok(b"COPY 4,1 Trash")
    assert b"COPYUID 38505 304,322 3956:3957" in answer.raw


def test_a_missing_destination_may_be_created():
    answer = Peer(world()).run(b"COPY 1 Missing")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "TRYCREATE")


@pytest.mark.parametrize("name", [b"&", b"&AAA-", b'""', b"a//b", b'"x\x7fy"'])
def test_a_name_that_no_mailbox_can_have_is_not_to_be_created(name):
    answer = Peer(world()).run(b"COPY 1 " + name)
    assert (answer.status.kind, answer.status.code_name) == ("NO", "NONEXISTENT")


def test_a_selected_mailbox_that_was_deleted_is_not_to_be_created():
    made = world()
    peer = Peer(made)
    del made.boxes["INBOX"]
    answer = peer.run(b"COPY 1 Trash")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "NONEXISTENT")


def test_the_name_is_modified_utf7_or_utf8_when_enabled():
    made = world()
    peer = Peer(made)
    peer.ok(b"COPY 1 Entw&APw-rfe")
    peer.session.telling.utf8 = True
    peer.ok(b'COPY 2 "Entw\xc3\xbcrfe"')
    assert len(made.box("Entwürfe").rows) == 2


def test_inbox_is_named_in_any_case_and_may_be_the_selected_one():
    peer = Peer(world())
    answer = peer.ok(b"COPY 1:2 iNbOx")
    assert answer.status.code == Code("COPYUID", (38505, (304, 319), (323, 324)))
    assert answer.of(Exists) == [Exists(6)]


def test_nothing_to_copy_is_ok_without_a_code():
    peer = Peer(world())
    answer = peer.ok(b"UID COPY 1:9 Missing")
    assert answer.status.code is None


def test_a_number_beyond_the_mailbox_is_bad():
    assert Peer(world()).run(b"COPY 5 Trash").status.kind == "BAD"


def test_a_read_only_mailbox_may_be_copied_from():
    made = world()
    Peer(made, readonly=True).ok(b"COPY 1 Trash")
    assert len(made.box("Trash").rows) == 1


def test_what_still_exists_is_copied():
    made = world()
    peer = Peer(made)
    made.box("INBOX").kill([319])
    answer = peer.ok(b"COPY 1:2 Trash")
    assert answer.status.code == Code("COPYUID", (38505, (304,), (3956,)))
    assert b"* 2 EXPUNGE" in answer.raw


def test_a_copy_of_nothing_that_exists_is_no_by_number_and_ok_by_uid():
    made = world()
    peer, other = Peer(made), Peer(made)
    made.box("INBOX").kill([319])
    answer = peer.run(b"COPY 2 Trash")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "EXPUNGEISSUED")
    answer = other.run(b"UID COPY 319 Trash")
    assert (answer.status.kind, answer.status.code_name) == ("OK", "EXPUNGEISSUED")
