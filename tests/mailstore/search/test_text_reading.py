"""What a search reads of the text index: no more than it was asked about."""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import replace

import pytest

from mailstore.query import (
    And,
    BodyContains,
    Compare,
    HeaderContains,
    Predicate,
    SentOn,
    TextContains,
    Uids,
)
from mailstore.search import extract, indexed, segment, textdb
from tests.mailstore.search.said import (
    bodies,
    expunge,
    fill,
    found,
    purge,
    segments,
    with_fish_and_meat,
)
from tests.mailstore.stores import Home, Statements
from tests.support.furnished import OPTIONS


@contextmanager
def contents_read(home):
    """Note which blocks of the text index are read, as (kind, first, last)."""
    read = []
    real = textdb.TextDatabase.contents

    def contents(text, row):
        found = text._database.one(
            "SELECT kind, first, last FROM block WHERE id = ?", (row,)
        )
        read.append(found)
        return real(text, row)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textdb.TextDatabase, "contents", contents)
        yield read


@pytest.mark.parametrize("shape", ["dense", "sparse", "copied"])
def test_a_long_body_of_another_mailbox_is_not_looked_through(home, monkeypatch, shape):
    """Bodies of too many words have no list: who is asked about one reads all of it."""
    monkeypatch.setattr(segment, "_MOST_WORDS", 2_000)
    monkeypatch.setattr(indexed, "_FEW", 1)
    here = bodies(*["a fish", "some meat"] * 20)
    home.append("INBOX", *here[:20])
    home.append(
        "Archive", *bodies(" ".join([f"fish{at}" for at in range(900)])), *here[:20]
    )
    home.append("INBOX", *here[20:])
    fill(home)
    mailbox = home.open()
    wanted = list(range(1, 41, 2))
    term: Predicate = TextContains("fish")
    if shape == "sparse":
        term, wanted = And((term, Uids(((1, 4),)))), [1, 3]
    if shape == "copied":
        home.run(mailbox.copy(range(1, 11), "INBOX"))
        wanted += [41, 43, 45, 47, 49]
    with contents_read(home) as read:
        assert found(home, mailbox, term) == wanted
    assert segment.BODY not in [kind for kind, _, _ in read]
    archive = home.open("Archive")
    with contents_read(home) as read:
        assert found(home, archive, TextContains("fish"))[:2] == [1, 2]
    assert segment.BODY in [kind for kind, _, _ in read]


def test_a_long_body_has_a_list_of_words_unless_they_are_too_many(home, monkeypatch):
    monkeypatch.setattr(segment, "_MOST_WORDS", 4_000)
    monkeypatch.setattr(extract, "SLICE", 1_000)
    monkeypatch.setattr(indexed, "_FEW", 0)
    monkeypatch.setattr(indexed, "_SHORT", 0)
    many = " ".join([f"fish{at}" for at in range(900)])
    home.append("INBOX", *bodies("long fish " * 900))
    home.append("Archive", *bodies("x" * 9_000, many))
    home.append("INBOX", *bodies("a " * 3_000 + "y" * 3_000 + " z"))
    fill(home)
    mailbox, archive = home.open(), home.open("Archive")
    for needle, here, there in (
        ("ng", [1], []),
        ("x" * 5_000, [], [1]),
        ("a", [2], []),
        ("y" * 3_000, [2], []),
        ("y" * 3_001, [], []),
        ("z", [2], []),
        ("fish", [1], [2]),
    ):
        with contents_read(home) as read:
            assert found(home, mailbox, BodyContains(needle)) == here
        assert read == []
        assert found(home, archive, BodyContains(needle)) == there


def test_what_hardly_becomes_shorter_is_not_compressed():
    """It is looked through by each search: as it is it is read five times as fast."""
    noise = random.Random(5).randbytes(60_000)
    for text, shorter in ((b"a fish. " * 8_000, True), (noise, False), (b"", False)):
        data = segment._compress_text(text)
        assert segment.decompress(data) == text
        assert (len(data) < len(text)) == shorter


# -- what is kept for the next search

TERMS = (
    TextContains("fish"),
    BodyContains("eat"),
    HeaderContains("Subject", "1"),
    HeaderContains("From", "nobody"),
    SentOn(Compare.AT_LEAST, 0),
)


@contextmanager
def decompressions():
    """Note the octets of each block that is decompressed."""
    sizes: list[int] = []

    def decompress(data):
        found = segment_decompress(data)
        sizes.append(len(found))
        return found

    segment_decompress = segment.decompress
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, "decompress", decompress)
        patch.setattr(indexed, "decompress", decompress)
        yield sizes


def statements_of(home, work):
    """Give the statements that a search has the text index run."""
    indexing = home.account.indexing
    ((_, text),) = indexing._spare
    with Statements(text._database) as found:
        work()
    return [one for one in found if one.startswith("SELECT")]


def test_the_next_search_decompresses_nothing_and_asks_for_segments_alone(home):
    home.append("INBOX", *bodies(*["a fish", "some meat"] * 40))
    fill(home)
    mailbox = home.open()
    wanted = [found(home, mailbox, term) for term in TERMS]
    for term, answer in zip(TERMS, wanted, strict=True):
        with decompressions() as sizes:
            asked = statements_of(
                home, lambda t=term, a=answer: check(home, mailbox, t, a)
            )
        assert sizes == []
        assert len(asked) == 2, asked  # the segments' numbers, and the watermark
    # A needle with other words reads where those are, and nothing else.
    with decompressions() as sizes:
        assert found(home, mailbox, BodyContains("ome")) == wanted[1]
    assert len(sizes) <= 1


def check(home, mailbox, term, answer):
    assert found(home, mailbox, term) == answer


def test_what_is_kept_is_shared_and_bounded(tmp_path):
    home = Home(tmp_path, replace(OPTIONS, search_cache=20_000))
    for n in range(30):
        home.append("INBOX", *bodies(*[f"fish{n:02}{at:02}" for at in range(20)]))
        fill(home, 1)
    fill(home)
    kept = home.account._around.kept
    mailbox = home.open()
    for n in range(30):
        assert found(home, mailbox, BodyContains(f"fish{n:02}07")) == [20 * n + 8]
        assert found(home, mailbox, HeaderContains("subject", f"{n % 20}"))
        assert kept.octets <= 20_000
        assert kept.octets == sum(size for _, size in kept._values.values())
    assert kept.octets > 5_000
    home.close()


def test_what_was_kept_of_a_dropped_index_is_never_asked_for(home):
    """Segments of the next file have other numbers, though it has the same name."""
    mailbox = with_fish_and_meat(home)
    with segments(home) as (_, kept):
        before = {one.id for one in kept}
    for name in ("text.db", "text.db-wal", "text.db-shm"):
        (home.account._folder / name).unlink(missing_ok=True)
    home.append("INBOX", *bodies("fish"))
    fill(home)
    with segments(home) as (_, kept):
        assert before.isdisjoint([one.id for one in kept])
    assert found(home, mailbox, BodyContains("fish")) == [1, 3]


def test_what_was_kept_of_purged_mail_is_never_asked_for(home):
    home.append("INBOX", *bodies("secret fish", "plain fish", "meat"))
    fill(home)
    mailbox = home.open()
    assert found(home, mailbox, BodyContains("fish")) == [1, 2]
    expunge(home, mailbox, 1)
    purge(home)
    home.append("INBOX", *bodies("more fish"))
    fill(home)
    assert found(home, mailbox, BodyContains("fish")) == [2, 4]
    assert found(home, mailbox, HeaderContains("subject", "0")) == [4]
