"""PREVIEW in FETCH (RFC 8970)."""

from __future__ import annotations

import pytest

from imapd.extensions.preview import FEATURE, Preview
from imapd.session.faults import Bad
from mailstore.lanes import Pool
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Fetch


@pytest.mark.parametrize(
    ("text", "item"),
    [
        (b"FETCH 1 PREVIEW", Preview()),
        (b"FETCH 1 (preview UID)", Preview()),
        (b"FETCH 1 PREVIEW (LAZY)", Preview(lazy=True)),
        (b"FETCH 1 (PREVIEW (lazy LAZY) UID)", Preview(lazy=True)),
    ],
)
def test_each_form_is_known(text, item):
    node = parsed(text)
    assert node.items[0] == item
    assert reparsed("FETCH", node) == node


@pytest.mark.parametrize(
    "text",
    [
        b"FETCH 1 PREVIEW ()",
        b"FETCH 1 PREVIEW (EAGER)",
        b"FETCH 1 PREVIEW (LAZY",
        b"FETCH 1 PREVIEW(LAZY)",
        b"FETCH 1 PREVIEW (FUZZY)",
    ],
)
def test_what_is_no_modifier_is_refused(text):
    with pytest.raises(Bad):
        parsed(text)


def previews(session, item=b"PREVIEW", numbers=b"1:*"):
    answer = session.ok(b"FETCH %b (%b)" % (numbers, item))
    return [one.items["PREVIEW"] for one in answer.of(Fetch)]


MAIL = b"Subject: x\r\n\r\nHello\r\nthere\r\n"


def test_it_is_at_hand_from_the_arrival_on(world):
    world.deliver(MAIL, b"Subject: y\r\n\r\n")
    ann = world.session(mailbox=b"INBOX")
    world.runtime.pools.clear()
    assert previews(ann, b"PREVIEW (LAZY)") == [b"Hello there", b""]
    assert previews(ann) == [b"Hello there", b""]
    assert Pool.READ not in world.runtime.pools
    # It reads nothing for the reader: the message stays unseen.
    (one, _) = ann.ok(b"FETCH 1:2 (FLAGS)").of(Fetch)
    assert "\\Seen" not in one.flags


def test_text_that_is_not_ascii_is_utf8(world):
    text = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße 日本"
    world.deliver(text.encode())
    ann = world.session(mailbox=b"INBOX")
    assert previews(ann) == ["Grüße 日本".encode()]
    ann.ok(b"COPY 1 Archive")
    ann.ok(b"SELECT Archive")
    assert previews(ann) == ["Grüße 日本".encode()]


def forget(world) -> None:
    """Have a mailbox as an older program would have left it."""
    account = world.sessions[0].connection.session.account.own
    database = account.lane._database
    with database.transaction():
        database.execute("UPDATE message SET preview = NULL, sha1 = NULL")


def test_an_older_message_gets_one_when_somebody_waits_for_it(world):
    """RFC 8970 §4.1: LAZY never waits; §3.2: without it NIL is no answer."""
    world.deliver(MAIL, MAIL, MAIL)
    ann = world.session(mailbox=b"INBOX")
    forget(world)
    assert previews(ann, b"PREVIEW (LAZY)") == [None, None, None]
    assert previews(ann, numbers=b"2") == [b"Hello there"]
    assert previews(ann, b"PREVIEW (LAZY)") == [None, b"Hello there", None]
    assert previews(ann) == [b"Hello there"] * 3
    assert previews(ann, b"PREVIEW (LAZY)") == [b"Hello there"] * 3


def test_a_damaged_older_message_has_an_empty_one(world):
    world.deliver(MAIL)
    ann = world.session(mailbox=b"INBOX")
    forget(world)
    for segment in world.store.path.rglob("*.pack"):
        segment.write_bytes(b"\x00" * segment.stat().st_size)
    assert previews(ann) == [b""]


def test_the_feature_has_its_capability():
    assert [c.text for c in FEATURE.capabilities] == ["PREVIEW"]
