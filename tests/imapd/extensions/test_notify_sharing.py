"""What a NOTIFY client hears of others' mailboxes: as far as its rights go (RFC 5465).

§3.1 and §5: "l" and "r" for all events; §5.4 and §5.9: a right that comes or goes is a
name that does.
"""

from __future__ import annotations

import pytest

from mailstore.service import following
from tests.imapd.extensions.notify_peers import MESSAGE, heard, listed
from tests.support.linked_bus import LinkedBus
from tests.support.responses import ListLine, Metadata, Status, StatusLine
from tests.support.session import World

BOX = "Other Users/ann/Work"
HERE = b'"Other Users/ann/Work"'
EVENTS = b"(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)"
SUBTREE = b'NOTIFY SET (subtree "Other Users" %b)' % EVENTS


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, "ann", "bob", "eve")
    ann = made.session("ann")
    for name in (b"Work", b"Work/Deep", b"Secret"):
        ann.ok(b"CREATE " + name)
    yield made
    made.close()


@pytest.fixture
def bob(world):
    return world.session("bob")


def counted(session):
    """Give the counters that came unasked, and nothing else did."""
    return [
        (line.name, line.items["MESSAGES"], line.items["UNSEEN"])
        for line in heard(session, StatusLine)
    ]


@pytest.mark.parametrize(
    "group", [b'subtree "Other Users"', b"mailboxes " + HERE, b"subscribed"]
)
def test_messages_of_others_are_counted(world, bob, group):
    world.share("Work", "bob", "lr")
    bob.ok(b"SUBSCRIBE " + HERE)
    bob.ok(b"NOTIFY SET (%b (MessageNew MessageExpunge))" % group)
    world.deliver(MESSAGE, MESSAGE, to="Work")
    assert counted(bob) == [(BOX, 2, 2)]
    world.deliver(MESSAGE, to="Secret")
    world.deliver(MESSAGE, to="Work/Deep")
    assert bob.read() == []
    ann = world.session("ann", b"Work")
    ann.ok(b"STORE 1 +FLAGS (\\Deleted)")
    ann.ok(b"EXPUNGE")
    assert counted(bob)[-1] == (BOX, 1, 1)


@pytest.mark.parametrize("group", [b"personal", b"inboxes"])
def test_what_is_personal_is_ones_own(world, bob, group):
    world.share("Work", "bob", "lr")
    bob.ok(b"NOTIFY SET (%b %b)" % (group, EVENTS))
    world.deliver(MESSAGE, to="Work")
    world.share("Work/Deep", "bob", "lr")
    bob.ok(b"SUBSCRIBE " + HERE)
    assert bob.read() == []
    world.deliver(MESSAGE, name="bob")
    assert counted(bob) == [("INBOX", 1, 1)]


def test_counters_are_told_at_once_of_what_may_be_read(world, bob):
    world.deliver(MESSAGE, to="Work")
    world.share("Work", "bob", "lr")
    world.share("Work/Deep", "bob", "l")
    world.share("Secret", "bob", "r")
    answer = bob.ok(SUBTREE.replace(b"SET", b"SET STATUS"))
    (line,) = answer.of(StatusLine)
    assert (line.name, line.items["MESSAGES"]) == (BOX, 1)
    # §3.1: that one is listed, and may not be read.
    (barred,) = answer.of(ListLine)
    assert barred.name == f"{BOX}/Deep"
    assert "\\NoAccess" in barred.attributes
    assert b"Secret" not in answer.raw
    for name in ("Work/Deep", "Secret"):
        world.deliver(MESSAGE, to=name)
    assert bob.read() == []


def test_more_accounts_than_can_be_followed(world, bob, monkeypatch):
    """§3.1: too expensive is NO; §5.8: what becomes so ends it."""
    monkeypatch.setattr(following, "MAX_FOLLOWED", 1)
    world.share("Work", "bob", "lr")
    bob.ok(SUBTREE)
    world.share("INBOX", "bob", "lr", owner="eve")
    (said,) = heard(bob, Status)
    assert said.code_name == "NOTIFICATIONOVERFLOW"
    world.deliver(MESSAGE, to="Work")
    assert bob.read() == []
    bob.no(SUBTREE, "NOTIFICATIONOVERFLOW")
    bob.ok(b"NOTIFY SET (mailboxes %b %b)" % (HERE, EVENTS))
    world.deliver(MESSAGE, to="Work")
    assert counted(bob) == [(BOX, 2, 2)]


def test_rights_that_come_and_go_are_names_that_do(world, bob):
    bob.ok(SUBTREE)
    world.deliver(MESSAGE, to="Work")
    assert bob.read() == []
    world.share("Work", "bob", "l")
    names = dict(listed(bob))
    assert "\\NoAccess" in names[BOX]
    assert "\\NonExistent" not in names[BOX]
    world.deliver(MESSAGE, to="Work")
    assert bob.read() == []
    # §5.9: what may be read is followed from here on, and told of as it is.
    world.share("Work", "bob", "lr")
    name, counters = bob.read()
    assert isinstance(name, ListLine)
    assert (name.name, "\\NoAccess" in name.attributes) == (BOX, False)
    assert isinstance(counters, StatusLine)
    assert counters.items["MESSAGES"] == 2
    world.deliver(MESSAGE, to="Work")
    assert counted(bob) == [(BOX, 3, 3)]
    world.share("Work", "bob", "l")
    ((name, attributes),) = listed(bob)
    assert (name, "\\NoAccess" in attributes) == (BOX, True)
    world.share("Work", "bob", "")
    names = dict(listed(bob))
    assert "\\NonExistent" in names[BOX]
    assert "\\NoAccess" not in names[BOX]  # it might as well be gone
    world.deliver(MESSAGE, to="Work")
    assert bob.read() == []


def test_what_owners_do_to_names_is_told_of_those_that_are_seen(world, bob):
    world.share("Work", "bob", "lr")
    bob.ok(SUBTREE)
    ann = world.session("ann")
    ann.ok(b"CREATE Secret/Deep")
    assert bob.read() == []
    ann.ok(b"CREATE Work/New")  # with the rights of its superior
    told = dict(listed(bob))
    assert told.keys() == {BOX, f"{BOX}/New"}
    assert "\\HasChildren" in told[BOX]
    ann.ok(b"RENAME Work/New Work/Newer")
    (line,) = heard(bob, ListLine)
    assert (line.name, dict(line.extended)["OLDNAME"]) == (
        f"{BOX}/Newer",
        (f"{BOX}/New".encode(),),
    )
    ann.ok(b"DELETE Work/Newer")
    assert "\\NonExistent" in dict(listed(bob))[f"{BOX}/Newer"]


def test_a_subscription_to_what_was_hidden_is_told_as_it_is(world, bob):
    world.share("Work", "bob", "lr")
    bob.ok(b"NOTIFY SET (subscribed (SubscriptionChange MailboxName))")
    world.session("bob").ok(b"SUBSCRIBE " + HERE)
    ((name, attributes),) = listed(bob)
    assert (name, "\\Subscribed" in attributes) == (BOX, True)
    assert "\\NonExistent" not in attributes
    world.share("Work", "bob", "")
    ((name, attributes),) = listed(bob)
    assert {"\\NonExistent", "\\Subscribed"} <= attributes


def test_what_is_unread_is_each_persons_own(world, bob):
    world.deliver(MESSAGE, MESSAGE, to="Work")
    world.share("Work", "bob", "lrs")
    bob.ok(SUBTREE)
    phone, ann = world.session("bob", HERE), world.session("ann", b"Work")
    ann.ok(b"STORE 1 +FLAGS (\\Seen)")
    assert bob.read() == []
    phone.ok(b"STORE 1 +FLAGS (\\Seen)")
    (line,) = heard(bob, StatusLine)
    assert (line.name, line.items["UNSEEN"]) == (BOX, 1)
    bob.ok(b"SELECT " + HERE)
    phone.ok(b"UNSELECT")
    assert bob.read() == []


def test_annotations_of_others_are_told(world, bob):
    """§5.6: those that all have, and one's own, of what may be read."""
    world.share("Work", "bob", "lrw")
    world.share("Secret", "bob", "l")
    bob.ok(b'NOTIFY SET (subtree "Other Users" (MailboxMetadataChange))')
    ann, phone = world.session("ann"), world.session("bob")
    ann.ok(b'SETMETADATA Work (/shared/comment "x" /private/comment "y")')
    (line,) = heard(bob, Metadata)
    assert (line.name, line.changed) == (BOX, ("/shared/comment",))
    phone.ok(b'SETMETADATA %b (/private/comment "z")' % HERE)
    (line,) = heard(bob, Metadata)
    assert (line.name, line.changed) == (BOX, ("/private/comment",))
    for name in (b"Secret", b"Sent", b"Work/Deep"):
        ann.ok(b'SETMETADATA %b (/shared/comment "x")' % name)
    assert bob.read() == []
    bob.ok(b'SETMETADATA %b (/shared/comment "mine")' % HERE)
    assert bob.read() == []
    world.share("Work", "bob", "l")
    bob.read()
    ann.ok(b'SETMETADATA Work (/shared/comment "x")')
    assert bob.read() == []


def test_groups_and_public_mailboxes(world, bob):
    directory = world.store.directory
    directory.groups.add("sales")
    world.share("Team", "group:sales", "lr", owner=None)
    bob.ok(b"NOTIFY SET (subtree Shared %b)" % EVENTS)
    directory.groups.join("sales", directory.find("bob").id)
    assert bob.read() == []  # the command line tells nobody
    world.runtime.advance(6)
    assert "Shared/Team" in dict(listed(bob))
    directory.groups.leave("sales", directory.find("bob").id)
    told = {line.name: line.attributes for line in bob.ok(b"NOOP").of(ListLine)}
    assert "\\NonExistent" in told["Shared/Team"]


def test_another_worker_shares(tmp_path):
    here, there = (World(tmp_path, "ann", "bob", bus=bus) for bus in LinkedBus.pair())
    here.session("ann").ok(b"CREATE Work")
    bob = there.session("bob")
    bob.ok(SUBTREE)
    here.share("Work", "bob", "lr")
    assert BOX in dict(listed(bob))
    here.deliver(MESSAGE, to="Work")
    assert counted(bob) == [(BOX, 1, 1)]
    here.share("Work", "bob", "l")
    assert "\\NoAccess" in dict(listed(bob))[BOX]
    here.close()
    there.close()


def test_a_program_that_tells_nobody_shares(world, tmp_path, bob):
    world.share("Work", "bob", "lr")
    bob.ok(SUBTREE)
    stranger = World(tmp_path)
    stranger.share("Work", "bob", "l")
    assert bob.read() == []
    world.runtime.advance(6)
    assert "\\NoAccess" in dict(listed(bob))[BOX]
    stranger.close()


def test_the_selected_mailbox_is_told_of_by_itself(world, bob):
    world.share("Work", "bob", "lrs")
    bob.ok(b"SELECT " + HERE)
    bob.ok(SUBTREE)
    world.deliver(MESSAGE, to="Work")
    assert bob.read() == []
    bob.ok(b"UNSELECT")
    world.deliver(MESSAGE, to="Work")
    assert counted(bob)[-1] == (BOX, 2, 2)


def test_what_a_session_does_itself_is_no_news(world, bob):
    world.share("Work", "bob", "lrsi")
    bob.ok(SUBTREE)
    answer = bob.append(HERE, MESSAGE)
    assert answer.of(StatusLine) == []
    assert bob.read() == []


def test_notify_none_follows_nobody(world, bob):
    world.share("Work", "bob", "lr")
    bob.ok(SUBTREE)
    found = world.store.directory.find("ann")
    account = world.runtime.run(world.store.account(found.id))
    world.runtime.run(account.close())
    users = account.users
    assert account._overview.followed
    bob.ok(b"NOTIFY NONE")
    assert not account._overview.followed
    assert account.users == users - 1
    world.deliver(MESSAGE, to="Work")
    assert bob.read() == []
