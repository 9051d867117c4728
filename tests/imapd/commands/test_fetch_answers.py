"""What FETCH answers, and what it does beside (RFC 3501 §6.4.5, §6.4.8, §7.4.2)."""

import datetime as dt

import pytest

from imapd.session import fetch_sender
from imapd.session.faults import ConnectionGone
from imapd.session.limits import Limits
from imapd.session.reply import CHUNK
from imapd.syntax.section import MAX_FIELD, MAX_FIELDS
from mailstore.errors import Unavailable
from mailstore.lanes import Pool
from mailstore.model import Column, InternalDate
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer
from tests.support.responses import Fetch, Part

PLAIN = b"From: Ada <ada@x.org>\r\nSubject: one\r\n\r\nHello, Bob.\r\n"


def world(*messages: bytes, flags=()) -> World:
    made = World()
    for message in messages or (PLAIN,) * 5:
        made.box("INBOX").add(message, flags)
    made.box("INBOX").claimed = made.box("INBOX").uidnext - 1
    return made


# -- items


def test_each_attribute_of_a_message():
    made = World()
    box = made.box("INBOX")
    box.claimed = 8
    box.add(PLAIN, ("\\Seen", "$Label"), InternalDate(1_772_445_600, -150), uid=7)
    (answer,) = Peer(made).ok(b"FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE)").of(Fetch)
    zone = dt.timezone(dt.timedelta(minutes=-150))
    assert answer == Fetch(
        1,
        {
            "UID": 7,
            "FLAGS": frozenset({"\\Seen", "$Label"}),
            "INTERNALDATE": dt.datetime(2026, 3, 2, 7, 30, tzinfo=zone),
            "RFC822.SIZE": len(PLAIN),
        },
    )


def test_described_structure_with_and_without_extensions():
    (answer,) = (
        Peer(world(PLAIN)).ok(b"FETCH 1 (BODY BODYSTRUCTURE ENVELOPE)").of(Fetch)
    )
    assert answer.envelope.subject == b"one"
    assert answer.structure.extension is not None
    plain = answer.typed("BODY", Part)
    assert plain.extension is None
    assert plain.size == len(b"Hello, Bob.\r\n")


@pytest.mark.parametrize(
    ("macro", "items"),
    [
        (b"FAST", {"FLAGS", "INTERNALDATE", "RFC822.SIZE"}),
        (b"ALL", {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"}),
        (b"FULL", {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"}),
    ],
)
def test_macros_stand_for_their_items(macro, items):
    assert set(Peer(world(PLAIN)).ok(b"FETCH 1 " + macro).fetches[1]) == items


def test_items_are_answered_in_the_order_of_the_command():
    raw = Peer(world(PLAIN)).send(b"FETCH 1 (RFC822.SIZE UID FLAGS)")
    assert raw.startswith(b"* 1 FETCH (RFC822.SIZE 52 UID 1 FLAGS ())\r\n")


def test_an_item_that_is_named_twice_is_answered_once():
    raw = Peer(world(PLAIN)).send(b"FETCH 1 (UID FLAGS UID)")
    assert raw.startswith(b"* 1 FETCH (UID 1 FLAGS ())\r\n")


@pytest.mark.parametrize("items", [b"FLAGS", b"(UID FLAGS)", b"(FLAGS UID)"])
def test_a_uid_fetch_tells_the_uid_once(items):
    raw = Peer(world(PLAIN)).send(b"UID FETCH 1 " + items)
    assert raw.count(b"UID 1") == 1


def test_recent_is_a_flag_of_the_session_that_claimed_it():
    made = world(PLAIN, PLAIN)
    made.box("INBOX").add(PLAIN, ("\\Seen",))
    first, second = Peer(made), Peer(made)
    assert first.ok(b"FETCH 1:* FLAGS").fetches == {
        1: {"FLAGS": frozenset()},
        2: {"FLAGS": frozenset()},
        3: {"FLAGS": frozenset({"\\Seen", "\\Recent"})},
    }
    assert second.ok(b"FETCH 3 FLAGS").fetches[3]["FLAGS"] == frozenset({"\\Seen"})


# -- which messages


def test_numbers_count_by_the_view_across_batches():
    made = World()
    for uid in (2, 3, 5, 8, 13, 21, 34):
        made.box("INBOX").add(PLAIN, uid=uid)
    answer = Peer(made, batch=2).ok(b"FETCH 6,2:4,* UID")
    assert {n: items["UID"] for n, items in answer.fetches.items()} == {
        2: 3,
        3: 5,
        4: 8,
        6: 21,
        7: 34,
    }


def test_a_number_beyond_the_mailbox_is_bad():
    peer = Peer(world(PLAIN))
    assert peer.run(b"FETCH 1:2 UID").status.kind == "BAD"


def test_unknown_uids_are_passed_over():
    peer = Peer(world(PLAIN, PLAIN))
    assert set(peer.ok(b"UID FETCH 2:9,77 FLAGS").fetches) == {2}
    assert peer.ok(b"UID FETCH 50:60 FLAGS").untagged == ()


def test_star_names_the_last_message_even_from_beyond():
    assert set(Peer(world()).ok(b"UID FETCH 99:* FLAGS").fetches) == {5}


def test_an_empty_mailbox_has_no_messages_to_fetch():
    peer = Peer(World())
    assert peer.ok(b"FETCH 1:* FLAGS").untagged == ()
    assert peer.ok(b"UID FETCH 1:* FLAGS").untagged == ()


def test_too_many_items_are_refused():
    peer = Peer(world(), limits=Limits(fetch_items=3))
    peer.ok(b"FETCH 1 (UID FLAGS BODY)")
    answer = peer.run(b"FETCH 1 (UID FLAGS BODY BODY)")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "LIMIT")


# -- what costs what


def test_rows_and_texts_touch_no_blob():
    peer = Peer(world())
    peer.ok(b"FETCH 1:* FULL")
    peer.ok(b"UID FETCH 1:* (BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (From Subject)])")
    assert "open" not in peer.mailbox.counts


def test_only_the_columns_that_are_needed_are_asked_for():
    peer = Peer(world())
    peer.ok(b"UID FETCH 1:* (FLAGS)")
    peer.ok(b"FETCH 1 (UID BODY.PEEK[])")
    peer.ok(b"FETCH 1 (UID BODY[])")
    assert peer.mailbox.columns == [
        {Column.FLAGS},
        {Column.BLOB, Column.PARTS},
        {Column.BLOB, Column.PARTS, Column.FLAGS},
    ]


def test_a_batch_of_rows_is_one_write():
    peer = Peer(world(*[PLAIN] * 300))
    peer.send(b"UID FETCH 1:* (FLAGS)")
    assert len(peer.wire.writes) == 1


def test_small_messages_are_sent_many_at_a_time():
    peer = Peer(world(*[PLAIN] * 2_000))
    raw = peer.send(b"FETCH 1:* BODY.PEEK[]")
    assert len(peer.wire.writes) <= len(raw) // CHUNK + 2 + 2_000 // 512
    assert peer.mailbox.counts["pread"] == 2_000


def test_a_large_message_is_never_in_memory_as_a_whole():
    body = b"".join(b"%09d\r\n" % n for n in range(100_000))
    message = b"Subject: big\r\n\r\n" + body
    peer = Peer(world(message))
    peer.wire.slow = True
    assert peer.ok(b"FETCH 1 BODY.PEEK[]").fetches[1]["BODY[]"] == message
    assert peer.mailbox.counts["largest"] <= CHUNK
    assert max(map(len, peer.wire.writes)) <= 2 * CHUNK
    assert peer.wire.waits >= len(message) // (2 * CHUNK)


def test_a_slow_client_is_waited_for_between_batches():
    peer = Peer(world(*[PLAIN * 400] * 20), batch=5)
    peer.wire.slow = True
    peer.send(b"FETCH 1:* BODY.PEEK[]")
    assert peer.wire.waits >= 5


def test_blobs_are_closed_again():
    peer = Peer(world(*[PLAIN] * 20))
    peer.ok(b"FETCH 1:* (BODY.PEEK[TEXT] BODY.PEEK[HEADER] RFC822.HEADER)")
    assert peer.mailbox.counts["open"] == peer.mailbox.counts["closed"] == 20


# -- \Seen


@pytest.mark.parametrize(
    ("item", "sets_seen"),
    [
        (b"BODY[]", True),
        (b"BODY[TEXT]<0.1>", True),
        (b"BODY[HEADER.FIELDS (From)]", True),
        (b"RFC822", True),
        (b"RFC822.TEXT", True),
        (b"RFC822.HEADER", False),
        (b"BODY.PEEK[]", False),
        (b"BODY", False),
        (b"FULL", False),
    ],
)
def test_what_sets_seen(item, sets_seen):
    made = world(PLAIN)
    Peer(made).send(b"FETCH 1 " + item)
    assert bool(made.box("INBOX").rows[1].mask & 8) is sets_seen


def test_seen_is_told_once_and_set_in_one_write():
    made = world(PLAIN, PLAIN, PLAIN)
    made.box("INBOX").rows[2].mask |= 8
    peer = Peer(made, batch=1)
    answer = peer.ok(b"UID FETCH 1:* BODY[TEXT]")
    told = [fetch for fetch in answer.of(Fetch) if "FLAGS" in fetch.items]
    assert told == [
        Fetch(1, {"UID": 1, "FLAGS": frozenset({"\\Seen"})}),
        Fetch(3, {"UID": 3, "FLAGS": frozenset({"\\Seen"})}),
    ]
    assert peer.mailbox.counts["store"] == 1
    assert peer.ok(b"NOOP").untagged == ()


def test_a_second_reading_changes_nothing():
    peer = Peer(world(PLAIN))
    peer.ok(b"FETCH 1 BODY[]")
    peer.ok(b"FETCH 1 BODY[]")
    assert peer.mailbox.counts["store"] == 1


def test_a_read_only_mailbox_keeps_its_flags():
    made = world(PLAIN)
    peer = Peer(made, readonly=True)
    answer = peer.ok(b"FETCH 1 (BODY[] FLAGS)")
    assert len(answer.of(Fetch)) == 1
    assert made.box("INBOX").rows[1].mask == 0


def test_the_other_session_hears_of_seen():
    made = world(PLAIN)
    reader, other = Peer(made), Peer(made)
    reader.ok(b"FETCH 1 BODY[]")
    assert other.ok(b"NOOP").of(Fetch) == [Fetch(1, {"FLAGS": frozenset({"\\Seen"})})]


def test_a_full_disk_is_no_reason_not_to_read():
    peer = Peer(world(PLAIN))
    peer.mailbox.fail_writes = Unavailable()
    assert peer.ok(b"FETCH 1 BODY[]").fetches[1]["BODY[]"] == PLAIN
    assert [kind for kind, _ in peer.log.events] == ["store"]


# -- others expunge


def test_an_expunge_by_another_waits_while_fetch_by_number_runs():
    made = world()
    peer, other = Peer(made), Peer(made)
    other.ok(b"STORE 2,4 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    answer = peer.run(b"FETCH 1:5 (UID)")
    assert {n: i["UID"] for n, i in answer.fetches.items()} == {
        1: 1,
        2: 2,
        3: 3,
        4: 4,
        5: 5,
    }
    assert answer.status.kind == "OK"
    assert b"EXPUNGE\r\n" not in answer.raw
    answer = peer.run(b"UID FETCH 5 BODY.PEEK[]")
    assert answer.raw.index(b"* 5 FETCH") < answer.raw.index(b"* 4 EXPUNGE")
    assert set(peer.ok(b"FETCH 1:3 UID").fetches) == {1, 2, 3}


@pytest.mark.parametrize("command", [b"FETCH 1:5", b"UID FETCH 1:5"])
def test_what_is_gone_for_good_is_told_at_the_end(command):
    made = world()
    peer = Peer(made)
    made.box("INBOX").kill([2, 3])
    made.box("INBOX").purged = True
    answer = peer.run(command + b" (FLAGS)")
    assert set(answer.fetches) == {1, 4, 5}
    assert (answer.status.kind, answer.status.code_name) == ("OK", "EXPUNGEISSUED")


# -- damage


@pytest.mark.parametrize("damage", ["missing", "short", "unreadable"])
@pytest.mark.parametrize("size", [1, 20_000])
def test_a_damaged_message_gets_no_answer_and_the_others_do(damage, size):
    """The line protocol stays whole: the next command works."""
    made = world(PLAIN, PLAIN + b"x" * 78 * size, PLAIN)
    made.box("INBOX").rows[2].damage = damage
    peer = Peer(made)
    answer = peer.run(b"FETCH 1:* (UID BODY.PEEK[])")
    assert set(answer.fetches) == {1, 3}
    assert (answer.status.kind, answer.status.code_name) == ("NO", "CORRUPTION")
    assert ("store", "1") in [(kind, facts["id"]) for kind, facts in peer.log.events]
    assert set(peer.ok(b"FETCH 1:* (FLAGS RFC822.SIZE)").fetches) == {1, 2, 3}


def test_a_literal_that_breaks_off_ends_the_connection():
    """Nothing may stand for the octets that were promised, no text either."""
    message = PLAIN + b"x" * 3 * CHUNK
    made = world(message)
    made.box("INBOX").rows[1].damage = "late"
    peer = Peer(made)
    with pytest.raises(ConnectionGone):
        peer.send(b"FETCH 1 BODY.PEEK[]")
    head = b"* 1 FETCH (BODY[] {%d}\r\n" % len(message)
    assert peer.ended
    assert b"".join(peer.wire.writes) == head + message[:CHUNK]


def test_a_defect_within_a_literal_ends_the_connection_too(monkeypatch):
    """A tagged NO would be read as octets of the message."""
    message = PLAIN + b"x" * 3 * CHUNK
    peer = Peer(world(message))
    read = fetch_sender._read

    def fail(readers, piece, start, count):
        if start:
            raise ZeroDivisionError
        return read(readers, piece, start, count)

    monkeypatch.setattr(fetch_sender, "_read", fail)
    failures = []
    monkeypatch.setattr(peer.log, "failure", lambda error, **_: failures.append(error))
    with pytest.raises(ConnectionGone):
        peer.send(b"FETCH 1 BODY.PEEK[]")
    head = b"* 1 FETCH (BODY[] {%d}\r\n" % len(message)
    assert peer.ended
    assert b"".join(peer.wire.writes) == head + message[:CHUNK]
    assert list(map(type, failures)) == [ZeroDivisionError]


def test_seen_is_not_set_on_a_damaged_message_only():
    made = world(PLAIN, PLAIN)
    made.box("INBOX").rows[1].damage = "missing"
    Peer(made).send(b"FETCH 1:2 BODY[]")
    assert [row.mask for row in made.box("INBOX").rows.values()] == [0, 8]


def test_many_fields_and_long_names_are_echoed_as_a_server_may():
    name = b"X" * MAX_FIELD
    peer = Peer(world(PLAIN))
    answer = peer.run(b"FETCH 1 BODY.PEEK[HEADER.FIELDS ({})]", name)
    assert b"(%b)" % name in answer.raw
    assert list(answer.fetches[1].values()) == [b"\r\n"]
    names = b" ".join(b"F%d" % n for n in range(MAX_FIELDS + 1))
    answer = peer.run(b"FETCH 1 BODY.PEEK[HEADER.FIELDS (%b)]" % names)
    assert answer.status.kind == "BAD"


def test_a_percent_sign_in_a_field_name_is_a_percent_sign():
    answer = Peer(world(PLAIN)).ok(b'FETCH 1 BODY.PEEK[HEADER.FIELDS ("X%d" From)]')
    assert answer.fetches[1] == {
        "BODY[HEADER.FIELDS (X%D FROM)]": b"From: Ada <ada@x.org>\r\n\r\n"
    }


def test_a_large_header_is_cut_beside_the_sessions_of_others():
    lines = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 60) for n in range(4_000))
    peer = Peer(world(lines + b"X-Last: far down\r\n\r\nbody"))
    answer = peer.ok(b"FETCH 1 (BODY.PEEK[HEADER.FIELDS (X-Last)] BODY.PEEK[TEXT])")
    assert answer.fetches[1] == {
        "BODY[HEADER.FIELDS (X-LAST)]": b"X-Last: far down\r\n\r\n",
        "BODY[TEXT]": b"body",
    }
    assert peer.runtime.pools == [Pool.READ]
