"""Names that others have got: of groups, and of mailboxes."""

from __future__ import annotations

import pytest

from mailstore.errors import InvalidName, NotFound
from mailstore.service.access_renaming import rename
from mailstore.service.acls import PersonPermit
from tests.mailstore.service.test_access import home

__all__ = ["home"]


def test_a_group_that_was_removed_is_told_and_can_be_taken_off(home):
    groups = home.store.directory.groups
    groups.add("Sales")
    home.give("INBOX", "group:sales", "lr")
    home.give("INBOX", "-group:sales", "w")
    groups.remove("sales")
    told = [one.identifier for one in home.given("INBOX")]
    assert told == ["ann", "-group:sales", "group:sales"]
    with pytest.raises(InvalidName):
        home.give("INBOX", "group:sales", "lrs")
    for one in ("-group:sales", "group:Sales"):
        home.run(home.lists.drop("INBOX", one))
    # Others may be in a group that is called so later.
    groups.add("Sales")
    groups.join("Sales", home.bob_id)
    assert all(entry.personal for entry in home.run(home.bob().mailboxes()))


def test_a_name_that_another_mailbox_has_got_is_neither_deleted_nor_renamed(home):
    home.run(home.account.create("Work"))
    home.give("Work", "bob", "lrx")
    permit = PersonPermit(home.account, home.lists.row("Work").id, home.bob().person)
    home.run(home.account.rename("Work", "Old"))
    home.run(home.account.rename("Sent", "Work"))
    with pytest.raises(NotFound):
        home.run(home.account.delete("Work", permit))
    with pytest.raises(NotFound):
        home.run(home.account.rename("Work", "Mine", permit))
    home.run(home.account.delete("Old", permit))
    assert home.lists.row("Work")


def test_a_rename_tells_what_has_the_name(home):
    home.run(home.account.create("Work"))
    home.give("Work", "bob", "lrxk")
    home.run(home.account.create("Work/a"))
    bob, id_ = home.bob(), home.lists.row("Work/a").id
    renamed = home.run(rename(bob, "Other Users/ann/Work/a", "Other Users/ann/Work/b"))
    status = home.run(bob.status("Other Users/ann/Work/b"))
    assert renamed == status.id
    assert bob.object_ids.mailbox(renamed) == home.account.object_ids.mailbox(id_)
    home.run(home.account.create("a/b"))
    home.run(home.account.delete("a"))
    assert home.run(home.account.rename("a", "z")) is None
