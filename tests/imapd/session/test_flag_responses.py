"""FETCH responses that tell flags (RFC 3501 §7.4.2)."""

from typing import Any, cast

import pytest

from imapd.session.flag_responses import FlagTexts, tell_flags
from imapd.session.reply import Reply
from imapd.session.telling import Telling
from imapd.session.view import View
from mailstore.lanes import InlineRuntime
from mailstore.model import FLAGGED, SEEN
from tests.imapd.commands.memory_store import MemoryMailbox, World
from tests.imapd.commands.peers import Wire


def view_of(world: World) -> View:
    return View(cast("Any", MemoryMailbox(world, world.box("INBOX"))))


def quiet() -> Reply:
    return Reply(cast("Any", Wire()))


def test_recent_is_shown_where_it_is_and_nowhere_else():
    made = World()
    box = made.box("INBOX")
    for _ in range(4):
        box.add(b"x")
    box.claimed = 2
    texts = FlagTexts(view_of(made))
    assert texts.render([1, 2], [0, SEEN]) == [b"()", b"(\\Seen)"]
    assert texts.render([2, 3, 4], [SEEN, SEEN, 0]) == [
        b"(\\Seen)",
        b"(\\Seen \\Recent)",
        b"(\\Recent)",
    ]
    assert texts.render([], []) == []


def test_recent_is_shown_in_each_of_several_ranges():
    """As a session has them that shares a mailbox's new mail with another."""
    made = World()
    box = made.box("INBOX")
    view = view_of(made)
    for others in (False, True, False, False, True, True, False):
        box.add(b"x")
        if others:
            box.claimed = box.uidnext - 1
        else:
            InlineRuntime().run(view.tell(quiet(), removals=True, with_uid=False))
    assert view.recent == [(1, 1), (3, 4), (7, 7)]
    texts = FlagTexts(view)
    for low in range(1, 8):
        for high in range(low, 8):
            some = range(low, high + 1)
            shown = texts.render(some, [0] * len(some))
            known = [b"(\\Recent)" if uid in (1, 3, 4, 7) else b"()" for uid in some]
            assert shown == known
    assert texts.render([2, 4, 6], [0, 0, SEEN]) == [b"()", b"(\\Recent)", b"(\\Seen)"]


def test_a_keyword_is_no_template():
    made = World()
    box = made.box("INBOX")
    box.add(b"x")
    box.claimed = 1
    box.rows[1].mask = box.mask(["100%d"])
    view, wire = view_of(made), Wire()
    reply = Reply(cast("Any", wire))
    InlineRuntime().run(tell_flags(view, reply, [1], with_uid=True))
    reply.flush()
    assert wire.writes == [b"* 1 FETCH (UID 1 FLAGS (100%d))\r\n"]


@pytest.mark.parametrize("with_uid", [False, True])
@pytest.mark.parametrize(
    "switches",
    [{}, {"modseqs": True}, {"uids": True}, {"uid_only": True, "modseqs": True}],
)
def test_one_message_is_told_as_several_are(with_uid, switches):
    made = World()
    box = made.box("INBOX")
    for _ in range(4):
        box.add(b"x")
    box.claimed = 2  # the others are \\Recent here
    view = View(cast("Any", MemoryMailbox(made, box)), Telling(**switches, recent=True))
    box.rows[2].mask, box.rows[4].mask = SEEN, FLAGGED

    def told(*uids: int) -> bytes:
        wire = Wire()
        reply = Reply(cast("Any", wire))
        InlineRuntime().run(tell_flags(view, reply, uids, with_uid=with_uid))
        reply.flush()
        return b"".join(wire.writes)

    assert told(1) + told(2) + told(3) + told(4) == told(1, 2, 3, 4)
    del box.rows[2]
    assert told(2) == b""
    assert told(1, 2, 3) == told(1) + told(3)


def test_keywords_that_came_in_between_are_known():
    made = World()
    made.box("INBOX").add(b"x")
    made.box("INBOX").claimed = 1
    texts = FlagTexts(view_of(made))
    texts.render([1], [0])
    mask = made.box("INBOX").mask(["Later"])
    assert texts.render([1], [mask]) == [b"(Later)"]


def test_rows_are_told_in_batches_and_the_view_knows_them():
    made = World()
    box = made.box("INBOX")
    for _ in range(1_500):
        box.add(b"x")
    box.claimed = 1_500
    view, wire = view_of(made), Wire()
    reply = Reply(cast("Any", wire))
    wire.slow = True
    uids = list(range(1, 1_501, 2))
    for uid in uids:
        box.modseq += 1
        box.rows[uid].mask, box.rows[uid].modseq = FLAGGED, box.modseq
    InlineRuntime().run(tell_flags(view, reply, uids, with_uid=True))
    reply.flush()
    lines = b"".join(wire.writes).split(b"\r\n")
    assert lines[0] == b"* 1 FETCH (UID 1 FLAGS (\\Flagged))"
    assert lines[749] == b"* 1499 FETCH (UID 1499 FLAGS (\\Flagged))"
    assert (len(lines), wire.waits) == (751, 2)
    wire.writes.clear()
    InlineRuntime().run(view.tell(reply, removals=True, with_uid=False))
    reply.flush()
    assert wire.writes == []
