"""Segments are joined as they become many: few are left, and little is written."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from mailstore.query import BodyContains, HeaderContains, TextContains
from mailstore.search import indexer, joining, segment, textdb
from tests.mailstore.search.said import bodies, expunge, fill, found, segments


def test_many_small_segments_are_joined(home):
    for n in range(40):
        home.append("INBOX", *bodies(f"fish{n}"))
        fill(home)
    with segments(home) as (_, kept):
        sizes = [len(one.ids) for one in kept]
    assert sum(sizes) == 40
    assert len(sizes) <= 14
    mailbox = home.open()
    assert found(home, mailbox, BodyContains("fish3")) == [4, *range(31, 41)]


def test_their_number_grows_with_the_logarithm(home, monkeypatch):
    monkeypatch.setattr(indexer, "BATCH", 2)
    monkeypatch.setattr(indexer, "_STEPS", (4, 16, 64, 256))
    monkeypatch.setattr(indexer, "_MANY", 4)
    counts = []
    for n in range(5):
        home.append("INBOX", *bodies(*[f"fish{at}" for at in range(8 << n)]))
        fill(home, 10_000)
        with segments(home) as (_, kept):
            counts.append(len(kept))
    # Up to three of each step, of which each is four times as large.
    assert max(counts) <= 12, counts
    mailbox = home.open()
    assert found(home, mailbox, BodyContains("fish0")) == [1, 9, 25, 57, 121]
    assert len(found(home, mailbox, BodyContains("fish7"))) == 5 + 10


def test_large_segments_are_not_written_again_for_a_few_small_ones(home, monkeypatch):
    monkeypatch.setattr(indexer, "_STEPS", (4, 16))
    monkeypatch.setattr(indexer, "_MANY", 4)
    home.append("INBOX", *bodies(*["fish"] * 8))
    fill(home)
    with segments(home) as (_, (first,)):
        pass
    for _ in range(12):
        home.append("INBOX", *bodies("fish", "meat"))
        fill(home)
        with segments(home) as (_, kept):
            assert len(kept) <= 7
            if len(kept) > 1:
                assert kept[0] == first
    # Now four of its size: together they are one of the largest.
    with segments(home) as (_, kept):
        assert [len(one.ids) for one in kept] == [32]


def test_small_segments_in_front_of_a_large_one_are_joined_too(home, monkeypatch):
    monkeypatch.setattr(indexer, "_MANY", 99)
    monkeypatch.setattr(indexer, "_STEPS", (2,))
    for count in (1, 1, 1, 5, 1):
        home.append("INBOX", *bodies(*["fish"] * count))
        fill(home)
    monkeypatch.setattr(indexer, "_MANY", 3)
    fill(home)
    with segments(home) as (_, kept):
        assert [len(one.ids) for one in kept] == [3, 5, 1]


@contextmanager
def inserted():
    """Note the kind and the octets of each block that is written."""
    blocks = []
    insert = textdb.TextDatabase._insert

    def note(text, id_, block):
        blocks.append((block.kind, len(block.data)))
        insert(text, id_, block)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textdb.TextDatabase, "_insert", note)
        yield blocks


def test_texts_change_hands_where_they_are(home, monkeypatch):
    """A join writes words anew, and short texts; long ones are not written again."""
    monkeypatch.setattr(segment, "BLOCK", 4_000)
    monkeypatch.setattr(joining, "BLOCK", 4_000)
    monkeypatch.setattr(indexer, "BATCH", 8)
    monkeypatch.setattr(indexer, "_MANY", 99)
    long = [f"fish{at} " + f"chips{at} " * 300 for at in range(64)]
    home.append("INBOX", *bodies(*long))
    fill(home)
    with segments(home) as (text, kept):
        assert len(kept) == 8
        rows = [row for one in kept for row, _, _ in text.places(one.id, segment.BODY)]
    monkeypatch.setattr(indexer, "_MANY", 8)
    with inserted() as blocks:
        fill(home)
    assert segment.BODY not in [kind for kind, _ in blocks]
    with segments(home) as (text, (joined,)):
        places = text.places(joined.id, segment.BODY)
        assert [row for row, _, _ in places] == rows
        assert places[-1][2] == 63
    mailbox = home.open()
    assert found(home, mailbox, BodyContains("fish41 chips41")) == [42]
    assert found(home, mailbox, HeaderContains("subject", "63")) == [64]


def test_blocks_without_purged_messages_are_not_written_again(home, monkeypatch):
    monkeypatch.setattr(segment, "BLOCK", 4_000)
    monkeypatch.setattr(joining, "BLOCK", 4_000)
    home.append("INBOX", *bodies(*[f"fish{at} " + "chips " * 500 for at in range(16)]))
    fill(home)
    mailbox = home.open()
    expunge(home, mailbox, 3)
    home.runtime.time += 40 * 86_400
    home.run(home.account.purge())
    with inserted() as blocks:
        fill(home)
    assert [kind for kind, _ in blocks].count(segment.BODY) <= 1
    with segments(home) as (text, (kept,)):
        assert len(kept.ids) == 15
        data = b"".join(
            segment.decompress(one.data) for one in text.blocks(kept.id, segment.BODY)
        )
    assert b"fish2 " not in data
    assert data.count(b"fish") == 15
    assert found(home, mailbox, TextContains("fish1 ")) == [2]
    assert found(home, mailbox, TextContains("fish15 ")) == [16]


@pytest.mark.parametrize("limit", ["_MOST_WORDS", "MOST_MESSAGES"])
def test_what_becomes_one_is_bounded(home, monkeypatch, limit):
    monkeypatch.setattr(indexer, "BATCH", 2)
    monkeypatch.setattr(indexer, "_MANY", 3)
    home.append("INBOX", *bodies(*[f"fish{at}" for at in range(6)]))
    fill(home, 3)
    with segments(home) as (_, kept):
        most = sum([one.words for one in kept[:2]]) if "W" in limit else 5
    monkeypatch.setattr(indexer, limit, most)
    fill(home)
    with segments(home) as (_, kept):
        assert [len(one.ids) for one in kept] == [4, 2]
    assert found(home, home.open(), BodyContains("fish4")) == [5]
