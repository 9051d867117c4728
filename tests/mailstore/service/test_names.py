"""The list of names: its order, and what is known of each."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from mailstore.model import MailboxEntry, MailboxId, SpecialUse
from mailstore.service.names import _entries, name_order

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
