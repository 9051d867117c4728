"""What is kept of answers: found again for the same messages alone, and bounded."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.fetch import handler
from imapd.features import ALL
from imapd.session.kept_lines import LONGEST, KeptLines, Listing
from imapd.session.registry import Registry
from imapd.syntax.sequence import SequenceSet
from imapd.wire.cursor import Cursor

ONE, OTHER = Listing("one", 10), Listing("other", 10)
UIDS = [3, 511, 512, 900]
MESSAGES = [30, 31, 32, 33]
PARTS = [[b"a%d" % uid for uid in UIDS], [b"b"] * 4]
LINES = [
    (30, b"a3", b"b"),
    (31, b"a511", b"b"),
    (32, b"a512", b"b"),
    (33, b"a900", b"b"),
]


def listed(kept, listing=ONE, uids=UIDS, messages=MESSAGES, parts=PARTS):
    """Ask as a command does: keep what is not found; gives what was found."""
    reading = kept.reading(listing)
    found = reading.find(uids, messages)
    if not all(found):
        reading.keep(uids, messages, parts)
    return found


def test_what_is_asked_for_the_second_time_is_kept_for_the_third():
    kept = KeptLines()
    assert listed(kept) == [None] * 4
    assert listed(kept) == [None] * 4
    assert listed(kept) == LINES
    assert (kept.hits, kept.misses) == (4, 8)
    assert listed(kept, uids=[512], messages=[32]) == [LINES[2]]


def test_whoever_asks_for_something_else_gets_nothing_of_it():
    kept = KeptLines()
    for _ in range(2):
        listed(kept)
    assert listed(kept, OTHER) == [None] * 4
    assert listed(kept, Listing("one")) == LINES  # what it costs makes no difference


def test_a_uid_that_stands_for_another_message_is_not_found():
    kept = KeptLines()
    for _ in range(2):
        listed(kept)
    changed = [30, 99, 32, 33]
    assert listed(kept, messages=changed) == [LINES[0], None, *LINES[2:]]
    assert listed(kept, messages=changed)[1] == (99, b"a511", b"b")


def test_only_blocks_that_were_asked_for_before_are_kept():
    kept = KeptLines()
    reading = kept.reading(ONE)
    reading.find([3], [30])
    assert not reading.wants([3])
    reading = kept.reading(ONE)
    reading.find(UIDS, MESSAGES)
    assert reading.wants([3])
    assert not reading.wants([512, 900])
    assert reading.wants([511, 512])
    reading.keep(UIDS, MESSAGES, PARTS)
    assert kept.reading(ONE).find(UIDS, MESSAGES) == [*LINES[:2], None, None]


def test_long_lines_are_not_kept():
    kept = KeptLines()
    parts = [[b"x", b"x" * LONGEST, b"x" * (LONGEST - 1), b"x"], [b"b"] * 4]
    for _ in range(2):
        listed(kept, parts=parts)
    found = listed(kept, parts=parts)
    assert [line is not None for line in found] == [True, False, True, True]


def test_nothing_is_kept_in_no_room():
    kept = KeptLines(0)
    for _ in range(3):
        assert listed(kept) == [None] * 4
    assert kept.octets == 0


def test_what_was_asked_for_counts_by_what_it_takes_of_memory():
    registry, kept = Registry.of(ALL), KeptLines(200_000)

    def ask(number: int) -> None:
        fields = b" ".join(b"%02x" % other for other in range(256))
        name = b"BODY.PEEK[HEADER.FIELDS (a%d-%%d %b)]" % (number, fields)
        text = b" 1:2 (%b)" % b" ".join([name % at for at in range(6)])
        items = handler.parse(SequenceSet, Cursor(text), registry).items
        kept.reading(Listing(items, len(text))).find(UIDS[:1], MESSAGES[:1])

    ask(0)
    tracemalloc.start()
    try:
        for number in range(1, 9):
            ask(number)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < kept.most


asked = st.lists(st.integers(1, 2_000), min_size=1, max_size=8, unique=True).map(sorted)


@given(
    st.integers(0, 20_000),
    st.lists(st.tuples(st.integers(0, 5), asked, st.integers(0, 900)), max_size=40),
)
def test_it_is_bounded_and_what_is_found_is_what_was_kept(most, commands):
    kept = KeptLines(most)
    for number, uids, length in commands:
        messages = [uid + 7 for uid in uids]
        parts = [
            [b"%d.%d" % (number, uid) for uid in uids],
            [b"x" * length] * len(uids),
        ]
        found = listed(kept, Listing(number, 50), uids, messages, parts)
        for uid, line in zip(uids, found, strict=True):
            if line is not None:
                assert line[:2] == (uid + 7, b"%d.%d" % (number, uid))
        assert kept.octets <= most
        assert kept.octets == sum(block.octets for block in kept._blocks.values())
        shelves = [shelf for shelf, _ in kept._blocks]
        assert {id(shelf) for shelf in kept._shelves.values()} == set(map(id, shelves))
        assert all(shelves.count(shelf) == shelf.blocks for shelf in shelves)
