"""Limits hold for whatever is written, and usage is what there is (RFC 9208)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailstore.errors import NotFound, NotPermitted, OverQuota, StoreError
from mailstore.index.quota import Bounds, Coming, KnownLimits, covers
from mailstore.index.recount import recount
from mailstore.maintenance.check import check
from mailstore.model import Arrival, FlagChange, FlagOperation
from mailstore.quotas import NO_LIMITS, QuotaLimits, QuotaRoot, QuotaUsage, Resource
from mailstore.service.quota import Quota
from mailstore.service.readonly import ReadOnlyAccount
from mailstore.service.statuses import with_deleted_octets
from tests.mailstore.index.older import make_older
from tests.mailstore.stores import Home, Statements
from tests.support.furnished import OPTIONS

KIB = b"x" * 1024
DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    yield made
    made.close()


def limit(home, top="", **limits):
    home.run(home.account.quota.set(top, QuotaLimits(**limits)))


def usage(home, top=""):
    return home.run(home.account.quota.root(top)).usage


def create(home, *names):
    for name in names:
        home.run(home.account.create(name))


def expunge(home, name, uids):
    mailbox = home.open(name)
    home.run(mailbox.store_flags(uids, DELETE, seen_at=mailbox.modseq))
    home.run(mailbox.expunge())
    home.run(mailbox.close())


def test_a_message_counts_once_for_each_mailbox_and_not_when_it_is_expunged(home):
    assert usage(home) == QuotaUsage(0, 0, 6)
    home.append("INBOX", KIB, b"y")
    inbox = home.open()
    home.run(inbox.copy([1, 2], "Archive"))
    assert usage(home) == QuotaUsage(2050, 4, 6)
    assert usage(home).of(Resource.STORAGE) == 3
    expunge(home, "INBOX", [1])
    assert usage(home) == QuotaUsage(1026, 3, 6)
    home.run(home.account.delete("Archive"))
    assert usage(home) == QuotaUsage(1, 1, 5)


@pytest.mark.parametrize(
    "limits", [{"storage": 2}, {"message": 2}, {"storage": 2, "message": 100}]
)
def test_what_reaches_a_limit_is_stored_and_what_passes_it_is_not(home, limits):
    limit(home, **limits)
    home.append("INBOX", KIB, KIB)
    with pytest.raises(OverQuota):
        home.append("INBOX", b"z")
    inbox = home.open()
    with pytest.raises(OverQuota):
        home.run(inbox.copy([1], "Archive"))
    assert usage(home) == QuotaUsage(2048, 2, 6)
    home.run(inbox.move([1], "Archive"))  # within the root nothing grows
    expunge(home, "Archive", [1])
    home.append("INBOX", KIB)


def test_all_of_several_messages_or_none(home):
    limit(home, message=2)
    with pytest.raises(OverQuota):
        home.append("INBOX", b"1", b"2", b"3")
    assert usage(home).messages == 0


def test_a_replacement_counts_by_the_difference(home):
    limit(home, storage=2, message=2)
    home.append("INBOX", KIB, KIB)
    home.append("Drafts")
    inbox = home.open()
    home.run(inbox.replace(1, "Drafts", Arrival(KIB)))
    with pytest.raises(OverQuota):
        home.run(inbox.replace(2, "Drafts", Arrival(KIB + b"x")))
    assert usage(home) == QuotaUsage(2048, 2, 6)
    account = home.account
    going = (inbox.id, 2)
    home.run(account.admit("Drafts", 1024, instead_of=going)).abort()
    for refused in ({"size": 1025, "instead_of": going}, {"size": 1}):
        with pytest.raises(OverQuota):
            home.run(account.admit("Drafts", **refused))
    home.run(account.admit("Drafts", 5000, bounded=False)).abort()


def test_a_replaced_message_of_another_root_frees_nothing_in_this_one(home):
    create(home, "Small")
    limit(home, "Small", storage=1)
    home.append("Small", KIB)
    home.append("INBOX", KIB)
    inbox = home.open()
    with pytest.raises(OverQuota):
        home.run(home.account.admit("Small", 1, instead_of=(inbox.id, 1)))
    with pytest.raises(OverQuota):
        home.run(inbox.replace(1, "Small", Arrival(b"x")))
    assert list(inbox.uids) == [1]


def test_messages_that_wait_for_others_count_when_one_is_admitted(home):
    limit(home, storage=2)
    home.run(home.account.admit("INBOX", 1024, waiting=1024)).abort()
    with pytest.raises(OverQuota):
        home.run(home.account.admit("INBOX", 1024, waiting=1025))


def test_mailboxes_have_a_limit(home):
    limit(home, mailbox=8)
    create(home, "a", "b")
    for refused in ("c", "a/b"):
        with pytest.raises(OverQuota):
            create(home, refused)
    home.run(home.account.delete("b"))
    create(home, "a/b")
    home.run(home.account.delete("a"))  # its name stays, without a mailbox
    assert usage(home).mailboxes == 7
    with pytest.raises(OverQuota):
        create(home, "c/d")
    assert "c" not in home.names()


def test_the_part_of_an_account_has_limits_beside_the_account(home):
    create(home, "Work", "Work/Old", "Works")
    limit(home, "Work", message=2)
    limit(home, message=3)
    home.append("Work", b"1")
    home.append("Work/Old", b"2")
    for full in ("Work", "Work/Old"):
        with pytest.raises(OverQuota):
            home.append(full, b"3")
    home.append("Works", b"3")
    with pytest.raises(OverQuota):
        home.append("INBOX", b"4")
    roots = home.run(home.account.quota.roots("Work/new"))
    assert [(root.top, root.usage.messages) for root in roots] == [("", 3), ("Work", 2)]
    assert [root.top for root in home.run(home.account.quota.roots("Works"))] == [""]


def test_moving_and_renaming_between_roots_is_growth_where_it_goes(home):
    create(home, "Small", "Other", "Big")
    limit(home, "Small", message=1, mailbox=2)
    home.append("INBOX", b"1", b"2")
    home.append("Other", b"1")
    home.append("Big", b"1", b"2")
    inbox = home.open()
    with pytest.raises(OverQuota):
        home.run(inbox.move([1, 2], "Small"))
    assert list(inbox.uids) == [1, 2]
    with pytest.raises(OverQuota):
        home.run(home.account.rename("Big", "Small/Big"))
    home.run(home.account.rename("Other", "Small/Other"))
    assert usage(home, "Small") == QuotaUsage(1, 1, 2)
    with pytest.raises(OverQuota):
        home.run(home.account.rename("INBOX", "Small/Inbox"))
    home.run(home.account.rename("Small/Other", "Other"))
    assert usage(home, "Small") == QuotaUsage(0, 0, 1)


def test_a_limit_below_what_is_used_takes_nothing_away(home):
    home.append("INBOX", KIB, KIB, KIB)
    limit(home, storage=1, message=1, mailbox=1)
    inbox = home.open()
    assert list(inbox.uids) == [1, 2, 3]
    with pytest.raises(OverQuota):
        home.append("INBOX", b"x")
    home.run(inbox.move([1], "Archive"))
    home.run(inbox.replace(2, "INBOX", Arrival(b"smaller")))
    home.run(home.account.rename("Archive", "Shelf"))
    expunge(home, "INBOX", [3])
    home.run(home.account.delete("Shelf"))
    assert usage(home) == QuotaUsage(7, 1, 5)
    home.run(home.account.subscribe("INBOX"))


def test_who_may_go_beyond_it_does(home):
    limit(home, storage=1, message=1, mailbox=6)
    account = home.account
    home.run(account.create("Old", bounded=False))
    home.run(account.append("Old", [Arrival(KIB), Arrival(KIB)], bounded=False))
    assert usage(home) == QuotaUsage(2048, 2, 7)


def test_the_default_holds_until_limits_are_set(tmp_path):
    home = Home(tmp_path, replace(OPTIONS, quota=QuotaLimits(message=1, mailbox=1)))
    home.append("INBOX", b"1")  # the first mailboxes are made in any case
    with pytest.raises(OverQuota):
        home.append("INBOX", b"2")
    assert not home.run(home.account.quota.root("")).chosen
    limit(home)
    assert home.run(home.account.quota.root("")).limits == NO_LIMITS
    home.append("INBOX", b"2")
    home.run(home.account.quota.unset(""))
    with pytest.raises(OverQuota):
        home.append("INBOX", b"3")
    with pytest.raises(NotFound):
        home.run(home.account.quota.unset(""))
    home.store.use(replace(home.store.options, quota=QuotaLimits(message=3)))
    home.append("INBOX", b"3")
    home.close()


def test_a_part_without_a_limit_is_no_root(home):
    limit(home, "Work", message=2)
    assert home.run(home.account.quota.root("Work")).limits.message == 2
    limit(home, "Work")
    with pytest.raises(NotFound):
        home.run(home.account.quota.root("Work"))


def test_limits_that_another_program_sets_hold_at_once(home):
    home.append("INBOX", b"1")
    other = Home(home.store.path)
    limit(other, message=1)
    with pytest.raises(OverQuota):
        home.append("INBOX", b"2")
    with pytest.raises(OverQuota):
        home.run(home.account.admit("INBOX", 1))
    other.run(other.account.quota.unset(""))
    other.close()
    home.append("INBOX", b"2")


def test_a_change_of_limits_that_fails_changes_nothing(home):
    with pytest.raises(NotFound):
        home.run(home.account.quota.unset(""))
    limit(home, message=0)
    with pytest.raises(OverQuota):
        home.append("INBOX", b"1")
    for wrong in (-1, 2**63):
        with pytest.raises(ValueError, match="63 bits"):
            QuotaLimits(message=wrong)


def test_who_may_only_read_changes_no_limit(home):
    quota = Quota(ReadOnlyAccount(home.account))
    for change in (quota.set("", NO_LIMITS), quota.unset(""), quota.recount()):
        with pytest.raises(NotPermitted):
            home.run(change)


def test_where_nothing_is_limited_nothing_is_added_up(home):
    home.append("INBOX", b"first")
    home.run(home.account.quota.roots("INBOX", limited=True))
    account = home.account
    with (
        Statements(account.lane._database) as written,
        Statements(account.readers.event) as read,
    ):
        home.append("INBOX", b"x")
        home.run(account.admit("INBOX", 1)).abort()
        assert home.run(account.quota.roots("INBOX", limited=True)) == ()
    assert not any("sum(" in one for one in [*written, *read])
    assert not any("quota" in one for one in written), written


def test_many_mailboxes_are_added_up_away_from_the_event_thread(home, monkeypatch):
    monkeypatch.setattr("mailstore.service.quota._AT_ONCE", 3)
    limit(home, message=1)
    home.append("INBOX", b"x")
    with Statements(home.account.readers.event) as statements:
        with pytest.raises(OverQuota):
            home.run(home.account.admit("INBOX", 1))
        assert usage(home).messages == 1
    assert not any("sum(" in one for one in statements), statements


def test_an_account_of_an_older_program_has_no_limits(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"1")
    home.close()
    for path in tmp_path.rglob("index.db"):
        make_older(path, 10)
    home = Home(tmp_path)
    assert home.run(home.account.quota.roots()) == (
        QuotaRoot("", NO_LIMITS, QuotaUsage(1, 1, 6), chosen=False),
    )
    limit(home, message=1)
    with pytest.raises(OverQuota):
        home.append("INBOX", b"2")
    home.close()


def test_counting_anew_mends_what_check_tells_of(home):
    home.append("INBOX", KIB, b"y")
    database = home.account.lane._database
    database.execute("UPDATE mailbox SET bytes = 7, unseen = 9 WHERE name = 'INBOX'")
    (found,) = check(home.store.path).accounts
    assert len(found.problems) == 2
    assert tuple(home.run(home.account.quota.recount())) == found.problems
    assert check(home.store.path).whole
    assert usage(home) == QuotaUsage(1025, 2, 6)
    assert recount(database) == []


def test_what_is_nearly_used_up_counts_messages_alone():
    def filled(used, share=90, **limits):
        return QuotaRoot("", QuotaLimits(**limits), QuotaUsage(*used)).filled(share)

    assert filled((1024 * 89, 9, 9), storage=100, message=10, mailbox=9) == (
        Resource.MESSAGE,
    )
    assert filled((1024 * 89 + 1, 8, 0), storage=100) == (Resource.STORAGE,)
    assert filled((0, 0, 0), storage=0, message=0) == ()
    assert filled((1, 1, 1), storage=0, message=0) == (
        Resource.STORAGE,
        Resource.MESSAGE,
    )


def test_a_root_covers_what_is_below_its_top():
    assert covers("", "Work")
    assert covers("Work", "Work")
    assert covers("Work", "Work/Old/x")
    assert not covers("Work", "Works")
    assert not covers("Work/Old", "Work")


def test_octets_of_deleted_messages_are_added_up_where_there_are_any(home):
    home.append("INBOX", b"1", b"22", b"333")
    found = home.run(home.account.statuses(("INBOX", "Sent")))
    runtime, readers = home.account.searching.runtime, home.account.readers
    assert home.run(with_deleted_octets(runtime, readers, found)) is found
    mailbox = home.open()
    home.run(mailbox.store_flags([2, 3], DELETE, seen_at=mailbox.modseq))
    status = home.run(home.account.status("INBOX", deleted_octets=True))
    assert (status.deleted, status.deleted_octets) == (2, 5)


def test_limits_are_read_once_until_somebody_commits(home):
    reader = home.account.readers.event
    known = KnownLimits(lambda: NO_LIMITS)
    with Statements(reader) as statements:
        first = known.of(reader)
        assert known.of(reader) == first
        assert sum("quota" in one for one in statements) == 1
        home.append("INBOX", b"x")
        known.of(reader)
        known.forget()
        known.of(reader)
    assert sum("FROM quota" in one for one in statements) == 3
    assert list(Bounds(lambda: NO_LIMITS)._known.of(reader)) == [""]
    assert Coming("INBOX", 1).waiting == 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "copy", "move", "expunge", "limit", "rename"]),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=12,
)


@given(STEPS)
@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_root_ever_grows_beyond_its_limits(tmp_path_factory, steps):
    """Whatever is done: what is used was below the limit, or has not grown."""
    home = Home(Path(tmp_path_factory.mktemp("quota")))
    names = ["INBOX", "a", "a/b", "c"]
    create(home, *names[1:])
    limit(home, "a", message=3)
    limit(home, message=6, storage=3)

    def used():
        roots = home.run(home.account.quota.roots())
        return {root.top: root for root in roots}

    before = used()
    for what, n, m in steps:
        with suppress(StoreError):
            _step(home, what, names[n], names[m], m)
        after = used()
        for top, root in after.items():
            for one in root.limits.limited:
                now, most = root.usage.of(one), root.limits.of(one)
                assert now <= max(most, before[top].usage.of(one)), (what, top, one)
        before = after
    path = home.store.path
    home.close()
    assert check(path).whole


def _step(home, what, name, to, number):
    if what == "append":
        home.append(name, b"x" * (number * 700 + 1))
    elif what == "limit":
        limit(home, message=number + 3, storage=3)
    elif what == "rename":
        home.run(home.account.rename(name, f"{to}/x{number}"))
    else:
        mailbox = home.open(name)
        uids = list(mailbox.uids)[: number + 1]
        if what == "expunge":
            expunge(home, name, uids)
        elif what == "copy":
            home.run(mailbox.copy(uids, to))
        elif name != to:
            home.run(mailbox.move(uids, to))
