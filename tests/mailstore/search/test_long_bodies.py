"""Bodies of too many words: sketches tell which strings they can't have."""

from __future__ import annotations

from contextlib import closing

import pytest

from mailstore.errors import Corrupt
from mailstore.query import BodyContains, TextContains
from mailstore.search import extract, indexed, indexer, segment, sketch, textdb
from mailstore.search.kept import Kept
from mailstore.search.proof import prove
from tests.mailstore.search.said import DELETE, bodies, fill, found, segments
from tests.mailstore.stores import Home


def long_body(number: int) -> str:
    return " ".join([f"{number}fish{at * 7919 % 9000:x}" for at in range(900)])


@pytest.fixture
def small(home, monkeypatch):
    """A store with an index of which six of ten bodies have no list of words."""
    monkeypatch.setattr(segment, "_MOST_WORDS", 4_000)
    monkeypatch.setattr(extract, "SLICE", 2_000)
    monkeypatch.setattr(sketch, "SECTION", 3_000)
    monkeypatch.setattr(indexed, "_FEW", 0)
    monkeypatch.setattr(indexer, "BATCH", 2)
    for number in range(5):
        long = long_body(number)
        home.append(
            "INBOX", *bodies(long, "supper") if number else bodies("supper", long)
        )
    home.append("INBOX", *bodies(long_body(5), "cake"))
    fill(home)
    return home


@pytest.fixture
def looked_through(monkeypatch) -> list[set[int]]:
    """The messages whose bodies are looked through."""
    chosen: list[set[int]] = []
    real = indexed.IndexedTexts._read

    def read(self, one, kind, wanted):
        if kind == segment.BODY:
            chosen.append({one.ids[at] for at in wanted})
        return real(self, one, kind, wanted)

    monkeypatch.setattr(indexed.IndexedTexts, "_read", read)
    return chosen


LONG = [2, 3, 5, 7, 9, 11]


def test_they_are_not_looked_through_for_what_they_cannot_have(small, looked_through):
    mailbox = small.open()
    for needle, messages in (
        ("absent", []),
        ("absent words, too", []),
        ("SUPPER", [1, 4, 6, 8, 10]),
        ("3fish1eef", [7]),
    ):
        looked_through.clear()
        assert found(small, mailbox, BodyContains(needle)) == messages
        assert looked_through == ([{7}] if messages == [7] else [])
        assert found(small, mailbox, TextContains(needle)) == messages
    long = long_body(4)
    for at in (0, 500, 2_990, 4_000, len(long) - 60):
        assert found(small, mailbox, BodyContains(long[at : at + 60])) == [9]
    # Shorter than what is sketched.
    looked_through.clear()
    assert found(small, mailbox, BodyContains("5fis")) == [11]
    assert set().union(*looked_through) == set(LONG)


def test_joined_segments_take_them_over(small, looked_through, monkeypatch):
    monkeypatch.setattr(indexer, "_MANY", 3)
    monkeypatch.setattr(sketch, "_slots", None)  # none is made anew
    small.append("INBOX", *bodies("a", "b", "c", "d"))
    fill(small)
    monkeypatch.undo()
    monkeypatch.setattr(indexed, "_FEW", 0)
    with segments(small) as (text, kept):
        ids = [one.ids[at] for one in kept for at in one.wordless]
        assert len(kept) < 4
        assert ids == LONG
        assert all(text.sketched(one.id) == set(one.wordless) for one in kept)
    assert found(small, small.open(), BodyContains("absent")) == []
    assert found(small, small.open(), BodyContains("2fish1eef")) == [5]


def test_those_of_purged_mail_go(small):
    mailbox = small.open()
    small.run(mailbox.store_flags([2, 3], DELETE, seen_at=99))
    small.run(mailbox.expunge())
    small.runtime.time += 40 * 86_400
    small.run(small.account.purge())
    fill(small)
    with segments(small) as (text, kept):
        every = [one.ids[at] for one in kept for at in sorted(text.sketched(one.id))]
    assert every == LONG[2:]
    assert found(small, small.open(), BodyContains("1fish1eef")) == []
    assert found(small, small.open(), BodyContains("5fish1eef")) == [11]


def lose(home: Home, which: str) -> None:
    text = textdb.TextDatabase.open(home.account._folder, writer=True)
    assert text is not None
    with closing(text):
        rows = f"SELECT id FROM block WHERE kind = {textdb.SKETCHES} {which}"
        text._database.execute(f"DELETE FROM content WHERE id IN ({rows})")
        text._database.execute(f"DELETE FROM block WHERE id IN ({rows})")


def test_an_index_of_a_former_version_gets_them(small, looked_through):
    """It is used as it is until then: all such bodies are looked through."""
    lose(small, "AND first % 2 = 0")
    small.account.indexing._spare.clear()
    mailbox = small.open()
    assert found(small, mailbox, BodyContains("absent")) == []
    assert found(small, mailbox, BodyContains("0fish1eef")) == [2]
    assert list(problems(small)) == []
    fill(small)
    with segments(small) as (text, kept):
        assert all(text.sketched(one.id) == set(one.wordless) for one in kept)
    looked_through.clear()
    assert found(small, mailbox, BodyContains("absent")) == []
    assert looked_through == []
    assert list(problems(small)) == []


def problems(home: Home):
    with home.account.readers.take() as index:
        yield from prove(home.account._folder, index, home.account.blobs, 1_000)


def test_wrong_ones_are_found(small):
    text = textdb.TextDatabase.open(small.account._folder, writer=True)
    assert text is not None
    lie = segment._compress(bytes(sketch.PIECE))
    with closing(text):
        text._database.execute(
            "UPDATE content SET data = ?"
            " WHERE id = (SELECT MIN(id) FROM block WHERE kind = ?)",
            (lie, textdb.SKETCHES),
        )
    assert list(problems(small)) == ["message 2: the text index has another sketch"]


def test_pieces_that_are_missing_are_not_taken_for_less(home, monkeypatch):
    monkeypatch.setattr(segment, "_MOST_WORDS", 4_000)
    monkeypatch.setattr(indexed, "_FEW", 0)
    home.append("INBOX", *bodies(" ".join([f"fish{at}" for at in range(20_000)])))
    fill(home)
    lose(home, "AND number = 1")
    with segments(home) as (text, (one,)):
        (sections,) = text.sketches(one.id).values()
        assert [len(rows) for rows in sections] == [3]
        index = indexed.IndexedTexts(text, Kept(0), lambda: None, 1)
        with pytest.raises(Corrupt):
            index.find(BodyContains("absent"), [1])
    assert found(home, home.open(), BodyContains("fish19999")) == [1]
