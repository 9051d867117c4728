"""The list of names: its order, and what is known of each."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailstore.errors import NotFound
from mailstore.model import MailboxEntry, MailboxId, SpecialUse
from mailstore.service.names import _entries, name_order
from tests.mailstore.stores import Home

levels = st.sampled_from(
    ["INBOX", "INBOXes", "Inbox", "a", "b", "a b", "a-b", "a.b", "ä", "日本", "~", " "]
)
names = st.lists(levels, min_size=1, max_size=4).map("/".join)


def entry(name: str) -> MailboxEntry:
    return MailboxEntry(name, True, True, False, False)


@given(st.lists(names))
@example(["a b", "a/b", "a", "a-b", "INBOX/b", "INBOX", "INBOXes", " "])
def test_inbox_is_first_and_parents_stand_before_their_children(some: list[str]):
    def obviously(name: str) -> tuple[bool, list[str]]:
        first, *rest = name.split("/")
        return first != "INBOX", [first, *rest]

    found = sorted([entry(name) for name in some], key=name_order)
    assert [one.name for one in found] == sorted(some, key=obviously)


@given(st.sets(names), st.sets(names))
def test_each_name_is_told_once_with_what_is_known_of_it(
    there: set[str], subscribed: set[str]
):
    rows = [
        (MailboxId(at), name, at % 2 == 0, SpecialUse.SENT if at == 3 else None)
        for at, name in enumerate(sorted(there))
    ]
    found = _entries(rows, subscribed)
    known = {name: (at, selectable, use) for at, name, selectable, use in rows}
    assert {one.name for one in found} == there | subscribed
    assert len(found) == len(there | subscribed)
    for one in found:
        inside = one.name + "/"
        assert one.exists == (one.name in there)
        assert one.subscribed == (one.name in subscribed)
        assert one.has_children == any(name.startswith(inside) for name in there)
        told = (one.id, one.selectable, one.special_use)
        assert told == known.get(one.name, (None, False, None))


def test_what_another_program_does_to_a_name_holds_for_the_next_message(tmp_path):
    """That a mailbox is there is remembered from one message to the next."""
    home, other = Home(tmp_path), None

    def admitted(name: str) -> bool:
        try:
            home.run(home.account.admit(name, 1)).abort()
        except NotFound:
            return False
        return True

    try:
        home.run(home.account.create("Work/Old"))
        assert admitted("Work/Old")
        assert not admitted("New")
        other = Home(tmp_path)
        other.run(other.account.rename("Work/Old", "New"))
        assert not admitted("Work/Old")
        assert admitted("New")
        other.run(other.account.create("Work/Old"))
        assert admitted("Work")
        other.run(other.account.delete("Work"))
        assert not admitted("Work")
        with pytest.raises(NotFound, match="inferior"):
            home.run(home.account.admit("Work", 1))
        other.run(other.account.delete("New"))
        assert not admitted("New")
    finally:
        home.close()
        if other is not None:
            other.close()
