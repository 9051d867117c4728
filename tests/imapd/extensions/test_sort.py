"""SORT as text and on a mailbox (RFC 5256, RFC 5957, RFC 5267)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.search.keys import Word
from imapd.extensions import sort_display, sort_modseq, sort_uid
from imapd.extensions.sort import FEATURE, Sort, SortCriterion
from imapd.features import ALL as FEATURES
from imapd.session.faults import Bad
from imapd.session.plugs import SortKeySpec
from imapd.session.registry import Feature, Registry, RegistryError
from imapd.syntax.sequence import SequenceSet, UidSet
from mailstore.model import InternalDate
from mailstore.query import All, Criterion, SortKey
from tests.imapd.commands.memory_store import MemoryMailbox, World
from tests.imapd.commands.peers import REGISTRY, Peer, parsed, reparsed
from tests.support.responses import Expunge, SortResult

ALL = (Word("ALL"),)
KEYS = tuple(REGISTRY.sort_keys)
BARE = tuple([name for name in KEYS if REGISTRY.sort_keys[name].parse is None])


def criterion(text: str) -> SortCriterion:
    return SortCriterion(text.rpartition(" ")[2], text.startswith("REVERSE"))


@pytest.mark.parametrize("name", BARE)
def test_each_key_without_an_argument_is_known(name):
    for reverse in ("", "REVERSE "):
        node = parsed(f"SORT ({reverse}{name.lower()}) UTF-8 ALL".encode())
        assert node == Sort((SortCriterion(name, bool(reverse)),), b"UTF-8", ALL)
        assert reparsed("SORT", node) == node


def test_the_keys_are_those_of_the_features():
    assert set(KEYS) == {
        "ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM",
        "DISPLAYTO", "UID", "MODSEQ", "RELEVANCY", "ANNOTATION",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "node"),
    [
        # RFC 5256 §3
        (
            b"SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
            Sort((criterion("SUBJECT"), criterion("REVERSE DATE")), b"UTF-8", ALL),
        ),
        (
            b"UID SORT (SIZE) US-ASCII ALL",
            Sort((criterion("SIZE"),), b"US-ASCII", ALL, UidSet),
        ),
        (
            b'sort (reverse Size) "utf-8" all',
            Sort((criterion("REVERSE SIZE"),), b"utf-8", ALL, SequenceSet),
        ),
        (
            b"SORT (DATE DATE) UTF-8 ALL SEEN",
            Sort((criterion("DATE"),) * 2, b"UTF-8", (*ALL, Word("SEEN"))),
        ),
    ],
)
def test_known_answers(text, node):
    assert parsed(text) == node
    assert reparsed("UID SORT" if node.answer is UidSet else "SORT", node) == node


@given(
    st.lists(
        st.builds(SortCriterion, st.sampled_from(BARE), st.booleans()),
        min_size=1,
        max_size=5,
    ).map(tuple),
    st.sampled_from([b"UTF-8", b"US-ASCII", b"a b"]),
    st.booleans(),
)
def test_writing_is_the_inverse_of_reading(criteria, charset, by_uid):
    node = Sort(criteria, charset, ALL, UidSet if by_uid else SequenceSet)
    assert reparsed("UID SORT" if by_uid else "SORT", node) == node


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"SORT", "a space wanted at octet 6"),
        (b"SORT DATE UTF-8 ALL", r"'\(' wanted at octet 7"),
        (b"SORT () UTF-8 ALL", "a sort key wanted at octet 8"),
        (b"SORT (REVERSE) UTF-8 ALL", "a sort key wanted at octet 8"),
        (b"SORT (REVERSE REVERSE DATE) UTF-8 ALL", "a sort key wanted at octet 16"),
        (b"SORT (DATE,SIZE) UTF-8 ALL", r"'\)' wanted at octet 12"),
        (b"SORT (COLOUR) UTF-8 ALL", "a sort key wanted at octet 8"),
        (b"SORT (DATE) ALL", "a space wanted at octet 17"),
        (b"SORT (DATE) UTF-8", "a space wanted at octet 19"),
        (b"SORT (DATE) UTF-8 NONSENSE", "a search key wanted at octet 20"),
        (b"SORT (DATE) UTF-8 ALL ", "a search key wanted at octet 24"),
    ],
)
def test_refusals(text, reason):
    with pytest.raises(Bad, match=reason):
        parsed(text)


def test_nothing_is_not_a_command():
    with pytest.raises(ValueError, match="at least one"):
        Sort((), b"UTF-8", ALL)
    with pytest.raises(ValueError, match="at least one"):
        Sort((criterion("DATE"),), b"UTF-8", ())


# -- on a mailbox


def peer(*messages: bytes) -> Peer:
    world = World()
    for at, message in enumerate(messages):
        world.box("INBOX").add(message, date=InternalDate(10**9 - at), uid=10 + at)
    return Peer(world)


def mail(subject: str = "", size: int = 0, **more: str) -> bytes:
    lines = [
        f"Subject: {subject}",
        *[f"{k.capitalize()}: {v}" for k, v in more.items()],
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + "x" * size).encode()


THREE = (
    mail("Re: b", 3, cc="z@x", to="Zoe <a@x>"),
    mail("[x] a", 2, cc="Y@x", to="b@x"),
    mail("B", 1, cc="x@x", to="Ann <c@x>"),
)


@pytest.mark.parametrize(
    ("criteria", "order"),
    [
        ("SUBJECT", (2, 1, 3)),
        ("REVERSE SUBJECT", (1, 3, 2)),
        ("SUBJECT REVERSE SIZE", (2, 1, 3)),
        ("SUBJECT SIZE", (2, 3, 1)),
        ("ARRIVAL", (3, 2, 1)),
        ("DATE", (3, 2, 1)),
        ("CC", (3, 2, 1)),
        ("TO", (1, 2, 3)),
        ("DISPLAYTO", (3, 2, 1)),
        ("DISPLAYFROM", (1, 2, 3)),
        ("FROM", (1, 2, 3)),
        ("UID", (1, 2, 3)),
        ("REVERSE UID", (3, 2, 1)),
        ("REVERSE MODSEQ", (3, 2, 1)),
    ],
)
def test_orders(criteria, order):
    answer = peer(*THREE).ok(f"SORT ({criteria}) UTF-8 ALL".encode())
    assert answer.of(SortResult) == [SortResult(order)]
    by_uid = peer(*THREE).ok(f"UID SORT ({criteria}) UTF-8 ALL".encode())
    assert by_uid.of(SortResult) == [SortResult(tuple(9 + n for n in order))]


def test_what_is_not_found_is_not_sorted():
    assert peer(*THREE).ok(b"SORT (DATE) UTF-8 SUBJECT b").of(SortResult) == [
        SortResult((3, 1))
    ]
    answer = peer(*THREE).ok(b"SORT (DATE) UTF-8 SUBJECT none")
    assert answer.raw.startswith(b"* SORT\r\n")


def test_an_unknown_charset_is_named():
    answer = peer(*THREE).run(b"SORT (DATE) X-NONE ALL")
    assert answer.status.kind == "NO"
    assert answer.status.code is not None
    assert answer.status.code.name == "BADCHARSET"


def test_messages_that_were_not_told_are_not_sorted():
    one = peer(*THREE)
    one.mailbox.box.add(mail("aa"), uid=50)
    answer = one.ok(b"SORT (SUBJECT) UTF-8 ALL")
    assert answer.of(SortResult) == [SortResult((2, 1, 3))]


def test_removals_wait_for_a_command_that_counts():
    """RFC 5256 §3: no EXPUNGE during SORT, but during UID SORT."""
    one = peer(*THREE)
    one.mailbox.box.kill([11])
    answer = one.ok(b"SORT (SUBJECT) UTF-8 ALL")
    assert answer.of(SortResult) == [SortResult((1, 3))]
    assert answer.of(Expunge) == []
    answer = one.ok(b"UID SORT (SUBJECT) UTF-8 ALL")
    assert answer.of(SortResult) == [SortResult((10, 12))]
    assert answer.of(Expunge) == [Expunge(2)]


def test_a_feature_can_be_switched_off():
    for one in (sort_display, sort_uid, sort_modseq):
        left = [feature for feature in FEATURES if feature is not one.FEATURE]
        names = {spec.name for spec in one.FEATURE.sort_keys}
        assert not names & set(Registry.of(left).sort_keys)
    without = [feature for feature in FEATURES if feature is not FEATURE]
    with pytest.raises(RegistryError, match="requires SORT"):
        Registry.of(without)


def test_a_key_is_claimed_once():
    twice = Feature("X", (), sort_keys=FEATURE.sort_keys[:1])
    with pytest.raises(RegistryError, match="sort key ARRIVAL is claimed twice"):
        Registry.of([*FEATURES, twice])


def test_a_key_may_want_something_of_the_search():
    picky = SortKeySpec("ODD", SortKey.UID, "RFC 5256 §3", lambda found: found != All())
    registry = Registry.of([*FEATURES, Feature("X", (), sort_keys=(picky,))])
    one = peer(*THREE)
    one.context.services = replace(one.context.services, registry=registry)
    assert one.run(b"SORT (ODD) UTF-8 ALL").status.kind == "BAD"
    assert one.ok(b"SORT (ODD) UTF-8 2").of(SortResult) == [SortResult((2,))]
    picky = replace(picky, allowed=lambda _: True)
    registry = Registry.of([*FEATURES, Feature("X", (), sort_keys=(picky,))])
    one.context.services = replace(one.context.services, registry=registry)
    assert one.ok(b"SORT (ODD) UTF-8 ALL").of(SortResult) == [SortResult((1, 2, 3))]


def test_a_key_counts_once_however_often_it_is_named(monkeypatch):
    asked = []
    original = MemoryMailbox.sort

    async def sort(self, predicate, criteria, *rest):
        asked.append(criteria)
        return await original(self, predicate, criteria, *rest)

    monkeypatch.setattr(MemoryMailbox, "sort", sort)
    repeated = b" ".join([b"SUBJECT REVERSE SUBJECT REVERSE ARRIVAL"] * 1_000)
    three = [b"Subject: %b\r\n\r\n" % one for one in (b"b", b"a", b"b")]
    answer = peer(*three).ok(b"SORT (" + repeated + b") UTF-8 ALL")
    assert asked == [[Criterion(SortKey.SUBJECT), Criterion(SortKey.ARRIVAL, True)]]
    assert answer.of(SortResult) == [SortResult((2, 1, 3))]
