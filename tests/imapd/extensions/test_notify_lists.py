"""What a NOTIFY client hears of names and subscriptions (RFC 5465 §5.4, §5.5)."""

from __future__ import annotations

from imapd.extensions.notify.interests import Interests
from imapd.extensions.notify.lists import NamesTold
from imapd.features import ALL as ALL_FEATURES
from imapd.session.registry import Registry
from mailstore.model import MailboxEntry, NameChange
from tests.imapd.commands.peers import parsed
from tests.imapd.extensions.notify_peers import ALL, MESSAGE, heard, listed
from tests.support.responses import (
    ListLine,
    StatusLine,
)


def test_names(ann, other):
    ann.ok(b"NOTIFY SET (personal (MailboxName))")
    other.ok(b"CREATE a/b")
    assert listed(ann) == [
        ("a", frozenset({"\\HasChildren", "\\Subscribed"})),
        ("a/b", frozenset({"\\HasNoChildren", "\\Subscribed"})),
    ]
    other.ok(b"CREATE a/c")  # the parent is affected, though it looks as before
    assert [name for name, _ in listed(ann)] == ["a/c", "a"]
    other.ok(b"UNSUBSCRIBE a/b")
    assert ann.read() == []
    other.ok(b"DELETE a")  # its subscription stays
    assert listed(ann) == [
        ("a", frozenset({"\\NonExistent", "\\HasChildren", "\\Subscribed"}))
    ]
    other.ok(b"DELETE a/b")
    assert listed(ann)[0] == (
        "a/b",
        frozenset({"\\NonExistent", "\\HasNoChildren"}),
    )


def test_a_new_name(ann, other):
    """RFC 5465 §5.4: what was renamed along is not told of."""
    other.ok(b"CREATE Old/x/y")
    ann.ok(b"NOTIFY SET (personal (MailboxName SubscriptionChange))")
    other.ok(b"RENAME Old New")
    (line,) = heard(ann, ListLine)
    assert (line.name, line.extended) == ("New", (("OLDNAME", (b"Old",)),))
    other.ok(b"RENAME New/x/y Other/z")
    lines = {line.name: line for line in heard(ann, ListLine)}
    assert lines["Other/z"].extended == (("OLDNAME", (b"New/x/y",)),)
    assert "\\HasChildren" in lines["Other"].attributes
    assert "\\HasNoChildren" in lines["New/x"].attributes


def test_names_that_are_not_ascii(ann, other):
    ann.ok(b"NOTIFY SET (personal (MailboxName))")
    other.ok(b"CREATE Entw&APw-rfe")
    other.ok(b'RENAME Entw&APw-rfe "B&AOQ-r 1"')
    first, second = heard(ann, ListLine)
    assert (first.name, second.name) == ("Entw&APw-rfe", "B&AOQ-r 1")
    assert second.extended == (("OLDNAME", (b"Entw&APw-rfe",)),)


def test_a_child_that_is_watched_alone(ann, other):
    other.ok(b"CREATE Old/x")
    ann.ok(b"NOTIFY SET (mailboxes Old/x (MailboxName))")
    other.ok(b"RENAME Old New")
    (line,) = heard(ann, ListLine)
    assert (line.name, line.extended) == ("New/x", (("OLDNAME", (b"Old/x",)),))


def test_subscriptions(ann, other):
    other.ok(b"CREATE a")
    ann.ok(b"NOTIFY SET (personal (SubscriptionChange))")
    other.ok(b"UNSUBSCRIBE a")
    assert listed(ann) == [("a", frozenset({"\\HasNoChildren"}))]
    other.ok(b"SUBSCRIBE a")
    assert listed(ann) == [("a", frozenset({"\\HasNoChildren", "\\Subscribed"}))]
    other.ok(b"RENAME a b")
    assert [name for name, _ in listed(ann)] == ["a", "b"]
    other.ok(b"CREATE c")
    assert [name for name, _ in listed(ann)] == ["c"]
    other.ok(b"DELETE c")  # its subscription stays
    assert ann.read() == []


def test_renaming_inbox_makes_a_mailbox(world, ann, other):
    """RFC 5465 §5.4: INBOX itself is told of by its counters alone."""
    world.deliver(MESSAGE)
    ann.ok(ALL)
    other.ok(b"RENAME INBOX kept")
    found = ann.read()
    assert [line.name for line in found if isinstance(line, ListLine)] == ["kept"]
    counts = {line.name: line.items for line in found if isinstance(line, StatusLine)}
    assert counts["INBOX"]["MESSAGES"] == 0
    assert counts["kept"]["MESSAGES"] == 1


def test_a_parent_that_does_not_exist_is_told_of_all_the_same():
    """RFC 5465 §5.4."""
    interests = Interests(parsed(b"NOTIFY SET (personal (MailboxName))"))
    deleted = MailboxEntry("a/b", True, True, False, False)
    news = list(NamesTold(interests, lambda _: None).news([NameChange(deleted, None)]))
    assert [one.entry.name for one in news] == ["a/b", "a"]
    registry = Registry.of(ALL_FEATURES)
    assert news[1].render(registry, utf8=False).startswith(b"LIST (\\NonExistent ")
