"""MOVE as text, and what it does (RFC 6851)."""

import re

import pytest
from hypothesis import given

from imapd.extensions.move import FEATURE, Move
from imapd.session.faults import Bad
from imapd.syntax.sequence import SequenceSet, UidSet
from mailstore.errors import Unavailable
from tests.imapd.commands import strategies
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed
from tests.support.responses import Code, Exists, Expunge, Status

NODES = [
    (b"MOVE 2:4 MEETING", Move(SequenceSet(((2, 4),)), b"MEETING")),
    (b"UID MOVE 42:69 foo", Move(UidSet(((42, 69),)), b"foo")),
]


@pytest.mark.parametrize(("text", "node"), NODES)
def test_each_form_is_known(text, node):
    assert parsed(text) == node
    name = "UID MOVE" if isinstance(node.messages, UidSet) else "MOVE"
    assert reparsed(name, node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"MOVE 1", "a space wanted at octet 8"),
        (b"MOVE x Trash", "a message sequence set wanted at octet 7"),
        (b"UID MOVE 1 Trash x", "the end of the command wanted at octet 18"),
    ],
)
def test_what_is_no_move_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


@given(strategies.moves)
def test_parse_is_the_inverse_of_unparse(node):
    name = "UID MOVE" if isinstance(node.messages, UidSet) else "MOVE"
    assert reparsed(name, node) == node


def world() -> World:
    made = World()
    for uid in (42, 43, 44, 69):
        made.box("INBOX").add(b"message %d" % uid, ("\\Seen",), uid=uid)
    made.box("INBOX").claimed = 69
    made.box("Trash").uidnext = 1202
    return made


@pytest.mark.parametrize("command", [b"UID MOVE 43:50 Trash", b"MOVE 2:3 Trash"])
def test_copyuid_comes_untagged_before_the_expunges(command):
    """RFC 6851 §4.3."""
    made = world()
    answer = Peer(made).ok(command)
    code = Code("COPYUID", (38505, (43, 44), (1202, 1203)))
    assert answer.untagged == (Status("OK", "moved", code), Expunge(3), Expunge(2))
    assert answer.status.code is None
    assert list(made.box("INBOX").rows) == [42, 69]
    assert made.box("Trash").rows[1202].data == b"message 43"


def test_a_missing_destination_may_be_created():
    made = world()
    answer = Peer(made).run(b"UID MOVE 42 Missing")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "TRYCREATE")
    assert len(made.box("INBOX").rows) == 4


def test_a_read_only_mailbox_and_a_failing_store_refuse():
    made = world()
    answer = Peer(made, readonly=True).run(b"MOVE 1 Trash")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "READ-ONLY")
    peer = Peer(made)
    peer.mailbox.fail_writes = Unavailable()
    answer = peer.run(b"MOVE 1 Trash")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "UNAVAILABLE")
    assert len(made.box("INBOX").rows) == 4


def test_nothing_to_move_is_ok():
    assert Peer(world()).ok(b"UID MOVE 1:9 Trash").untagged == ()
    assert Peer(world()).run(b"MOVE 9 Trash").status.kind == "BAD"


def test_a_move_to_the_same_mailbox_gives_new_uids():
    answer = Peer(world()).ok(b"UID MOVE 42 INBOX")
    code = Code("COPYUID", (38505, (42,), (70,)))
    assert answer.untagged[0] == Status("OK", "moved", code)
    assert answer.of(Expunge) == [Expunge(1)]
    assert answer.of(Exists) == [Exists(4)]


def test_what_still_exists_is_moved():
    made = world()
    peer, other = Peer(made), Peer(made)
    made.box("INBOX").kill([43])
    answer = peer.run(b"MOVE 1:2 Trash")
    assert (answer.status.kind, answer.status.code_name) == ("OK", "EXPUNGEISSUED")
    assert answer.of(Expunge) == [Expunge(2), Expunge(1)]
    answer = other.run(b"MOVE 2 Trash")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "EXPUNGEISSUED")


def test_the_other_session_is_told():
    made = world()
    peer, other = Peer(made), Peer(made)
    peer.ok(b"MOVE 1 Trash")
    assert other.ok(b"NOOP").untagged == (Expunge(1),)


def test_the_capability_is_announced_in_every_state():
    assert [(c.text, c.when) for c in FEATURE.capabilities] == [("MOVE", None)]
