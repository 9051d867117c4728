"""EXPUNGE (RFC 3501 §6.4.3, §7.4.1)."""

import pytest

from imapd.session.faults import Bad
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, unparsed
from tests.support.responses import Exists, Expunge


def world(deleted: tuple[int, ...]) -> World:
    made = World()
    for number in range(1, 12):
        made.box("INBOX").add(b"x", ("\\Deleted",) if number in deleted else ())
    made.box("INBOX").claimed = 11
    return made


def test_it_takes_no_arguments():
    assert unparsed("EXPUNGE", parsed(b"expunge")) == b"EXPUNGE"
    with pytest.raises(Bad, match="the end of the command"):
        parsed(b"EXPUNGE 1")


def test_deleted_messages_are_removed_and_told_with_numbers_that_hold():
    made = world((3, 4, 7, 11))
    peer = Peer(made)
    answer = peer.ok(b"EXPUNGE")
    left = list(range(1, 12))
    for expunge in answer.of(Expunge):
        del left[expunge.number - 1]
    assert left == [1, 2, 5, 6, 8, 9, 10]
    assert list(made.box("INBOX").rows) == left
    assert answer.of(Exists) == []


def test_nothing_deleted_is_nothing_told():
    assert Peer(world(())).ok(b"EXPUNGE").untagged == ()


def test_a_read_only_mailbox_refuses():
    made = world((3,))
    answer = Peer(made, readonly=True).run(b"EXPUNGE")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "READ-ONLY")
    assert len(made.box("INBOX").rows) == 11


def test_what_another_expunged_is_told_too():
    made = world((3,))
    peer = Peer(made)
    made.box("INBOX").kill([5])
    answer = peer.ok(b"EXPUNGE")
    assert answer.of(Expunge) == [Expunge(5), Expunge(3)]
