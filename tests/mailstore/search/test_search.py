"""Searches of a real store against the slow, obvious reference."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailstore import query
from mailstore.found import indexes
from mailstore.lanes import Pool
from mailstore.mime.folding import fold
from mailstore.mime.packed import pack_header
from mailstore.mime.scanner import scan
from mailstore.mime.text import header_text
from mailstore.model import (
    SEEN,
    Arrival,
    FlagChange,
    FlagOperation,
    InternalDate,
)
from mailstore.query import (
    All,
    And,
    ArrivedAt,
    ArrivedOn,
    BodyContains,
    Compare,
    HasKeyword,
    HasSystemFlag,
    HeaderContains,
    ModseqAtLeast,
    Not,
    Nothing,
    Or,
    SentOn,
    Size,
    TextContains,
    Uids,
)
from mailstore.search import planes
from mailstore.search.evaluate import cost, evaluate
from mailstore.search.texts import MessageText, TextTest
from mailstore.search.watch import Cancelled, Watch
from mailstore.service import searching
from mailstore.service.searching import columns_of
from tests.imapd.commands.memory_store import Box, matches
from tests.mailstore.stores import Home

DAY = 19_000
MESSAGES = [
    b"Subject: Apple\r\nDate: Mon, 10 Jan 2022 23:30:00 -0800\r\n\r\nred fruit\r\n",
    b"Subject: =?utf-8?q?=C3=84pfel?=\r\nX-Odd: pear\r\n\r\ngr\xc3\xbcn\r\n",
    b"Subject: apple\nSubject: second\nContent-Type: text/html\n\n<p>Red <b>wine",
    b"Date: nonsense\r\nContent-Transfer-Encoding: base64\r\n\r\nUmVk\r\n",
    b"no header at all",
    b"Date: Tue, 11 Jan 2022 00:30:00 +0100\r\nBcc: red@example.org\r\n\r\n",
]
FLAGS = [(), ("\\Seen",), ("\\Seen", "k0"), ("k70", "\\Deleted"), ("K0",), ("k56",)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """The same messages in a store and in the reference."""
    home = Home(tmp_path_factory.mktemp("search"))
    box = Box("INBOX")
    keywords = tuple(f"k{n}" for n in range(80))
    rows = [(b"all keywords", keywords, InternalDate(DAY * 86_400))]
    for at, data in enumerate(MESSAGES):
        date = InternalDate(DAY * 86_400 + at * 40_000, (-480, 0, 600)[at % 3])
        rows.append((data, FLAGS[at], date))
    for data, flags, date in rows:
        arrival = Arrival(data, flags, date)
        home.run(home.account.append("INBOX", [arrival]))
        box.add(data, flags, date)
    mailbox = home.open()
    yield home, mailbox, box
    home.close()


def search(stage, predicate):
    home, mailbox, _ = stage
    return list(home.run(mailbox.search(predicate)))


compares = st.sampled_from(Compare)
words = st.sampled_from(
    ["", "red", "RED", "äpfel", "APPLE", "second", "e w", "zzz", "k"]
)
names = st.sampled_from(["subject", "Date", "from", "X-Odd", "bcc", "Received"])
bounds = st.integers(1, 9)
leaves = st.one_of(
    st.sampled_from([All(), Nothing()]),
    st.builds(HasSystemFlag, st.sampled_from([1, 2, 4, 8, 16])),
    st.builds(HasKeyword, st.sampled_from(["k0", "K0", "k56", "k57", "k70", "none"])),
    st.builds(Size, compares, st.sampled_from([0, 12, 16, 60, 10**6])),
    st.builds(ArrivedOn, compares, st.integers(DAY - 1, DAY + 3)),
    st.builds(
        ArrivedAt, compares, st.integers(DAY * 86_400 - 1, (DAY + 3) * 86_400 + 1)
    ),
    st.builds(SentOn, compares, st.integers(19_001, 19_004)),
    st.builds(lambda a, b: Uids(((min(a, b), max(a, b)),)), bounds, bounds),
    st.builds(HeaderContains, names, words),
    st.builds(BodyContains, words),
    st.builds(TextContains, words),
)
predicates = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300)
@given(predicate=predicates)
def test_exactly_what_the_reference_finds(stage, predicate):
    _, _, box = stage
    rows = [box.rows[uid] for uid in sorted(box.rows)]
    wanted = [row.uid for row in rows if matches(box, row, predicate)]
    assert search(stage, predicate) == wanted


def test_modseq(stage):
    _, mailbox, _ = stage
    last = mailbox.modseq
    assert search(stage, ModseqAtLeast(last)) == [7]
    assert search(stage, ModseqAtLeast(0)) == list(mailbox.uids)
    assert search(stage, ModseqAtLeast(last + 1)) == []


def test_what_memory_knows_is_no_matter_of_texts():
    assert cost(And((All(), HasSystemFlag(8), Uids(())))) == 0
    assert cost(Or((All(), SentOn(Compare.EQUAL, 1)))) == 1
    assert cost(Not(HeaderContains("a", "b"))) == 2
    assert cost(And((BodyContains("a"), HeaderContains("a", "b")))) == 3


class NoTexts:
    """Texts that count who asks for them."""

    def __init__(self, found=()):
        self.asked = []
        self._found = found

    def messages(self, indexes):
        self.asked.append(list(indexes))
        yield from self._found

    def content(self, blob):
        raise AssertionError(blob)


def test_texts_are_asked_for_what_is_left_alone(stage):
    _, mailbox, _ = stage
    columns, texts = columns_of(mailbox._state), NoTexts()
    watch = Watch()
    evaluate(And((BodyContains("x"), Uids(((2, 3),)))), columns, texts, watch)
    evaluate(Or((BodyContains("x"), All())), columns, texts, watch)
    evaluate(And((BodyContains("x"), Nothing())), columns, texts, watch)
    assert texts.asked == [[1, 2]]
    with pytest.raises(ValueError, match="texts"):
        evaluate(BodyContains("x"), columns, None, watch)


def test_planes_of_all_messages_are_not_combined(stage, monkeypatch):
    """A flag, or a flag that lacks, is one look at one plane."""
    combined = []
    real = planes.both

    def both(a, b):
        combined.append(len(a))
        return real(a, b)

    monkeypatch.setattr(planes, "both", both)
    assert search(stage, And((Not(HasSystemFlag(SEEN)),))) == [1, 2, 5, 6, 7]
    assert search(stage, And((HasSystemFlag(SEEN),))) == [3, 4]
    assert combined == []
    assert search(stage, And((HasSystemFlag(SEEN), Uids(((3, 3),))))) == [3]
    assert len(combined) == 1


def test_what_was_found_stays_when_others_arrive_or_vanish(tmp_path):
    home = Home(tmp_path)
    change = FlagChange(FlagOperation.ADD, ("\\Deleted",))

    def arrive() -> None:
        arrival = Arrival(b"a: b\r\n\r\nc", (), InternalDate(DAY * 86_400))
        home.run(home.account.append("INBOX", [arrival]))

    for _ in range(3):
        arrive()
    mailbox = home.open()
    found = home.run(mailbox.search(Not(HasSystemFlag(SEEN))))
    arrive()
    home.run(mailbox.refresh())
    assert list(mailbox.uids) == [1, 2, 3, 4]
    assert len(found) == 3
    home.run(mailbox.store_flags([1, 4], change, seen_at=mailbox.modseq))
    home.run(mailbox.expunge())
    assert list(mailbox.uids) == [2, 3]
    assert list(found) == [1, 2, 3]
    home.close()


def test_a_search_can_be_cancelled(stage):
    home, mailbox, _ = stage
    columns = columns_of(mailbox._state)
    message = home.run(_first_text(stage))
    with pytest.raises(Cancelled):
        evaluate(BodyContains("x"), columns, NoTexts([message]), Watch(lambda: True))
    assert not list(
        home.run(mailbox.search(BodyContains("e"), query.Following(lambda: True)))
    )


async def _first_text(stage):
    home, mailbox, _ = stage
    with home.account.readers.take() as database:
        texts = searching._StoredTexts(
            database, home.account.blobs, mailbox._state.messages
        )
        (message,) = texts.messages([0])
    return message


def test_a_damaged_message_hides_no_other(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"Subject: a\r\n\r\nx")
    (pack,) = tmp_path.rglob("*.pack")
    pack.write_bytes(pack.read_bytes()[:40])
    home.close()
    again = Home(tmp_path)
    again.append("INBOX", b"Subject: b\r\n\r\nx")
    mailbox = again.open()
    assert list(again.run(mailbox.search(BodyContains("x")))) == [2]
    assert list(again.run(mailbox.search(HeaderContains("subject", "a")))) == [1]
    again.close()


def test_big_mailboxes_are_searched_in_a_pool(stage, monkeypatch):
    home, _, _ = stage
    monkeypatch.setattr(searching, "_AT_ONCE", 3)
    started: list[Pool] = []
    start = home.runtime.start

    def count(pool, work):
        started.append(pool)
        start(pool, work)

    monkeypatch.setattr(home.runtime, "start", count)
    assert search(stage, HasSystemFlag(4)) == [5]
    assert len(started) == 0  # flags alone take next to no time
    both = And((HasSystemFlag(4), Size(Compare.LESS, 9_999)))
    assert search(stage, both) == [5]
    assert len(started) == 1
    monkeypatch.setattr(searching, "_AT_ONCE_QUICKLY", 3)
    assert search(stage, HasSystemFlag(4)) == [5]
    assert len(started) == 2


@pytest.mark.parametrize(
    ("terms", "started"),
    [
        ([HasSystemFlag(4)] * 1_000, 0),
        ([HasSystemFlag(4)] * 2_000, 1),
        ([Size(Compare.LESS, 0), HasSystemFlag(4)], 0),
        ([Size(Compare.LESS, 0)] * 99 + [HasSystemFlag(4)], 1),
        ([Uids(tuple((uid, uid) for uid in range(5, 8_005, 4)))], 0),
        ([Uids(tuple((uid, uid) for uid in range(5, 20_005, 4)))], 1),
        ([Uids(((5, 5), (9, 9))), Uids(((5, 5),) * 5_000)], 1),
        ([Size(Compare.LESS, 0), Uids(((5, 5),) * 2_000)], 0),
        ([Size(Compare.LESS, 0), Uids(((5, 5),) * 4_000)], 1),
    ],
)
def test_searches_of_many_terms_are_made_in_a_pool(stage, monkeypatch, terms, started):
    """However small the mailbox is: a term costs microseconds by itself."""
    pools: list[Pool] = []
    start = stage[0].runtime.start

    def count(pool, work):
        pools.append(pool)
        start(pool, work)

    monkeypatch.setattr(stage[0].runtime, "start", count)
    assert search(stage, Or(tuple(terms))) == [5]
    assert len(pools) == started


@given(st.lists(st.booleans(), max_size=30), st.data())
def test_planes_are_sets(first, data):
    second = data.draw(
        st.lists(st.booleans(), min_size=len(first), max_size=len(first))
    )
    a, b = bytes(first), bytes(second)
    pairs = list(zip(first, second, strict=True))
    assert list(planes.both(a, b)) == [x and y for x, y in pairs]
    assert list(planes.either(a, b)) == [x or y for x, y in pairs]
    assert list(planes.inverse(a)) == [not x for x in first]
    assert planes.of_indexes(len(a), indexes(a)) == a


values = st.lists(
    st.sampled_from([*"aB :K", "ab", "\r\n ", "\n\t", "\r", "=?", "é", "from: "])
    | st.sampled_from(["=?utf-8?q?a_b?=", "=?us-ascii?b?YWI=?="]),
    max_size=8,
).map("".join)


class _NoMessages:
    def messages(self, indexes):
        raise AssertionError

    def content(self, blob):
        raise AssertionError


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(["From", "Subject", "To"]), values), max_size=4),
    st.sampled_from(["a", "ab", "b a", "B\ta", ":", "from", "aba", "é", "k", "=?", ""]),
)
def test_a_field_that_is_kept_says_what_its_decoded_value_does(lines, needle):
    header = "".join([f"{name}: {value}\r\n" for name, value in lines]).encode()
    test = TextTest(HeaderContains("from", needle), _NoMessages())
    whole = header + b"\r\n"
    message = MessageText(0, pack_header(whole, scan(whole)), None, 0, "", b"")
    said = header_text(whole, b"from")
    there = any(fold(needle) in fold(text) for text in said)
    assert test(message) == there
    others = [message._replace(at=at) for at in range(40)]
    steps: list[int] = []
    assert test.among(others, steps.append) == (list(range(40)) if there else [])
    assert sum(steps) == 40
    assert max(steps) <= 16


def test_a_long_look_at_kept_fields_can_be_ended_in_between():
    test = TextTest(HeaderContains("from", "zz"), _NoMessages())
    header = b"From: a\r\n\r\n"
    message = MessageText(0, pack_header(header, scan(header)), None, 0, "", b"")

    def cancelled(count: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        test.among([message] * 16, cancelled)


def test_text_tests_are_made_once(stage):
    term = query.HeaderContains("subject", "ÄPFEL")
    test = TextTest(term, NoTexts())
    home, mailbox, _ = stage
    assert not test(home.run(_first_text(stage)))
    assert list(home.run(mailbox.search(term))) == [3]
