"""What COPY and MOVE share (RFC 3501 §6.4.7, RFC 4315 §3)."""

from array import array

import pytest

from imapd.session.faults import No
from imapd.session.transfer import copyuid, destination, no_destination
from mailstore.errors import NotFound
from mailstore.lanes import InlineRuntime
from mailstore.model import Copied
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer


def test_the_code_has_compact_sets():
    copied = Copied(38505, array("I", [304, 319, 320]), array("I", [3956, 3957, 3958]))
    assert copyuid(copied) == "COPYUID 38505 304,319:320 3956:3958"
    assert copyuid(Copied(1, array("I"), array("I"))) is None


@pytest.mark.parametrize(
    ("octets", "enabled", "name"),
    [
        (b"inbox", False, "INBOX"),
        (b"Inbox/x", False, "INBOX/x"),
        (b"a&AOk-", False, "aé"),
        ("a&é".encode(), True, "a&é"),
    ],
)
def test_a_destination_is_read(octets, enabled, name):
    context = Peer(World()).context
    if enabled:
        context.session.telling.utf8 = True
    assert destination(context, octets) == name


@pytest.mark.parametrize("octets", [b"", b"&", b"a/", b"\xff", b"x" * 2_000])
def test_an_impossible_destination_is_not_to_be_created(octets):
    with pytest.raises(No) as caught:
        destination(Peer(World()).context, octets)
    assert caught.value.code == "NONEXISTENT"


def test_only_a_missing_destination_is_to_be_created():
    context, error = Peer(World()).context, NotFound()
    answer = InlineRuntime().run(no_destination(context, "None", error))
    assert isinstance(answer, No)
    assert answer.code == "TRYCREATE"
    assert InlineRuntime().run(no_destination(context, "Trash", error)) is error
