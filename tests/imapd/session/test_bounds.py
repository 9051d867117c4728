"""How many messages a command is done for, and how that is said (RFC 9738 §3.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.session.bounds import (
    check_saving,
    cut,
    cut_search,
    is_bounded,
    is_saving_bounded,
    refuse_beyond,
    with_code,
)
from imapd.session.faults import No
from imapd.session.limits import Limits
from imapd.session.registry import Completed
from mailstore.query import All, And, Not, Nothing, Uids
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer


def peer(limits: Limits, *uids: int) -> Peer:
    world = World()
    for uid in uids:
        world.box("INBOX").add(b"x", uid=uid)
    return Peer(world, limits=limits)


THREE = Limits(message_limit=3)


def test_there_is_no_bound_by_default():
    assert not is_bounded(Limits())
    assert not is_saving_bounded(Limits())
    assert is_bounded(THREE)
    assert is_saving_bounded(Limits(save_limit=3))
    assert not is_saving_bounded(Limits(save_limit=3, message_limit=5))


@given(st.sets(st.integers(1, 99), max_size=8))
def test_the_highest_uids_stay(uids):
    context = peer(THREE).context
    kept, code = cut(context, sorted(uids))
    assert list(kept) == sorted(uids)[-3:]
    assert code == (f"MESSAGELIMIT 3 {kept[0]}" if len(uids) > 3 else None)


def test_what_is_done_as_a_whole_is_refused():
    context = peer(THREE).context
    check_saving(context, 3, [4, 5, 6])
    with pytest.raises(No) as caught:
        check_saving(context, 4, [4, 5, 6, 9])
    assert caught.value.code == "MESSAGELIMIT 3 5"
    with pytest.raises(No) as caught:
        check_saving(context, 4)
    assert caught.value.code == "MESSAGELIMIT 3"
    refuse_beyond(context, [1, 2, 3])
    with pytest.raises(No, match="3 messages at most"):
        refuse_beyond(context, [1, 2, 3, 4])


def test_one_code_stands_in_the_reply():
    here = peer(THREE)
    done = Completed("done")
    assert with_code(here.context, done, None) is done
    assert with_code(here.context, done, "MESSAGELIMIT 3 5").code == "MESSAGELIMIT 3 5"
    other = Completed("done", "EXPUNGEISSUED")
    assert with_code(here.context, other, "MESSAGELIMIT 3 5") is other
    here.context.reply.flush()
    assert b"".join(here.wire.writes).startswith(b"* NO [MESSAGELIMIT 3 5] ")


def test_a_search_is_cut_by_what_it_looks_at():
    here = peer(THREE, 10, 20, 30, 40, 50)

    def bound(*terms: object) -> object:
        predicate = And(tuple(terms))  # type: ignore[arg-type]
        found, code = cut_search(here.context, here.view, predicate)
        if code is None:
            assert found is predicate
            return None
        assert isinstance(found, And)
        assert found.terms[1] is predicate
        return found.terms[0], code

    assert bound(All()) == (Uids(((30, 50),)), "MESSAGELIMIT 3 30")
    assert bound(Uids(((1, 30),))) is None
    assert bound(Uids(((1, 40),))) == (Uids(((20, 50),)), "MESSAGELIMIT 3 20")
    assert bound(Uids(((1, 40),)), Uids(((15, 60),))) is None
    # A set that is negated says nothing about what is looked at.
    assert bound(Not(Uids(((1, 40),)))) == (Uids(((30, 50),)), "MESSAGELIMIT 3 30")


def test_a_search_for_nothing_looks_at_nothing():
    # UIDBEFORE 1: a client that goes on below the last answer ends there (§3.2).
    here = peer(THREE, 10, 20, 30, 40, 50)
    for predicate in (Nothing(), And((All(), Nothing())), Uids(())):
        found, code = cut_search(here.context, here.view, predicate)
        assert found is predicate
        assert code is None


def test_a_small_mailbox_is_searched_as_it_is():
    here = peer(THREE, 10, 20, 30)
    predicate = And((All(),))
    assert cut_search(here.context, here.view, predicate) == (predicate, None)
