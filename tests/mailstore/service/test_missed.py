"""What another process has committed, as a state that lacks it reads it."""

from __future__ import annotations

import pytest

from mailstore.lanes import Pool
from mailstore.model import FlagChange, FlagOperation
from mailstore.service import missed
from tests.mailstore.stores import hops
from tests.perf.bench import instructions

MONTH = 31 * 86_400
KEYWORDS = tuple(f"k{number:02d}" for number in range(70))  # more than a block's mask


def fill(home, count):
    home.append("INBOX", *[b"Subject: %d\r\n\r\n" % n for n in range(count)])


def add(home, mailbox, uids, *flags):
    change = FlagChange(FlagOperation.ADD, flags)
    home.run(mailbox.store_flags(uids, change, seen_at=mailbox.modseq))


def remove(home, mailbox, uids):
    add(home, mailbox, uids, "\\Deleted")
    home.run(mailbox.expunge(uids))


def content(mailbox):
    uids = list(mailbox.uids)
    return [
        (u, m, mailbox.flags(u))
        for u, m in zip(uids, mailbox.modseqs(uids), strict=True)
    ]


def catch_up(home, mailbox):
    """Have the state follow; gives the work that went to other threads."""
    pools = hops(home, mailbox.refresh())
    assert not mailbox.stale()
    return pools


def test_flags_of_several_blocks_are_as_the_other_has_them(pair):
    one, two = pair
    fill(one, 1_100)
    mine = one.open()
    remove(one, mine, [3, 5])
    theirs = two.open()
    add(one, mine, [1, 2, 600, 601], "\\Seen", "first")
    add(one, mine, [1, 7, 1_100], *KEYWORDS)
    add(one, mine, list(range(8, 1_000, 9)), "\\Flagged")
    fill(one, 3)
    add(one, mine, [1_102], "\\Answered")
    remove(one, mine, [8, 512, 1_103])
    assert catch_up(two, theirs) == []
    assert content(theirs) == content(mine)
    add(one, mine, [600], "\\Draft")
    assert catch_up(two, theirs) == []
    assert content(theirs) == content(mine)


def test_removals_are_seen_whose_tombstones_were_purged(pair):
    """A worker in which nobody had looked for a month showed what was long gone."""
    one, two = pair
    fill(one, 4)
    two.run(two.open().close())
    mine = one.open()
    remove(one, mine, [2])
    one.runtime.time += MONTH
    assert one.run(one.account.purge()) == 1
    remove(one, mine, [3])
    fill(one, 1)
    theirs = two.open()
    assert list(theirs.uids) == [1, 4, 5]
    assert content(theirs) == content(mine)


@pytest.mark.parametrize(
    ("bound", "most"),
    [("_LOOKED_AT", 20), ("_BLOCKS", 1), ("_ROWS", 2), ("_VANISHED", 1)],
)
def test_much_is_read_on_another_thread(pair, monkeypatch, bound, most):
    one, two = pair
    fill(one, 600)
    mine, theirs = one.open(), two.open()

    def change(*flags):
        add(one, mine, [1, 600], *flags)
        remove(one, mine, list(mine.uids)[10:13])
        fill(one, 3)

    change("\\Seen")
    assert catch_up(two, theirs) == []
    monkeypatch.setattr(missed, bound, most)
    change("\\Flagged")
    assert catch_up(two, theirs) == [Pool.READ]
    assert content(theirs) == content(mine)


def test_many_are_compared_on_another_thread(pair, monkeypatch):
    monkeypatch.setattr(missed, "_ONE_BY_ONE", 3)
    one, two = pair
    fill(one, 5)
    mine, theirs = one.open(), two.open()
    remove(one, mine, [2])
    one.runtime.time += MONTH
    one.run(one.account.purge())
    assert catch_up(two, theirs) == [Pool.READ]
    assert list(theirs.uids) == [1, 3, 4, 5]


def test_of_the_messages_around_what_changed_nothing_is_unpacked(pair):
    """Nor are there steps of Python for each of them."""
    one, two = pair
    fill(one, 2_048)
    mine, theirs = one.open(), two.open()
    state = theirs._state
    read = missed.Missed(theirs.id, state.modseq, state.uids, state.uidnext, None)
    add(one, mine, list(range(20, 2_048, 100)), "\\Seen")
    spent = instructions(lambda: read.at_once(two.account.readers.event))
    assert spent < 3_700
