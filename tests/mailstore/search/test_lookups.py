"""Terms that the index answers before a search looks at anything else."""

from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.index.database import Database
from mailstore.model import MailboxId
from mailstore.query import All, And, Compare, Not, Or, SavedOn, Uids
from mailstore.runs import ranges_of
from mailstore.search.lookups import Lookups, needs_lookup
from tests.mailstore.index.records import add, new_index

DAY = 86_400
INBOX = MailboxId(1)


@pytest.fixture
def database(tmp_path):
    made: Database = new_index(tmp_path)
    for day in (0, 0, 1, 3):
        add(made, "INBOX", (), now=day * DAY + 5)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("compare", "day", "ranges"),
    [
        (Compare.LESS, 1, ((1, 2),)),
        (Compare.LESS, 0, ()),
        (Compare.EQUAL, 1, ((3, 3),)),
        (Compare.EQUAL, 2, ()),
        (Compare.AT_LEAST, 1, ((3, 4),)),
        (Compare.GREATER, 1, ((4, 4),)),
    ],
)
def test_days(database, compare, day, ranges):
    assert Lookups(database, INBOX).answer(SavedOn(compare, day)) == Uids(ranges)


def test_they_are_found_wherever_they_stand(database):
    term = SavedOn(Compare.EQUAL, 0)
    answer = Uids(((1, 2),))
    whole = And((All(), Or((Not(term), All()))))
    assert needs_lookup(whole)
    found = Lookups(database, INBOX).answer(whole)
    assert found == And((All(), Or((Not(answer), All()))))
    assert not needs_lookup(found)


def test_another_mailbox_is_not_looked_at(database):
    assert Lookups(database, MailboxId(2)).answer(SavedOn(Compare.AT_LEAST, 0)) == Uids(
        ()
    )


@given(st.sets(st.integers(1, 60)))
def test_ranges_name_all_and_nothing_else(uids):
    found = ranges_of(array("I", sorted(uids)))
    assert {uid for low, high in found for uid in range(low, high + 1)} == uids
    assert all(a[1] + 1 < b[0] for a, b in pairwise(found))
