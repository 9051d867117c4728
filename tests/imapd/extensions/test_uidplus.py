"""UID EXPUNGE (RFC 4315 §2.1)."""

import re

import pytest
from hypothesis import given

from imapd.extensions.uidplus import FEATURE, UidExpunge
from imapd.session.faults import Bad
from imapd.syntax.sequence import UidSet
from tests.imapd.commands import strategies
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed
from tests.support.responses import Expunge


def test_the_example_of_the_rfc():
    node = parsed(b"UID EXPUNGE 3000:3002")
    assert node == UidExpunge(UidSet(((3000, 3002),)))
    assert reparsed("UID EXPUNGE", node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"UID EXPUNGE", "a space wanted at octet 13"),
        (b"UID EXPUNGE ", "a UID set wanted at octet 14"),
        (b"UID EXPUNGE 0", "a UID set wanted at octet 14"),
        (b"UID EXPUNGE 1 2", "the end of the command wanted at octet 15"),
    ],
)
def test_what_is_no_uid_expunge_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


@given(strategies.uid_expunges)
def test_parse_is_the_inverse_of_unparse(node):
    assert reparsed("UID EXPUNGE", node) == node


def test_only_deleted_messages_of_the_set_are_removed():
    made = World()
    for uid, flags in {
        5: ("\\Deleted",),
        6: (),
        7: ("\\Deleted",),
        9: ("\\Deleted",),
    }.items():
        made.box("INBOX").add(b"x", flags, uid=uid)
    answer = Peer(made).ok(b"UID EXPUNGE 6:8,77")
    assert answer.of(Expunge) == [Expunge(3)]
    assert list(made.box("INBOX").rows) == [5, 6, 9]


def test_a_message_that_was_not_announced_stays():
    """``n:*`` names what the client knows as the last."""
    made = World()
    made.box("INBOX").add(b"x", ("\\Deleted",))
    peer = Peer(made)
    made.box("INBOX").add(b"y", ("\\Deleted",))
    answer = peer.ok(b"UID EXPUNGE 1:*")
    assert answer.of(Expunge) == [Expunge(1)]
    assert list(made.box("INBOX").rows) == [2]


def test_a_read_only_mailbox_refuses():
    made = World()
    made.box("INBOX").add(b"x", ("\\Deleted",))
    answer = Peer(made, readonly=True).run(b"UID EXPUNGE 1")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "READ-ONLY")


def test_the_capability_is_announced_in_every_state():
    assert [(c.text, c.when) for c in FEATURE.capabilities] == [("UIDPLUS", None)]
