"""What happened behind a mod-sequence, folded from many commits."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from mailstore.history import History, Step

uids = st.one_of(
    st.sets(st.integers(1, 60), min_size=1, max_size=3),
    st.sets(st.integers(1, 400), min_size=40, max_size=90),
    st.tuples(st.integers(1, 200), st.integers(1, 150)).map(
        lambda pair: set(range(pair[0], pair[0] + pair[1]))
    ),
)


@given(st.lists(uids, max_size=12), st.integers(0, 12))
@example([{1}, {3}, {2}, {3}], 0)
@example([set(range(1, 500)), {700}, {3}], 0)
@example([{700}, set(range(1, 100)), set(range(50, 200))], 1)
def test_a_fold_has_what_all_its_commits_had(commits: list[set[int]], since: int):
    history = History()
    for modseq, some in enumerate(commits, 1):
        history.add(Step(modseq, changed=sorted(some)))
    found = history.since(since)
    assert list(found.changed) == sorted(set().union(*commits[since:]))
    assert found.modseq == (len(commits) if commits[since:] else since)
