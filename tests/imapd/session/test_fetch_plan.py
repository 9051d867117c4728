"""How a FETCH is compiled, and how its pieces leave (RFC 3501 §4.3)."""

from typing import Any, cast

import pytest

from imapd.commands.fetch.items import FLAGS, RFC822_SIZE, BodySection
from imapd.session.fetch_attribute import UID
from imapd.session.fetch_plan import Answers, Environment, Plan
from imapd.session.fetch_sender import Sender
from imapd.session.plugs import Literal
from imapd.session.reply import CHUNK
from imapd.syntax.section import Section
from mailstore.errors import Corrupt
from mailstore.lanes import InlineRuntime
from mailstore.model import Batch, Column
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer

PEEK = BodySection(Section(), None, peek=True)


def peer_of(*messages: bytes, readonly: bool = False) -> Peer:
    made = World()
    for message in messages:
        made.box("INBOX").add(message)
    made.box("INBOX").claimed = len(messages)
    return Peer(made, readonly=readonly)


def plan_of(peer: Peer, *items: Any) -> Plan:
    return Plan.of(
        items, Environment(peer.context, cast("Any", peer.mailbox), peer.view)
    )


def batch_of(peer: Peer, plan: Plan) -> Batch:
    rows = list(peer.mailbox.box.rows.values())
    return Batch(
        [row.uid for row in rows],
        {column: [row.column(column) for row in rows] for column in plan.columns},
    )


def test_row_items_of_a_batch_are_one_piece():
    peer = peer_of(b"one", b"two!")
    plan = plan_of(peer, UID, FLAGS, RFC822_SIZE, UID)
    assert plan.columns == {Column.FLAGS, Column.SIZE}
    answers = plan.render(batch_of(peer, plan), [1, 2])
    (piece,) = answers.rows
    assert piece.splitlines() == [
        b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 3)",
        b"* 2 FETCH (UID 2 FLAGS () RFC822.SIZE 4)",
    ]
    assert list(answers.messages) == []


def test_a_plan_that_knows_nothing_of_a_session_serves_all():
    one, two = peer_of(b"one"), peer_of(b"two")
    assert plan_of(one, UID, PEEK) is plan_of(two, UID, PEEK)
    assert plan_of(one, UID, FLAGS, PEEK) is not plan_of(one, UID, FLAGS, PEEK)
    # How a session is told, and whether \\Seen may be set, are parts of it.
    loud = BodySection(Section())
    assert plan_of(one, loud).sets_seen
    assert not plan_of(peer_of(readonly=True), loud).sets_seen
    two.view.telling.uid_only = True
    assert plan_of(two, PEEK).start == b"* %d UIDFETCH ("
    assert plan_of(one, PEEK).start == b"* %d FETCH ("


def test_what_is_in_a_blob_is_a_piece_apart():
    peer = peer_of(b"one")
    plan = plan_of(peer, PEEK, UID)
    answers = plan.render(batch_of(peer, plan), [1])
    assert list(answers.messages) == [
        (b"* 1 FETCH (BODY[] ", Literal("blob-1", 0, 3), b" UID 1)\r\n")
    ]


@pytest.mark.parametrize(
    ("peek", "readonly", "uids"),
    [(False, False, [1, 3]), (True, False, []), (False, True, [])],
)
def test_unseen_messages_that_were_sent_are_to_be_marked(peek, readonly, uids):
    peer = peer_of(b"a", b"b", b"c", b"d", readonly=readonly)
    peer.mailbox.box.rows[2].mask = 8
    plan = plan_of(peer, BodySection(Section(), None, peek))
    assert plan.unseen(batch_of(peer, plan), {3}) == uids


def test_a_sender_counts_what_it_left_out():
    peer = peer_of(b"one", b"two")
    peer.mailbox.box.rows[1].damage = "missing"
    sender = Sender(peer.context)
    messages = [
        (b"* 1 ", Literal("blob-1", 0, 3), b"\r\n"),
        (b"* 2 ", Literal("blob-2", 1, 2), b"\r\n"),
        (b"* 3 ", Literal("blob-2", 1, 3), b"\r\n"),
    ]
    sent = InlineRuntime().run(sender.send(Answers(messages=messages)))
    peer.context.reply.flush()
    assert sent == {0, 2}
    assert isinstance(sender.failure, Corrupt)
    assert peer.wire.writes == [b"* 2 {2}\r\nwo\r\n"]


def test_a_row_of_any_length_leaves_in_chunks():
    peer = peer_of()
    row = b"* 1 FETCH (X " + b"x" * 3 * CHUNK + b")\r\n"
    InlineRuntime().run(Sender(peer.context).send(Answers(rows=[row, row])))
    peer.context.reply.flush()
    assert b"".join(peer.wire.writes) == row + row
    assert max(map(len, peer.wire.writes)) <= 2 * CHUNK
