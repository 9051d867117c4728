"""One's own rights with LIST (RFC 8440)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from imapd.commands.list import List
from imapd.extensions.list_myrights import FEATURE, MyRightsReturn
from imapd.session.faults import Bad
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import ListLine, MyRightsLine
from tests.support.session import World

FULL = "lrswipkxteancd"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, "ann", "bob")
    yield made
    made.close()


def told(session, command):
    answer = session.ok(command)
    order = [one for one in answer.untagged if isinstance(one, ListLine | MyRightsLine)]
    for before, one in pairwise(order):
        if isinstance(one, MyRightsLine):
            assert isinstance(before, ListLine)
            assert before.name == one.mailbox
    return {one.mailbox: one.rights for one in answer.of(MyRightsLine)}


def test_the_option_is_known():
    node = List(b"", b"%", None, (MyRightsReturn(),))
    assert parsed(b'LIST "" % RETURN (MYRIGHTS)') == node
    assert reparsed("LIST", node) == node
    with pytest.raises(Bad):
        parsed(b'LIST "" % RETURN (MYRIGHTS (l))')


def test_rights_follow_each_mailbox(world):
    world.share("INBOX", "bob", "lrs")
    world.share("Sent", "bob", "l")
    world.share("Archive", "bob", "i")
    found = told(world.session("bob"), b'LIST "" * RETURN (MYRIGHTS)')
    assert {n: r for n, r in found.items() if n.startswith("Other")} == {
        "Other Users/ann/INBOX": "lrs",
        "Other Users/ann/Sent": "l",
    }
    assert found["INBOX"] == found["Drafts"] == FULL


def test_what_is_no_mailbox_has_no_rights(world):
    ann = world.session()
    for command in (b"CREATE foo/bar", b"DELETE foo/bar", b"CREATE foo/baz"):
        ann.ok(command)
    found = told(ann, b'LIST (SUBSCRIBED) "" foo/* RETURN (MYRIGHTS)')
    assert found == {"foo/baz": FULL}
    # RFC 8440 §4: a name that is told for the sake of inferior ones has none.
    ann.ok(b"UNSUBSCRIBE foo")
    command = b'LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (MYRIGHTS)'
    assert "foo" not in told(ann, command)


def test_ones_own_limits_are_told(world):
    world.share("Sent", "ann", "lr")
    found = told(world.session(), b'LIST "" (Sent INBOX) RETURN (MYRIGHTS)')
    assert found == {"Sent": "lra", "INBOX": FULL}


def test_the_feature_has_its_capability():
    assert [c.text for c in FEATURE.capabilities] == ["LIST-MYRIGHTS"]
