"""Search keys that every searching command knows, and how they are lowered."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.session.faults import Bad
from imapd.session.search_program import (
    AllOf,
    Environment,
    NumberKey,
    known_to,
    message_numbers,
    parse_search_key,
    parse_search_keys,
)
from imapd.session.view import View
from imapd.syntax.sequence import SequenceSet, UidSet
from imapd.wire.cursor import Cursor, Malformed
from mailstore.query import All, And, Uids
from tests.imapd.commands.memory_store import MemoryMailbox, World
from tests.imapd.commands.peers import REGISTRY


def view_of(*uids: int) -> View:
    made = World()
    for uid in uids:
        made.box("INBOX").add(b"x", uid=uid)
    return View(cast("Any", MemoryMailbox(made, made.box("INBOX"))))


def environment(*uids: int) -> Environment:
    context = SimpleNamespace(
        counts_by_number=False,
        services=SimpleNamespace(runtime=SimpleNamespace(now=lambda: 7.5)),
    )
    return Environment(cast("Any", context), view_of(*uids), "utf-8")


def test_sets_become_ranges_of_uids_without_naming_each():
    here = environment(*range(10, 2_000_000, 100_000))
    numbers = NumberKey(SequenceSet(((2, 4), (19, 0))))
    assert numbers.lower(here) == Uids(((100_010, 300_010), (1_800_010, 1_900_010)))
    uids = NumberKey(UidSet(((1, 4_294_967_295), (7, 7))))
    assert uids.lower(here) == Uids(((1, 4_294_967_295),))
    last = NumberKey(UidSet(((4_294_967_295, 0),)))
    assert last.lower(here) == Uids(((1_900_010, 4_294_967_295),))


def test_a_number_beyond_the_mailbox_names_nothing():
    """RFC 7377 §2."""
    key = NumberKey(SequenceSet(((2, 3), (7, 9))))
    assert key.lower(environment(4, 5)) == Uids(((5, 5),))


def test_a_star_of_an_empty_mailbox_is_nothing():
    for kind in (SequenceSet, UidSet):
        assert NumberKey(kind(((0, 0),))).lower(environment()) == Uids(())


def test_a_list_is_all_of_its_keys():
    cursor = Cursor(b"(ALL (1 UID 2))")
    key = parse_search_key(cursor, REGISTRY)
    assert isinstance(key, AllOf)
    assert key.unparse() == b"(ALL (1 UID 2))"
    ones = And((Uids(((8, 8),)), Uids(((2, 2),))))
    assert key.lower(environment(8)) == And((All(), ones))


def test_keys_reach_to_the_end_of_the_command():
    assert len(parse_search_keys(Cursor(b"1 SEEN (NEW)"), REGISTRY)) == 3
    with pytest.raises(Malformed, match="the end of the command"):
        parse_search_keys(Cursor(b"1 SEEN)"), REGISTRY)


def test_the_environment_decodes_and_has_a_clock():
    here = environment(1)
    assert here.decode(b"a") == "a"
    assert here.now() == 7.5
    assert here.recent == [(1, 1)]
    with pytest.raises(Bad, match="charset"):
        here.decode(b"\xff")


whole = st.builds(
    lambda at, n: set(range(at, at + n)), st.integers(1, 9), st.integers(0, 40)
)


@given(st.one_of(st.sets(st.integers(1, 300)), whole), st.data())
def test_numbers_of_many_and_of_few_are_the_same(uids, data):
    view = view_of(*sorted(uids))
    some = sorted(data.draw(st.sets(st.sampled_from(sorted(uids)))) if uids else ())
    expected = [sorted(uids).index(uid) + 1 for uid in some]
    assert list(message_numbers(view, some)) == expected


def test_what_lies_behind_the_view_is_not_known():
    view = view_of(3, 5)
    view.mailbox.uids.append(9)
    assert list(known_to(view, [3, 5, 9])) == [3, 5]
    assert list(known_to(view_of(), [3])) == []
