"""The threading algorithms against the reference, on generated graphs."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailstore.query import DEFAULT_COMPARATOR, Threading
from mailstore.search import linking
from mailstore.search.columns import TextColumn
from mailstore.search.linking import linked
from mailstore.search.threads import Thread, Tree, ordered_subject, references, refs
from tests.mailstore.mime.growth import grows_linearly
from tests.mailstore.search.sort_reference import Message, Nested, thread


def nested(tree: Tree, uids: list[int]) -> list[Nested]:
    """Give the threads as the reference does, without recursion."""
    found: list[Nested] = []
    walked = list(tree.walk(tree.roots))
    done: list[Nested] = []
    for node, degree in reversed(walked):
        below = tuple(done[len(done) - degree :][::-1]) if degree else ()
        del done[len(done) - degree :]
        done.append((uids[node] if node < tree.count else 0, below))
    found += reversed(done)
    return found


def threaded(messages: list[Message], algorithm: Threading) -> list[Nested]:
    count = range(len(messages))
    by_date = sorted(count, key=lambda at: messages[at].date)
    by_arrival = sorted(count, key=lambda at: messages[at].arrived)
    column = TextColumn([one.subject for one in messages], DEFAULT_COMPARATOR)
    what = Thread(
        by_date,
        [one.id if isinstance(one.id, int) else 0 for one in messages],
        [[id_ for id_ in one.references if isinstance(id_, int)] for one in messages],
        column.places,
        [one.reply for one in messages],
    )
    uids = [one.uid for one in messages]
    match algorithm:
        case Threading.ORDEREDSUBJECT:
            return nested(ordered_subject(what), uids)
        case Threading.REFERENCES:
            return nested(references(what), uids)
        case Threading.REFS:
            return nested(refs(what, by_arrival), uids)


ids = st.integers(1, 9)
some = st.builds(
    Message,
    uid=st.just(0),
    arrived=st.integers(0, 6),
    sent=st.one_of(st.none(), st.integers(0, 6)),
    subject=st.sampled_from([b"", b"a", b"A", b"b", b"\xff\xe4"]),
    reply=st.booleans(),
    id=st.one_of(st.none(), ids),
    references=st.lists(ids, max_size=5).map(tuple),
)


def numbered(messages: list[Message]) -> list[Message]:
    return [dataclasses.replace(one, uid=10 + at) for at, one in enumerate(messages)]


LOOP = [
    Message(0, id=1, references=(2,)),
    Message(0, id=2, references=(3, 1)),
    Message(0, id=3, references=(2, 1, 3)),
]


@settings(deadline=None, max_examples=600)
@given(messages=st.lists(some, max_size=9).map(numbered))
@example(messages=numbered(LOOP))
@pytest.mark.parametrize("algorithm", Threading)
def test_every_answer_is_that_of_the_reference(algorithm, messages):
    assert threaded(messages, algorithm) == thread(messages, algorithm)


@settings(deadline=None, max_examples=1_000)
@given(messages=st.lists(some, max_size=9).map(numbered), steps=st.integers(0, 1))
@example(messages=numbered(LOOP), steps=0)
def test_how_loops_are_found_changes_no_answer(messages, steps):
    """With no steps to walk, roots are found the other way from the beginning."""
    kept, linking._STEPS_A_MESSAGE = linking._STEPS_A_MESSAGE, steps
    try:
        found = threaded(messages, Threading.REFS)
    finally:
        linking._STEPS_A_MESSAGE = kept
    assert found == thread(messages, Threading.REFS)


def test_messages_made_for_it_take_no_square():
    """A deep chain, then many pairs that are hung below it, parents last."""

    def work(n: int) -> None:
        ids = [0, *range(1, n)]
        named = [[], *[[at - 1] if at > 1 else [] for at in range(1, n)]]
        for at in range(n):
            # The child first, so that its parent has one when it comes.
            ids += [10**9 + 2 * at + 1, 10**9 + 2 * at]
            named += [[10**9 + 2 * at], [n - 1]]
        linked(ids, named)

    assert grows_linearly(work, 2_000)


def test_a_chain_of_any_length():
    """A thread of 20,000 messages, the newest first: no recursion, no square."""
    count = 20_000
    messages = [
        Message(uid=at, sent=at, id=at, references=tuple(range(max(1, at - 9), at)))
        for at in range(count, 0, -1)
    ]
    for algorithm in (Threading.REFERENCES, Threading.REFS):
        (found,) = [threaded(messages, algorithm)]
        assert len(found) == 1
        at, length = found[0], 1
        while at[1]:
            ((at),) = at[1]
            length += 1
        assert length == count


def test_a_full_list_of_references_each_time():
    messages = [
        Message(uid=at, sent=at, id=at, references=tuple(range(1, at)))
        for at in range(1, 1_501)
    ]
    (found,) = threaded(messages, Threading.REFERENCES)
    assert found[0] == 1


def test_missing_parents_bind_their_children():
    messages = numbered(
        [
            Message(0, sent=2, subject=b"x", references=(7,)),
            Message(0, sent=1, subject=b"y", references=(7,)),
            Message(0, sent=3, subject=b"z", references=(8,)),
        ]
    )
    assert threaded(messages, Threading.REFERENCES) == [
        (0, ((11, ()), (10, ()))),
        (12, ()),
    ]


def test_of_two_with_one_id_the_first_has_it():
    messages = numbered(
        [
            Message(0, sent=1, id=1, subject=b"a"),
            Message(0, sent=2, id=1, subject=b"b"),
            Message(0, sent=3, id=2, references=(1,), subject=b"c"),
        ]
    )
    assert threaded(messages, Threading.REFERENCES) == [
        (10, ((12, ()),)),
        (11, ()),
    ]


def test_no_link_closes_a_loop():
    parents = list(linked([1, 2, 3], [[2], [3], [1]]))
    assert parents == [1, 2, -1]
    assert list(linked([1], [[1]])) == [-1]
    assert list(linked([0, 0], [[], []])) == [-1, -1]
