"""STORE as text, and what it changes and tells (RFC 3501 §6.4.6, RFC 2180 §4.2)."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given

from imapd.commands.store import FEATURE, Store, StoreFlags
from imapd.session.context import Context
from imapd.session.faults import Bad
from imapd.session.registry import Feature, Registry
from imapd.session.storing import StoreItemSpec, StoreRequest
from imapd.syntax.sequence import SequenceSet, UidSet
from imapd.wire.cursor import Cursor, Malformed
from mailstore.errors import Unavailable
from mailstore.model import FlagChange, FlagOperation, Stored
from tests.imapd.commands import strategies
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed, unparsed
from tests.support.responses import Fetch

ADD, REMOVE, REPLACE = FlagOperation.ADD, FlagOperation.REMOVE, FlagOperation.REPLACE
ONE = SequenceSet(((1, 1),))

STORES = [
    (b"FLAGS (\\Deleted)", REPLACE, ("\\Deleted",), False),
    (b"flags.silent (\\seen \\FLAGGED)", REPLACE, ("\\Seen", "\\Flagged"), True),
    (b"+FLAGS (\\Answered $Forwarded)", ADD, ("\\Answered", "$Forwarded"), False),
    (b"+flags.SILENT (\\Draft)", ADD, ("\\Draft",), True),
    (b"-FLAGS ()", REMOVE, (), False),
    (b"-FLAGS.SILENT (NonJunk)", REMOVE, ("NonJunk",), True),
    (b"FLAGS \\Seen", REPLACE, ("\\Seen",), False),
    (b"+FLAGS \\Seen Junk Junk", ADD, ("\\Seen", "Junk"), False),
]


@pytest.mark.parametrize(("text", "operation", "flags", "silent"), STORES)
def test_each_form_is_known(text, operation, flags, silent):
    node = parsed(b"STORE 1 " + text)
    assert node == Store(ONE, StoreFlags(FlagChange(operation, flags), silent))
    assert reparsed("STORE", node) == node


def test_the_uid_form_is_the_same_node_with_a_set_of_uids():
    node = parsed(b"UID STORE 3:* +FLAGS (\\Seen)")
    change = FlagChange(ADD, ("\\Seen",))
    assert node == Store(UidSet(((3, 0),)), StoreFlags(change))
    assert unparsed("UID STORE", node) == b"UID STORE 3:* +FLAGS (\\Seen)"


REFUSED = [
    (b"STORE", "a space wanted at octet 7"),
    (b"STORE 1", "a space wanted at octet 9"),
    (b"STORE 1 FLAGS", "a space wanted at octet 15"),
    (b"STORE 1 FLAG (x)", "FLAGS, +FLAGS or -FLAGS"),
    (b"STORE 1 FLAGS.LOUD (x)", "FLAGS, +FLAGS or -FLAGS"),
    (b"STORE 1 ++FLAGS (x)", "FLAGS, +FLAGS or -FLAGS"),
    (b"STORE 1 +FLAGS ", "an atom wanted at octet 17"),
    (b"STORE 1 +FLAGS (\\Recent)", "a flag that a client may set, not \\Recent,"),
    (b"STORE 1 +FLAGS \\Recent", "a flag that a client may set, not \\Recent,"),
    (b"STORE 1 FLAGS (\\Foo)", "a flag that a client may set"),
    (b"STORE 1 FLAGS (\\*)", "an atom wanted"),
    (b"STORE 1 FLAGS (a) b", "the end of the command wanted at octet 19"),
    (b"STORE 1 FLAGS (%b)" % (b"k" * 65), "a keyword of 64 octets at most"),
    (b"STORE * FLAGS (a", "')' wanted"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_store_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


@given(strategies.stores)
def test_parse_is_the_inverse_of_unparse(node):
    name = "UID STORE" if isinstance(node.messages, UidSet) else "STORE"
    assert reparsed(name, node) == node


# -- what it does


def world(count: int = 4, flags: tuple[str, ...] = ()) -> World:
    made = World()
    for _ in range(count):
        made.box("INBOX").add(b"x", flags)
    made.box("INBOX").claimed = count
    return made


def flags_of(answer) -> dict[int, set[str]]:
    return {n: set(items["FLAGS"]) for n, items in answer.fetches.items()}


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        (b"FLAGS (\\Deleted)", {"\\Deleted"}),
        (b"+FLAGS (\\Deleted)", {"\\Deleted", "\\Seen", "Old"}),
        (b"-FLAGS (\\Seen unknown)", {"Old"}),
        (b"-FLAGS (oLD)", {"\\Seen"}),
        (b"FLAGS ()", set()),
        (b"+FLAGS ()", {"\\Seen", "Old"}),
        (b"+FLAGS (New)", {"\\Seen", "Old", "New"}),
    ],
)
def test_flags_are_changed_and_told(command, flags):
    peer = Peer(world(flags=("\\Seen", "Old")))
    answer = peer.ok(b"STORE 2:3 " + command)
    assert flags_of(answer) == {2: flags, 3: flags}
    assert peer.ok(b"NOOP").untagged == ()
    assert flags_of(peer.ok(b"FETCH 1,2 FLAGS"))[2] == flags


def test_the_uid_form_tells_uids():
    made = World()
    for uid in (5, 9):
        made.box("INBOX").add(b"x", uid=uid)
    made.box("INBOX").claimed = 9
    answer = Peer(made).ok(b"UID STORE 9,77 +FLAGS (\\Seen)")
    seen = frozenset({"\\Seen"})
    assert answer.of(Fetch) == [Fetch(2, {"UID": 9, "FLAGS": seen})]


def test_recent_is_told_and_kept():
    made = World()
    made.box("INBOX").add(b"x")
    answer = Peer(made).ok(b"STORE 1 FLAGS (\\Seen)")
    assert flags_of(answer) == {1: {"\\Seen", "\\Recent"}}


def test_unchanged_flags_are_told_all_the_same():
    peer = Peer(world(1, ("\\Seen",)))
    assert flags_of(peer.ok(b"STORE 1 +FLAGS (\\Seen)")) == {1: {"\\Seen"}}


def test_silence_is_kept_by_the_next_commands_too():
    peer = Peer(world())
    assert peer.ok(b"STORE 1:4 +FLAGS.SILENT (\\Seen)").untagged == ()
    assert peer.ok(b"NOOP").untagged == ()


def test_silence_is_broken_for_what_others_changed():
    """The client's own reckoning would be wrong (RFC 3501 §6.4.6)."""
    made = world()
    peer, other = Peer(made), Peer(made)
    other.ok(b"STORE 2 +FLAGS (\\Flagged)")
    answer = peer.ok(b"STORE 1:3 +FLAGS.SILENT (\\Seen)")
    assert flags_of(answer) == {2: {"\\Flagged", "\\Seen"}}
    assert peer.ok(b"NOOP").untagged == ()


def test_the_other_session_is_told():
    made = world()
    peer, other = Peer(made), Peer(made)
    peer.ok(b"STORE 1:2 +FLAGS.SILENT (\\Seen)")
    assert flags_of(other.ok(b"NOOP")) == {1: {"\\Seen"}, 2: {"\\Seen"}}


def test_flags_that_two_sessions_add_are_both_there():
    made = world(1)
    first, second = Peer(made), Peer(made)
    first.ok(b"STORE 1 +FLAGS (\\Seen)")
    answer = second.ok(b"STORE 1 +FLAGS (\\Answered)")
    assert flags_of(answer) == {1: {"\\Seen", "\\Answered"}}


def test_a_read_only_mailbox_refuses():
    made = world()
    answer = Peer(made, readonly=True).run(b"STORE 1 +FLAGS (\\Seen)")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "READ-ONLY")
    assert made.box("INBOX").rows[1].mask == 0


def test_too_many_keywords_are_refused():
    made = world()
    made.box("INBOX").most_keywords = 1
    peer = Peer(made)
    peer.ok(b"STORE 1 +FLAGS (one)")
    answer = peer.run(b"STORE 1 +FLAGS (two)")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "LIMIT")


def test_a_store_that_fails_is_no():
    peer = Peer(world())
    peer.mailbox.fail_writes = Unavailable()
    answer = peer.run(b"STORE 1 +FLAGS (\\Seen)")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "UNAVAILABLE")


def test_a_number_beyond_the_mailbox_is_bad_and_a_uid_is_not():
    peer = Peer(world(2))
    assert peer.run(b"STORE 2:3 +FLAGS (\\Seen)").status.kind == "BAD"
    assert peer.ok(b"UID STORE 50 +FLAGS (\\Seen)").untagged == ()
    assert "store" not in peer.mailbox.counts


def test_messages_that_others_removed_are_told_at_the_end():
    made = world()
    peer = Peer(made)
    made.box("INBOX").kill([2])
    answer = peer.run(b"STORE 1:3 +FLAGS (\\Seen)")
    assert (answer.status.kind, answer.status.code_name) == ("OK", "EXPUNGEISSUED")
    assert flags_of(answer) == {1: {"\\Seen"}, 3: {"\\Seen"}}
    assert b"EXPUNGE\r\n" not in answer.raw
    answer = peer.run(b"UID STORE 3 +FLAGS (\\Flagged)")
    assert answer.raw.index(b"* 3 FETCH") < answer.raw.index(b"* 2 EXPUNGE")


def test_many_messages_are_answered_in_batches():
    peer = Peer(world(2_000))
    peer.wire.slow = True
    answer = peer.ok(b"STORE 1:* +FLAGS (\\Seen)")
    assert len(answer.fetches) == 2_000
    assert peer.wire.waits >= 3
    assert peer.mailbox.counts["store"] == 1


@dataclass(frozen=True)
class Colour:
    """An item that a feature might bring."""

    name: bytes

    def unparse(self) -> bytes:
        return b"+COLOUR " + self.name

    async def store(self, context: Context, request: StoreRequest) -> Stored:
        assert isinstance(request, StoreRequest)
        return Stored(1, ())


def parse_colour(cursor: Cursor) -> Colour:
    cursor.sp()
    return Colour(cursor.atom())


def test_the_flags_of_one_message_go_out_with_the_tagged_reply():
    peer = Peer(world(3))
    peer.send(b"STORE 1 +FLAGS (\\Flagged)")
    assert len(peer.wire.writes) == 1
    peer.wire.slow = True  # whoever does not read is waited for all the same
    waited = peer.wire.waits
    peer.send(b"STORE 2 +FLAGS (\\Flagged)")
    assert peer.wire.waits > waited


def test_features_bring_items():
    item = StoreItemSpec("+COLOUR", parse_colour, "RFC 3501 §6.4.6")
    registry = Registry.of([FEATURE, Feature("COLOUR", (), store_items=(item,))])
    parse = registry.commands["STORE"].parse
    node = parse(Cursor(b" 1 +colour red"), registry)
    assert node == Store(ONE, Colour(b"red"))
    assert registry.commands["STORE"].unparse(node) == b"STORE 1 +COLOUR red"
    for text in (b" 1 -COLOUR red", b" 1 COLOUR red", b" 1 +COLOUR red blue"):
        with pytest.raises(Malformed):
            parse(Cursor(text), registry)
