"""What a login follows of others' mailboxes, below any session."""

from __future__ import annotations

import pytest

from mailstore.changes import ChangeNotice, NoBus
from mailstore.errors import Corrupt, TooMany, Unavailable
from mailstore.index import mailboxes, private
from mailstore.lanes import InlineRuntime
from mailstore.model import FIRST_OF_OTHERS, AccountId, Arrival, MailboxId
from mailstore.rights import parse_rights
from mailstore.service import following
from mailstore.service.following import Following, Reached
from mailstore.service.overview import Follower
from mailstore.service.rights_lists import Change, RightsLists
from mailstore.service.shares import Shares
from tests.mailstore.service.test_access import MESSAGE, Two
from tests.mailstore.stores import Statements

BOX = "Other Users/ann/Work"


@pytest.fixture
def home(tmp_path):
    made = Two(tmp_path)
    made.run(made.account.create("Work"))
    yield made
    made.close()


def everything(_):
    return True


def follow(home, bob, after=None) -> Following:
    made: Following = bob.follow(lambda: None, everything)
    home.run(made.begin(after))
    return made


def changed(home, following):
    found = home.run(following.changes())
    entries = [following.entry(one.mailbox) for one in found.mailboxes]
    return [entry.name for entry in entries if entry is not None]


def test_another_one_goes_on_where_one_has_got_to(home):
    """Between a NOTIFY and the next nothing is lost."""
    home.give("Work", "bob", "lr")
    bob = home.bob()
    first = follow(home, bob)
    home.run(home.account.append("Work", [Arrival(MESSAGE)]))
    home.run(home.account.create("Other"))
    home.give("Other", "bob", "lr")
    reached = first.reached
    assert isinstance(reached, Reached)
    second = follow(home, bob, reached)
    first.end()
    assert first.reached is None
    found = home.run(second.changes())
    assert [one.after.name for one in found.names] == ["Other Users/ann/Other"]
    (change,) = found.mailboxes
    entry = second.entry(change.mailbox)
    assert entry is not None
    assert entry.name == BOX
    assert changed(home, second) == []
    second.end()
    home.run(bob.close())


def test_who_follows_himself_looks_at_nobody_else(home):
    home.give("Work", "bob", "lr")
    bob = home.bob()
    alone = bob.follow(lambda: None)
    home.run(alone.begin())
    home.run(home.account.append("Work", [Arrival(MESSAGE)]))
    with Statements(home.account.readers.event) as statements:
        assert changed(home, alone) == []
    assert statements == []
    assert alone.reached == Reached(alone.reached.version, None, {})
    alone.end()
    home.run(bob.close())


def test_counters_are_of_what_may_be_read_and_wanted(home):
    home.give("Work", "bob", "lr")
    bob = home.bob()
    following = follow(home, bob)
    (work,) = [one for one in following.entries() if one.name == BOX]
    assert work.id is not None
    assert work.id > FIRST_OF_OTHERS
    assert following.named(BOX) == work
    counts = following.counts(work.id)
    assert counts is not None
    assert counts.messages == 0
    assert following.counts(MailboxId(99 * FIRST_OF_OTHERS + 1)) is None
    home.give("Work", "bob", "l")
    home.run(following.changes())
    assert following.counts(work.id) is None
    following.end()
    home.run(bob.close())


def test_no_counters_of_mail_that_came_after_a_right_was_taken(home, monkeypatch):
    """The list of names is looked at before the accounts are asked one by one."""
    home.give("Work", "bob", "lr")
    bob = home.bob()
    following = follow(home, bob)
    (work,) = [one for one in following.entries() if one.name == BOX]
    assert work.id is not None
    home.run(home.account.append("Work", [Arrival(MESSAGE)]))
    plain = Follower.changes

    async def late(follower):
        found = await plain(follower)
        if found.mailboxes:  # that is Ann's account
            await home.lists.drop("Work", "bob")
            await home.account.append("Work", [Arrival(MESSAGE)])
        return found

    monkeypatch.setattr(Follower, "changes", late)
    assert changed(home, following) == []
    assert following.counts(work.id) is None
    monkeypatch.undo()
    following.end()
    home.run(bob.close())


def test_a_damaged_account_hides_no_other(home, monkeypatch):
    home.give("Work", "bob", "lr")
    bob = home.bob()
    home.run(bob.mailboxes())
    plain = home.store.account

    async def broken(id_, **more):
        if more.get("readonly") is None and id_ == home.account.id:
            raise Corrupt
        return await plain(id_, **more)

    monkeypatch.setattr(home.store, "account", broken)
    following = follow(home, bob)
    monkeypatch.undo()
    home.run(bob.own.append("INBOX", [Arrival(MESSAGE)]))
    assert changed(home, following) == ["INBOX"]
    following.end()
    home.run(bob.close())


def test_an_account_that_cant_be_read_takes_nothing_from_others(home, monkeypatch):
    """Neither one's own news, nor its own when it can be read again."""
    home.give("Work", "bob", "lr")
    bob = home.bob()
    following = follow(home, bob)
    broken = home.account.readers.event
    for module, failing in ((mailboxes, "counts"), (private, "seen")):
        home.run(bob.own.append("INBOX", [Arrival(MESSAGE)]))
        home.run(home.account.append("Work", [Arrival(MESSAGE)]))
        plain = getattr(module, failing)

        def unreadable(database, *more, plain=plain):
            if database is broken:
                raise Unavailable
            return plain(database, *more)

        monkeypatch.setattr(module, failing, unreadable)
        assert changed(home, following) == ["INBOX"]
        assert changed(home, following) == []
        monkeypatch.undo()
        assert changed(home, following) == [BOX]
        assert changed(home, following) == []
    following.end()
    home.run(bob.close())


def test_names_that_cant_be_read_are_read_again(home, monkeypatch):
    home.give("Work", "bob", "lr")
    bob = home.bob()
    following = follow(home, bob)
    home.run(bob.own.append("INBOX", [Arrival(MESSAGE)]))
    home.run(home.account.create("Other"))
    home.give("Other", "bob", "lr")

    async def unreadable():
        raise Unavailable

    monkeypatch.setattr(bob, "mailboxes", unreadable)
    assert changed(home, following) == ["INBOX"]
    monkeypatch.undo()
    found = home.run(following.changes())
    assert [one.after.name for one in found.names] == ["Other Users/ann/Other"]
    following.end()
    home.run(bob.close())


def test_the_accounts_of_others_that_are_followed_are_bounded(home, monkeypatch):
    monkeypatch.setattr(following, "MAX_FOLLOWED", 1)
    home.give("Work", "bob", "lr")
    bob = home.bob()
    first = follow(home, bob)
    carl = home.run(home.store.account(home.store.directory.create("carl", b"x")))
    lists = RightsLists(home.store, carl)
    rights = parse_rights("lr")
    home.run(lists.change("INBOX", "bob", Change.REPLACE, rights))
    assert home.run(first.changes()).overflow
    second = bob.follow(lambda: None, everything)
    third = bob.follow(lambda: None, everything)
    with pytest.raises(TooMany):
        home.run(second.begin())
    with pytest.raises(TooMany):
        home.run(third.begin(first.reached))
    only_ann = bob.follow(lambda: None, lambda entry: entry.name == BOX)
    home.run(only_ann.begin())
    home.run(home.account.append("Work", [Arrival(MESSAGE)]))
    assert changed(home, only_ann) == [BOX]
    for one in (first, second, third, only_ann):
        one.end()
    home.run(carl.close())
    home.run(bob.close())


def test_lists_that_change_wake_those_who_follow_others():
    class Bus(NoBus):
        def publish(self, notice):
            told.append(notice)

    told: list[ChangeNotice] = []
    woken: list[str] = []
    shares = Shares(InlineRuntime(), Bus())
    end = shares.watch(lambda: woken.append("x"))
    shares.changed(AccountId("a"))
    assert len(told) == len(woken) == 1
    shares.noticed(told[0])
    assert len(woken) == 2
    for mailbox in (0, 1):  # a commit of names, one of messages
        shares.noticed(ChangeNotice(AccountId("a"), MailboxId(mailbox), mailbox))
    assert len(woken) == 2
    for version in (7, 7, 8):
        shares.compare(version)
    assert len(woken) == 3
    end()
    shares.changed(AccountId("a"))
    assert len(woken) == 3
