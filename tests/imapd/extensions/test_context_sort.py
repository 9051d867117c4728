"""Places of messages in a sorted result that is kept up to date (RFC 5267 §4.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.context_sort import FEATURE
from imapd.session.search_updates import CONTEXT, UPDATE, _kept, _runs
from tests.support.responses import Esearch
from tests.support.session import World


def test_sort_takes_the_options_of_search():
    assert FEATURE.sort_returns == (UPDATE, CONTEXT)


@given(st.permutations(range(1, 10)), st.permutations(range(4, 13)))
def test_what_stays_is_told_least(told, wanted):
    """What is removed and put in again makes one list of the other."""
    kept = _kept(told, wanted)
    items = list(told)
    for at, uids in list(_runs(told, kept))[::-1]:
        assert items[at - 1 : at - 1 + len(uids)] == list(uids)
        del items[at - 1 : at - 1 + len(uids)]
    assert set(items) == kept
    for at, uids in _runs(wanted, kept):
        items[at - 1 : at - 1] = uids
    assert items == list(wanted)


def test_the_longest_part_stays():
    assert _kept([1, 2, 3, 4, 5], [5, 1, 2, 3, 4]) == {1, 2, 3, 4}
    assert _kept([3, 2, 1], [1, 2, 3]) in ({1}, {2}, {3})
    assert _kept([1, 2], [3]) == set()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.deliver(*[b"Subject: x\r\n\r\n" + b"y" * size for size in (30, 10, 50, 20)])
    yield made
    made.close()


def changes(session) -> list[tuple[str, object]]:
    return [item for one in session.ok(b"NOOP").of(Esearch) for item in one.data]


def test_each_message_has_its_place(world):
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(b"UID SORT RETURN (UPDATE ALL) (SIZE) UTF-8 UNDELETED")  # 2 4 1 3
    world.deliver(b"Subject: x\r\n\r\n" + b"y" * 25, b"Subject: x\r\n\r\n" + b"y" * 60)
    assert changes(ann) == [("ADDTO", ((3, (5,)), (6, (6,))))]
    other.ok(b"UID STORE 2,1,3 +FLAGS.SILENT (\\Deleted)")
    assert changes(ann) == [("REMOVEFROM", ((4, (1, 3)), (1, (2,))))]


def test_a_message_that_moves_is_taken_out_and_put_in(world):
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    ann.ok(b"UID SORT RETURN (UPDATE ALL) (MODSEQ) UTF-8 ALL")  # 1 2 3 4
    other.ok(b"UID STORE 2 +FLAGS.SILENT (\\Seen)")
    assert changes(ann) == [("REMOVEFROM", ((2, (2,)),)), ("ADDTO", ((4, (2,)),))]
