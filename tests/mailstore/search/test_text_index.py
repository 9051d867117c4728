"""The text index finds what reading the messages would find: no more, no less."""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstore.errors import Corrupt
from mailstore.model import Arrival
from mailstore.query import (
    All,
    And,
    BodyContains,
    Compare,
    HeaderContains,
    Not,
    Or,
    SentOn,
    TextContains,
    Uids,
)
from mailstore.search import (
    extract,
    indexed,
    indexer,
    joining,
    segment,
    sketch,
    textdb,
)
from mailstore.search.kept import Kept
from mailstore.search.proof import prove
from tests.mailstore.mime import corpus
from tests.mailstore.search.said import (
    Said,
    bodies,
    expunge,
    fill,
    found,
    purge,
    segments,
    with_fish_and_meat,
)
from tests.mailstore.stores import Home
from tests.support.furnished import OPTIONS

NAMES = ["from", "Subject", "TO", "cc", "bcc", "message-id", "x-odd", "list-id", "é"]


def odd_messages() -> list[bytes]:
    """Mail that is hard on an index of words."""
    dice = random.Random(7)
    token = dice.randbytes(600).hex().encode()
    words = [dice.randbytes(6).hex().encode() for _ in range(900)]
    junk = bytes(b for b in dice.randbytes(3_000) if b)
    return [
        b"From: Anna <anna@example.org>\r\nSubject: Re: lunch\r\n\r\nre: lunch!\r\n",
        "Subject: 会議の予定\r\n\r\n来週の会議は中止です。\r\n".encode(),
        b"Subject: =?utf-8?q?a=0Afrom:_b?=\r\nFrom: c\r\n\r\nx",
        b"X-Odd: one\r\nX-Odd:\r\nx-odd : two\r\n\r\n",
        b"Subject:\r\nList-Id: <dev.example.org>\r\n\r\n" + token,
        b"Content-Type: application/octet-stream; name=\xe9.bin\r\n\r\n" + junk,
        b"Content-Type: text/plain; charset=x-unknown\r\n\r\n" + junk,
        b"Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA- lone, +2AE-\r\n",
        b"Subject: long\r\n\r\n" + b"needle in hay. " * 700 + b"the end",
        b"Subject: long too\r\n\r\n" + b"x" * 5_000 + b"needle" + b"y" * 5_000,
        "Subject: STRASSE\r\n\r\nStraße, ﬁn, İstanbul, e\u0301\u0323\r\n".encode(),
        b"Subject: " + b"very long header " * 100 + b"\r\n\r\nshort",
        b"Subject: many words\r\n\r\n" + b" ".join(words),
        b"Subject: more words\r\n\r\n" + b"-".join(words[::-1]) + b"\r\nlunch",
        b"",
        b"\r\n",
    ]


@contextmanager
def small_pieces():
    """Let few messages make many segments, blocks and slices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexer, "BATCH", 3)
        patch.setattr(indexer, "_STEPS", (2, 5, 12, 40))
        patch.setattr(indexer, "_MANY", 3)
        patch.setattr(segment, "BLOCK", 2_000)
        patch.setattr(joining, "BLOCK", 2_000)
        patch.setattr(segment, "_MOST_WORDS", 6_000)
        patch.setattr(sketch, "SECTION", 5_000)
        patch.setattr(extract, "SLICE", 3_000)
        patch.setattr(extract, "LONGEST_HEADER", 1_500)
        patch.setattr(indexed, "_FEW", 1)
        patch.setattr(indexed, "_FREQUENT", 9)
        yield


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    # So little room that some of what is kept is always read anew.
    scarce = replace(OPTIONS, search_cache=40_000)
    home = Home(tmp_path_factory.mktemp("index"), scarce)
    datas = odd_messages() + [path.read_bytes() for path in corpus.OWN]
    with small_pieces():
        for at, data in enumerate(datas):
            home.run(home.account.append("INBOX", [Arrival(data, binary=True)]))
            if at % 4 == 0:
                fill(home)
        fill(home)
        yield home, home.open(), [Said(data) for data in datas]
    home.close()


def pieces(said: Said) -> list[str]:
    values = [text for texts in said.fields.values() for text in texts]
    return [said.header, said.body, *values]


def a_needle(dice: random.Random, saids: list[Said]) -> str:
    """Choose what some message says somewhere, or nearly."""
    text = dice.choice(pieces(dice.choice(saids)))
    start = dice.randrange(len(text) + 1)
    size = dice.choice([1, 2, 3, 4, 5, 7, 12, 30, 300, 1_000, 4_000])
    cut = text[start : start + size]
    match dice.randrange(6):
        case 0:
            return cut.upper()
        case 1:
            return cut + chr(dice.choice([32, 97, 0x301, 0x4E00]))
        case 2:
            return cut[::-1]
        case _:
            return cut


seeds = st.integers(0, 2**64)


@settings(max_examples=400)
@given(seed=seeds, other=st.none() | st.text(max_size=3))
def test_it_finds_what_messages_say(stage, seed, other):
    home, mailbox, saids = stage
    dice = random.Random(seed)
    needle = a_needle(dice, saids) if other is None else other
    for term in (
        BodyContains(needle),
        TextContains(needle),
        HeaderContains(dice.choice(NAMES), needle),
    ):
        wanted = [uid for uid, one in enumerate(saids, 1) if one.has(term)]
        assert found(home, mailbox, term) == wanted, term


@given(seed=seeds)
def test_whatever_it_is_asked_about(stage, seed):
    home, mailbox, saids = stage
    dice = random.Random(seed)
    low = dice.randint(1, len(saids))
    high = dice.randint(low, min(len(saids), low + 12))
    terms = [TextContains(a_needle(dice, saids)) for _ in range(dice.randint(1, 3))]
    wanted = [
        uid
        for uid, one in enumerate(saids, 1)
        if low <= uid <= high and any(one.has(term) for term in terms)
    ]
    predicate = And((Or(tuple(terms)), Uids(((low, high),))))
    assert found(home, mailbox, predicate) == wanted
    others = found(home, mailbox, Not(predicate))
    assert sorted(wanted + others) == list(range(1, len(saids) + 1))


def test_every_field_that_is_there_is_found_by_the_empty_string(stage):
    home, mailbox, saids = stage
    for name in ["from", "subject", "x-odd", "date", "none", ""]:
        term = HeaderContains(name, "")
        wanted = [uid for uid, one in enumerate(saids, 1) if one.has(term)]
        assert found(home, mailbox, term) == wanted


def test_it_opens_no_message(stage, monkeypatch):
    home, mailbox, _ = stage
    wanted = found(home, mailbox, TextContains("lunch"))
    opened = []
    read = home.account.blobs.octets

    def note(ref):
        opened.append(ref)
        return read(ref)

    monkeypatch.setattr(home.account.blobs, "octets", note)
    assert found(home, mailbox, TextContains("lunch")) == wanted
    # But for the one whose header is too long to be kept.
    assert len(opened) == 1
    assert found(home, mailbox, HeaderContains("Message-ID", "@")) is not None
    assert len(opened) == 1


def test_days_come_from_it_too(stage):
    home, mailbox, _ = stage
    after = found(home, mailbox, SentOn(Compare.AT_LEAST, 0))
    before = found(home, mailbox, SentOn(Compare.LESS, 0))
    textdb.drop(home.account._folder)
    home.account.indexing._spare.clear()
    assert found(home, mailbox, SentOn(Compare.AT_LEAST, 0)) == after
    assert found(home, mailbox, SentOn(Compare.LESS, 0)) == before
    fill(home)
    assert found(home, mailbox, SentOn(Compare.AT_LEAST, 0)) == after
    assert after


def test_real_mail(tmp_path):
    datas = [path.read_bytes() for path in corpus.real()]
    home = Home(tmp_path)
    for data in datas:
        home.run(home.account.append("INBOX", [Arrival(data, binary=True)]))
    fill(home)
    saids = [Said(data) for data in datas]
    mailbox, dice = home.open(), random.Random(3)
    for _ in range(100):
        text = dice.choice(pieces(dice.choice(saids)))
        start = dice.randrange(len(text) + 1)
        needle = text[start : start + dice.choice([1, 2, 3, 5, 9, 40])]
        terms = (
            BodyContains(needle),
            TextContains(needle),
            HeaderContains(dice.choice(NAMES), needle),
        )
        for term in terms:
            wanted = [uid for uid, one in enumerate(saids, 1) if one.has(term)]
            assert found(home, mailbox, term) == wanted, term
    home.close()


# -- what happens to messages

FILES = ("text.db", "text.db-wal", "text.db-shm")


def test_what_arrived_since_is_found_all_the_same(home):
    home.append("INBOX", *bodies("old fish", "meat"))
    fill(home)
    home.append("INBOX", *bodies("new fish", "cake"))
    mailbox = home.open()
    assert found(home, mailbox, BodyContains("fish")) == [1, 3]
    assert found(home, mailbox, Not(BodyContains("fish"))) == [2, 4]
    fill(home)
    assert found(home, mailbox, BodyContains("fish")) == [1, 3]


def test_copies_and_other_mailboxes(home):
    home.append("INBOX", *bodies("fish", "meat", "fish"))
    home.append("Archive", *bodies("fish", "cake"))
    fill(home)
    inbox = home.open()
    home.run(inbox.copy([1, 2], "Archive"))
    home.run(inbox.copy([1], "Archive"))
    home.run(inbox.move([3], "Archive"))
    archive = home.open("Archive")
    assert found(home, inbox, BodyContains("fish")) == [1]
    assert found(home, archive, BodyContains("fish")) == [1, 3, 5, 6]
    assert found(home, archive, And((TextContains("fish"), Uids(((4, 6),))))) == [5, 6]


def test_purged_mail_leaves_the_index(home):
    home.append("INBOX", *bodies("secret fish", "plain fish", "meat"))
    fill(home)
    mailbox = home.open()
    expunge(home, mailbox, 1)
    assert found(home, mailbox, BodyContains("fish")) == [2]
    fill(home)
    purge(home)
    with segments(home) as (text, (kept,)):
        assert list(kept.ids) == [2, 3]
        words = segment.words_in(text, kept.id, segment.BODY)
        assert words.octets == b"\nfish\nmeat\nplain\n"
    assert found(home, mailbox, BodyContains("fish")) == [2]
    assert found(home, mailbox, HeaderContains("subject", "2")) == [3]


def test_a_segment_whose_messages_are_all_purged_goes(home):
    home.append("INBOX", *bodies("fish"))
    fill(home)
    mailbox = home.open()
    expunge(home, mailbox, 1)
    purge(home)
    with segments(home) as (_, kept):
        assert kept == []
    home.append("INBOX", *bodies("fish"))
    fill(home)
    assert found(home, mailbox, BodyContains("fish")) == [2]


# -- what happens to the index


def text_files(home):
    return [home.account._folder / name for name in FILES]


def test_it_may_be_deleted_at_any_time(home):
    mailbox = with_fish_and_meat(home)
    for path in text_files(home):
        path.unlink(missing_ok=True)
    assert found(home, mailbox, BodyContains("fish")) == [1]
    assert fill(home) == 1
    assert found(home, mailbox, BodyContains("fish")) == [1]


@pytest.mark.parametrize("at", [0, 20, 100, 16_384, 16_500, 40_000, -3_000, -40])
def test_a_damaged_one_is_made_again(home, at):
    home.append(
        "INBOX", *bodies("fish", "meat"), b"Subject: x\r\n\r\n" + b"y z " * 9_000
    )
    fill(home)
    mailbox = home.open()
    path = text_files(home)[0]
    octets = bytearray(path.read_bytes())
    for place in range(at % len(octets), min(at % len(octets) + 32, len(octets))):
        octets[place] ^= 0x5A
    path.write_bytes(octets)
    for _ in range(3):
        assert found(home, mailbox, BodyContains("fish")) == [1]
        assert found(home, mailbox, TextContains("z y")) == [3]
        assert found(home, mailbox, HeaderContains("subject", "x")) == [3]
        try:
            fill(home)
        except Corrupt:
            home.account.indexing.distrust()
    fill(home)
    assert found(home, mailbox, BodyContains("fish")) == [1]


def test_what_is_no_database_is_replaced(home):
    home.append("INBOX", *bodies("fish"))
    text_files(home)[0].write_bytes(b"not a database, whatever it is called" * 100)
    mailbox = home.open()
    assert found(home, mailbox, BodyContains("fish")) == [1]
    fill(home)
    assert found(home, mailbox, BodyContains("fish")) == [1]


def test_another_version_is_replaced(home, monkeypatch):
    home.append("INBOX", *bodies("fish"))
    fill(home)
    home.account.indexing._spare.clear()
    monkeypatch.setattr(textdb, "VERSION", 99)
    mailbox = home.open()
    assert found(home, mailbox, BodyContains("fish")) == [1]
    with pytest.raises(Corrupt):
        fill(home)
    home.account.indexing._work()
    assert fill(home) == 1
    assert found(home, mailbox, BodyContains("fish")) == [1]


def test_one_of_another_index_is_not_believed(tmp_path):
    """index.db came back from a backup: the ids are other messages' now."""
    first = Home(tmp_path / "a", fresh=True)
    first.append("INBOX", *bodies("fish", "meat"))
    fill(first)
    first.close()
    second = Home(tmp_path / "b", fresh=True)
    second.append("INBOX", *bodies("bread", "fish", "cake"))
    for name in FILES:
        old = first.account._folder / name
        if old.exists():
            (second.account._folder / name).write_bytes(old.read_bytes())
    mailbox = second.open()
    assert found(second, mailbox, BodyContains("fish")) == [2]
    second.account.indexing._work()
    fill(second)
    assert found(second, mailbox, BodyContains("fish")) == [2]
    assert found(second, mailbox, BodyContains("meat")) == []
    second.close()


def test_it_is_made_again_while_a_search_runs(home):
    home.append("INBOX", *bodies("fish", "meat"))
    fill(home)
    mailbox, indexing = home.open(), home.account.indexing
    with home.account.readers.take() as index, indexing.reading(index) as text:
        textdb.drop(home.account._folder)
        home.append("INBOX", *bodies("fish"))
        fill(home)
        reader = indexed.IndexedTexts(text, Kept(), lambda: None, 2)
        assert reader.find(BodyContains("fish"), [1, 2, 3]) == {1}
        assert reader.watermark == 2
        assert found(home, mailbox, BodyContains("fish")) == [1, 3]
    assert found(home, mailbox, BodyContains("fish")) == [1, 3]


def test_damaged_messages_are_asked_again(home):
    home.append("INBOX", *bodies("fish"))
    (pack,) = home.store.path.rglob("*.pack")
    whole = pack.read_bytes()
    pack.write_bytes(whole[:40])
    fill(home)
    mailbox = home.open()
    assert found(home, mailbox, BodyContains("fish")) == []
    pack.write_bytes(whole)
    home.account.blobs.close()
    home.close()


def test_one_process_fills_at_a_time(home):
    home.append("INBOX", *bodies("fish"))
    lock = home.account._folder / "text.lock"
    with indexing_lock(lock):
        assert home.account.indexing.fill() is None
    assert fill(home) == 1


@contextmanager
def indexing_lock(path):
    from mailstore.locking import held_alone

    with held_alone(path) as alone:
        assert alone
        yield


def test_an_empty_account_has_nothing_to_fill(home):
    assert fill(home) == 0
    assert found(home, home.open(), All()) == []


# -- the proof


def test_a_right_index_is_proven(stage):
    home, _, _ = stage
    assert list(problems(home)) == []


def test_one_that_grows_while_it_is_proven_is_right(home):
    """A check looks at the index in one state while a server goes on filling."""
    home.append("INBOX", *bodies("fish"))
    fill(home)
    folder, blobs = home.account._folder, home.account.blobs
    with home.account.readers.take() as index, index.snapshot():
        assert index.one("SELECT count(*) FROM message") == (1,)
        home.append("INBOX", *bodies("meat"))
        fill(home)
        assert list(prove(folder, index, blobs, 10)) == []


def problems(home, sample=1_000):
    with home.account.readers.take() as index:
        yield from prove(home.account._folder, index, home.account.blobs, sample)


def test_wrong_texts_are_found(home):
    home.append("INBOX", *bodies("fish", "meat", "cake"))
    fill(home)
    assert list(problems(home, 2)) == []
    with writer(home) as database:
        (row,) = database.one("SELECT id FROM block WHERE kind = ?", (segment.BODY,))
        (data,) = database.one("SELECT data FROM content WHERE id = ?", (row,))
        assert b"fish" in segment.decompress(data)
        lie = segment.decompress(data).replace(b"fish", b"bird")
        database.execute(
            "UPDATE content SET data = ? WHERE id = ?", (segment._compress(lie), row)
        )
    assert list(problems(home)) == ["message 1: the text index says something else"]


def test_missing_messages_are_found(home):
    home.append("INBOX", *bodies("fish", "meat", "cake"))
    fill(home)
    with writer(home) as database:
        database.execute("UPDATE segment SET id = id + 7")
    (damaged,) = problems(home)
    assert "damaged" in damaged
    with writer(home) as database:
        database.execute("DELETE FROM segment")
    assert len(list(problems(home))) == 3


@contextmanager
def writer(home):
    """Write into the text index as no one should."""
    text = textdb.TextDatabase.open(home.account._folder, writer=True)
    assert text is not None
    yield text._database
    text.close()
