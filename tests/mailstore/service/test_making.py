"""Who may make a mailbox: asked before the transaction, and inside it."""

from __future__ import annotations

import pytest

from mailstore.errors import NotPermitted
from mailstore.rights import parse_rights
from mailstore.service.account import Account
from mailstore.service.making import may_make
from mailstore.service.rights_lists import Change
from tests.mailstore.service.test_access import Two


@pytest.fixture
def home(tmp_path):
    made = Two(tmp_path)
    made.run(made.account.create("Work"))
    made.give("Work", "bob", "lrkx")
    yield made
    made.close()


def test_the_nearest_superior_decides(home):
    bob = home.run(home.store.access(home.bob_id)).person()
    reader = home.account.readers.event

    def asked(name, person, *, public=False):
        may_make(home.account.id, name, person, public=public)(reader)

    asked("Work/a", bob)
    asked("Work/not there/a", bob)
    for name in ("a", "Workplace/a", "Sent/a"):
        with pytest.raises(NotPermitted):
            asked(name, bob)


@pytest.mark.parametrize(
    ("method", "names"),
    [("create", ["Work/a"]), ("rename", ["Work/there", "Work/a"])],
)
def test_a_right_that_is_taken_meanwhile_is_missed(home, monkeypatch, method, names):
    """Between the check and the transaction others may have taken the right."""
    home.run(home.account.create("Work/there"))
    plain = getattr(Account, method)

    async def late(account, *arguments, **more):
        rights = "lrx"
        await home.lists.change("Work", "bob", Change.REPLACE, parse_rights(rights))
        return await plain(account, *arguments, **more)

    bob = home.bob()
    monkeypatch.setattr(Account, method, late)
    wanted = [f"Other Users/ann/{name}" for name in names]
    with pytest.raises(NotPermitted):
        home.run(getattr(bob, method)(*wanted))
    monkeypatch.undo()
    there = {entry.name for entry in home.run(home.account.mailboxes())}
    assert "Work/there" in there
    assert "Work/a" not in there
    home.run(bob.close())
