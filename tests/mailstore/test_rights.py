"""Rights, identifiers, the reckoning and the table of needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.errors import NotFound, NotPermitted
from mailstore.model import DELETED, FLAGGED, SEEN, AccountId
from mailstore.rights import (
    ALL,
    ANYONE,
    AUTHENTICATED,
    KEPT,
    LETTERS,
    NEEDS,
    NONE,
    OWNER,
    Grant,
    Operation,
    Person,
    Right,
    UnknownRight,
    changes_nothing,
    check,
    group_of,
    may_set,
    of_group,
    of_user,
    parse_rights,
    reckon,
    settable_mask,
    user_of,
    write_rights,
)

ANN, BOB = AccountId("a" * 32), AccountId("b" * 32)
rights_sets = st.sets(st.sampled_from(list(Right))).map(
    lambda some: NONE.__class__(sum(one.value for one in some))
)


@pytest.mark.parametrize(
    ("text", "plain", "virtual"),
    [
        ("", "", ""),
        ("lrs", "lrs", "lrs"),
        ("srl", "lrs", "lrs"),
        ("lrswipkxtean", "lrswipkxtean", "lrswipkxteancd"),
        # RFC 4314 §2.1.1
        ("lrswida", "lrswitea", "lrswitead"),
        ("lrswikda", "lrswiktea", "lrswikteacd"),
        ("c", "kx", "kxc"),
        ("d", "te", "ted"),
        ("e", "e", "ed"),
        ("k", "k", "kc"),
        ("dt", "te", "ted"),
    ],
)
def test_rights_are_read_and_written(text, plain, virtual):
    assert write_rights(parse_rights(text)) == plain
    assert write_rights(parse_rights(text), virtual=True) == virtual


@pytest.mark.parametrize(("text", "letter"), [("lrQs", "Q"), ("lrq", "q"), ("0", "0")])
def test_unknown_rights_are_refused(text, letter):
    with pytest.raises(UnknownRight, match=letter):
        parse_rights(text)


@given(rights_sets)
def test_writing_is_the_inverse_of_reading(rights):
    assert parse_rights(write_rights(rights)) == rights
    assert rights & ~parse_rights(write_rights(rights, virtual=True)) == NONE


def test_identifiers():
    assert user_of(of_user(ANN)) == ANN
    assert group_of(of_user(ANN)) is user_of(of_group("x")) is user_of(ANYONE) is None
    assert group_of(of_group("sales")) == "sales"
    taken = Grant(of_user(ANN), Right.READ, negative=True)
    assert Grant.of(taken.key, Right.READ) == taken
    assert Grant.of(ANYONE, NONE) == Grant(ANYONE, NONE)


def test_what_a_list_may_call_a_person():
    person = Person(ANN, frozenset({"sales"}))
    assert person.identifiers == {ANYONE, AUTHENTICATED, of_user(ANN), "group:sales"}
    assert person.owns(ANN, public=False)
    assert not person.owns(BOB, public=False)
    assert not person.owns(BOB, public=True)
    assert Person(ANN, admin=True).owns(BOB, public=True)
    assert not Person(ANN, admin=True).owns(BOB, public=False)


def rights(acl, *, owns=False, groups=()):
    grants = [Grant.of(key, parse_rights(letters)) for key, letters in acl]
    names = Person(ANN, frozenset(groups)).identifiers
    return write_rights(reckon(grants, names, owns=owns).rights)


@pytest.mark.parametrize(
    ("acl", "told"),
    [
        ([], ""),
        ([(of_user(BOB), "lr")], ""),
        ([(of_user(ANN), "lr")], "lr"),
        ([(of_user(ANN), "lr"), (ANYONE, "i")], "lri"),
        ([(AUTHENTICATED, "lr"), ("group:sales", "w")], "lrw"),
        ([("group:others", "lr")], ""),
        ([(ANYONE, "lrsw"), ("-" + of_user(ANN), "w")], "lrs"),
        ([(ANYONE, "lr"), ("-group:sales", "lr")], ""),
        ([(of_user(ANN), "lr"), ("-" + ANYONE, "r")], "l"),
        ([("-" + of_user(ANN), "w")], ""),
        ([(OWNER, "lrswipkxtea")], ""),
    ],
)
def test_rights_are_what_was_given_less_what_was_taken(acl, told):
    assert rights(acl, groups={"sales"}) == told


@pytest.mark.parametrize(
    ("acl", "told"),
    [
        ([], "lrswipkxtean"),
        ([(of_user(BOB), "lr")], "lrswipkxtean"),
        ([(ANYONE, "lr")], "lrswipkxtean"),
        ([("group:sales", "lr")], "lrswipkxtean"),
        ([(of_user(ANN), "lrs")], "lrsa"),
        ([(OWNER, "r")], "lra"),
        ([(of_user(ANN), "")], "la"),
        ([("-" + of_user(ANN), "xte")], "lrswipkan"),
        ([("-" + ANYONE, "lrswipkxtean")], "la"),
    ],
)
def test_an_owner_has_all_until_the_list_speaks_of_him(acl, told):
    assert rights(acl, owns=True, groups={"sales"}) == told


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ANYONE, OWNER, of_user(ANN), of_user(BOB), "group:sales"]),
            rights_sets,
            st.booleans(),
        )
    ),
    st.booleans(),
)
def test_what_was_taken_is_gone_and_owners_keep_their_way_back(entries, owns):
    acl = [Grant(*entry) for entry in entries]
    person = Person(ANN, frozenset({"sales"}))
    found = reckon(acl, person.identifiers, owns=owns)
    mine = person.identifiers | ({OWNER} if owns else set())
    for grant in acl:
        if grant.negative and grant.identifier in mine:
            assert not found.rights & grant.rights & ~(KEPT if owns else NONE)
    if owns:
        assert found.rights & KEPT == KEPT
    else:
        given_ = [g.rights for g in acl if not g.negative and g.identifier in mine]
        assert not found.rights & ~sum_of(given_)


def sum_of(some):
    total = NONE
    for one in some:
        total |= one
    return total


# RFC 4314 §4's table, RFC 6851 §4.2, RFC 5464 §3.3: one right too few, in each way.
TABLE = {
    Operation.SEE: ("l",),
    Operation.MAKE_BELOW: ("k",),
    Operation.REMOVE: ("x",),
    Operation.READ: ("r",),
    Operation.INSERT: ("i",),
    Operation.MOVE_OUT: ("rte",),
    Operation.EXPUNGE: ("e",),
    Operation.SET_FLAGS: ("s", "w", "t"),
    Operation.ANNOTATE: ("lr", "ls", "lw", "li", "lp"),
    Operation.ANNOTATE_ALL: ("lw",),
    Operation.ANNOTATE_MESSAGES: ("n",),
    Operation.KNOW_OWN_RIGHTS: ("l", "r", "i", "k", "x", "a"),
    Operation.ADMINISTER: ("a",),
}


def test_each_operation_needs_what_the_rfcs_say():
    assert TABLE.keys() == NEEDS.keys() == set(Operation)
    for operation, enough in TABLE.items():
        sets = [parse_rights(letters) for letters in enough]
        for value in range(ALL.value + 1):
            has = Right(value)
            met = any(one & has == one for one in sets)
            assert NEEDS[operation].met(has) is met, (operation, has)


@pytest.mark.parametrize("operation", Operation)
def test_who_may_not_know_of_a_mailbox_hears_that_it_is_not_there(operation):
    check(ALL, operation)
    with pytest.raises(NotFound):
        check(NONE, operation)
    if not NEEDS[operation].met(Right.LOOKUP):
        with pytest.raises(NotPermitted):
            check(Right.LOOKUP, operation)
    if not NEEDS[operation].met(Right.POST):
        with pytest.raises(NotFound):
            check(Right.POST, operation)


@pytest.mark.parametrize("letters", ["", "l", "lr", "lrpkxa", "n"])
def test_a_mailbox_is_read_only_for_who_can_change_nothing_in_it(letters):
    assert changes_nothing(parse_rights(letters))


@pytest.mark.parametrize("letter", "swtei")
def test_one_right_to_change_makes_it_read_write(letter):
    assert not changes_nothing(parse_rights("lr" + letter))


def test_flags_have_rights_of_their_own():
    assert settable_mask(ALL) == -1
    assert settable_mask(parse_rights("lr")) == 0
    assert settable_mask(parse_rights("s")) == SEEN
    assert settable_mask(parse_rights("t")) == DELETED
    assert settable_mask(parse_rights("w")) & (SEEN | DELETED | FLAGGED) == FLAGGED
    for letter, flag in (("s", "\\seen"), ("t", "\\Deleted"), ("w", "$Junk")):
        assert [x for x in LETTERS if may_set(LETTERS[x], flag)] == [letter]
