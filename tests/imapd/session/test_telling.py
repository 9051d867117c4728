"""How a session is told of changes, by the switches of its `Telling`."""

from __future__ import annotations

import pytest

from imapd.session.telling import Telling
from tests.imapd.commands.memory_store import World as Memory
from tests.imapd.commands.peers import Peer
from tests.support.session import World


def three(**switches: bool) -> tuple[Memory, Peer]:
    """Give UIDs 10, 20, 30, and a session that is told by these switches."""
    made = Memory()
    box = made.box("INBOX")
    for uid in (10, 20, 30):
        box.add(b"x", uid=uid)
    box.claimed = 30
    peer = Peer(made)
    for name, value in switches.items():
        setattr(peer.session.telling, name, value)
    return made, peer


def untagged(peer: Peer, command: bytes) -> list[bytes]:
    return peer.send(command).splitlines()[:-1]


def tagged(peer: Peer, command: bytes) -> bytes:
    return peer.send(command).splitlines()[-1]


def test_a_plain_session_is_told_numbers():
    made, peer = three()
    Peer(made).send(b"STORE 3 +FLAGS (\\Seen)")
    made.box("INBOX").kill([10])
    assert untagged(peer, b"NOOP") == [
        b"* 1 EXPUNGE",
        b"* 2 FETCH (FLAGS (\\Seen))",
    ]
    assert Telling().fetch == b"FETCH"


def test_mod_sequences_come_with_uids():
    made, peer = three(modseqs=True)
    Peer(made).send(b"STORE 3 +FLAGS (\\Seen)")
    assert untagged(peer, b"NOOP") == [b"* 3 FETCH (UID 30 FLAGS (\\Seen) MODSEQ (5))"]


def test_a_silent_store_tells_mod_sequences_alone():
    _, peer = three(modseqs=True)
    assert untagged(peer, b"STORE 1:2 +FLAGS.SILENT (\\Seen)") == [
        b"* 1 FETCH (UID 10 MODSEQ (5))",
        b"* 2 FETCH (UID 20 MODSEQ (5))",
    ]
    assert untagged(peer, b"NOOP") == []


def test_a_silent_store_tells_the_flags_that_others_changed():
    made, peer = three(modseqs=True)
    Peer(made).send(b"STORE 2 +FLAGS (\\Flagged)")
    assert untagged(peer, b"STORE 1:3 +FLAGS.SILENT (\\Seen)") == [
        b"* 1 FETCH (UID 10 MODSEQ (6))",
        b"* 2 FETCH (UID 20 FLAGS (\\Flagged \\Seen) MODSEQ (6))",
        b"* 3 FETCH (UID 30 MODSEQ (6))",
    ]


def test_the_same_flags_with_another_mod_sequence_are_news():
    made, peer = three(modseqs=True)
    box = made.box("INBOX")
    peer.view.note_told([10], box.modseq)
    box.modseq += 1
    box.rows[10].modseq = box.modseq
    assert untagged(peer, b"NOOP") == [b"* 1 FETCH (UID 10 FLAGS () MODSEQ (5))"]


def test_removals_are_told_by_uid():
    made, peer = three(vanished=True, modseqs=True)
    made.box("INBOX").kill([10, 20])
    assert peer.send(b"NOOP").splitlines() == [
        b"* VANISHED 10,20",
        b"t OK [HIGHESTMODSEQ 5] NOOP completed",
    ]
    made.box("INBOX").kill([30])
    assert untagged(peer, b"NOOP") == [b"* VANISHED 30"]


def test_only_what_the_client_knew_of_vanishes():
    """RFC 7162 §3.2.10.2: arrived and removed in between is no news."""
    made, peer = three(vanished=True, modseqs=True)
    made.box("INBOX").add(b"x")
    made.box("INBOX").kill([31, 20])
    assert untagged(peer, b"NOOP") == [b"* VANISHED 20"]


def test_many_removals_are_told_in_lines_of_bounded_length():
    made = Memory()
    box = made.box("INBOX")
    for uid in range(1, 5_001):
        box.add(b"x", uid=uid)
    peer = Peer(made)
    peer.session.telling.vanished = True
    box.kill(range(1, 5_001, 2))
    lines = untagged(peer, b"NOOP")
    assert len(lines) == 3
    assert max(map(len, lines)) < 8_192


def test_while_removals_are_held_the_client_is_told_up_to_where_it_knows_all():
    """RFC 7162 §3.2, §6: or it would lose them when its connection breaks."""
    made, peer = three(vanished=True, modseqs=True)
    settled = peer.view.settled
    made.box("INBOX").kill([20])
    Peer(made).send(b"STORE 1 +FLAGS (\\Seen)")
    assert peer.send(b"STORE 3 +FLAGS.SILENT (\\Seen)").splitlines() == [
        b"* 3 FETCH (UID 30 MODSEQ (7))",
        b"* 1 FETCH (UID 10 FLAGS (\\Seen) MODSEQ (6))",
        b"t OK [HIGHESTMODSEQ %d] STORE completed" % settled,
    ]
    assert peer.send(b"FETCH 1 UID").splitlines()[1:] == [
        b"t OK [HIGHESTMODSEQ %d] FETCH completed" % settled
    ]
    assert peer.send(b"NOOP").splitlines() == [
        b"* VANISHED 20",
        b"t OK [HIGHESTMODSEQ 7] NOOP completed",
    ]
    assert tagged(peer, b"NOOP") == b"t OK NOOP completed"


def test_a_reply_with_a_code_of_its_own_has_the_other_before_it():
    made, peer = three(vanished=True, modseqs=True)
    made.box("INBOX").kill([20])
    made.box("INBOX").purged = True
    lines = peer.send(b"UID FETCH 20 (BODY.PEEK[])").splitlines()
    assert lines[0] == b"* VANISHED 20"
    assert lines[1].startswith(b"* OK [HIGHESTMODSEQ 5] ")
    assert lines[2].startswith(b"t OK [EXPUNGEISSUED] ")


def test_nobody_else_hears_of_mod_sequences():
    made, peer = three()
    made.box("INBOX").kill([20])
    assert b"MODSEQ" not in peer.send(b"FETCH 1 FLAGS") + peer.send(b"NOOP")


def test_a_session_without_numbers_is_told_uids():
    made, peer = three(uid_only=True)
    Peer(made).send(b"STORE 3 +FLAGS (\\Seen)")
    made.box("INBOX").kill([10])
    assert untagged(peer, b"NOOP") == [
        b"* VANISHED 10",
        b"* 30 UIDFETCH (FLAGS (\\Seen))",
    ]
    assert untagged(peer, b"UID FETCH 20:30 (FLAGS)") == [
        b"* 20 UIDFETCH (FLAGS ())",
        b"* 30 UIDFETCH (FLAGS (\\Seen))",
    ]
    assert untagged(peer, b"UID FETCH 20 (UID)") == [b"* 20 UIDFETCH (UID 20)"]
    assert untagged(peer, b"UID FETCH 20 BODY.PEEK[TEXT]") == [
        b"* 20 UIDFETCH (BODY[TEXT] {0}",
        b")",
    ]


NUMBERED = [
    b"FETCH 1 FLAGS",
    b"STORE 1 +FLAGS (\\Seen)",
    b"SEARCH ALL",
    b"COPY 1 Trash",
    b"MOVE 1 Trash",
    b"UID SEARCH 1:2",
    b"UID SEARCH OR SEEN NOT (1)",
    b"FETCH nonsense",
]


@pytest.mark.parametrize("command", NUMBERED)
def test_a_session_without_numbers_takes_none(command: bytes):
    _, peer = three(uid_only=True)
    assert tagged(peer, command).startswith(b"t BAD [UIDREQUIRED] ")


def test_a_search_by_number_holds_vanished_back():
    """RFC 7162 §3.2.10.2: also the UID form, when its criteria have numbers."""
    made, peer = three(vanished=True, modseqs=True)
    made.box("INBOX").kill([10])
    assert peer.send(b"UID SEARCH 2:3").splitlines()[0] == b"* SEARCH 20 30"
    assert b"VANISHED" not in peer.send(b"UID SEARCH NOT 3")
    assert b"* VANISHED 10" in peer.send(b"UID SEARCH UID 1:*")


def test_a_removed_message_is_served_as_long_as_its_number_lives(tmp_path):
    """It was lost to the third FETCH: the session seemed to have been told."""
    world = World(tmp_path)
    world.deliver(b"Subject: a\r\n\r\none\r\n", b"Subject: b\r\n\r\ntwo\r\n")
    ann, other = [world.session(mailbox=b"INBOX") for _ in range(2)]
    other.ok(b"STORE 1 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    for _ in range(4):
        answer = ann.ok(b"FETCH 1 (BODY.PEEK[TEXT])")
        assert answer.code is None
        assert b"one" in answer.raw
        world.deliver(b"Subject: c\r\n\r\nmore\r\n")
        other.ok(b"NOOP")
    world.close()
