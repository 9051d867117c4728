"""What memory waits for, and what it has to read itself."""

from __future__ import annotations

from mailstore.index.records import Delta
from mailstore.model import MailboxId
from mailstore.on_its_way import OnItsWay

BOX = MailboxId(7)


def test_what_follows_on_a_state_is_brought_to_it():
    coming = OnItsWay()
    coming.announce(Delta(BOX, 4, 5))
    coming.announce(Delta(BOX, 5, 6))
    assert coming.brings(BOX, 4, 6)
    assert coming.brings(BOX, 5, 6)
    assert not coming.brings(BOX, 3, 6), "what made it 4 was another process"
    assert not coming.brings(BOX, 4, 7), "what made it 7 too"
    assert not coming.brings(MailboxId(8), 4, 6)


def test_behind_somebody_elses_commit_a_new_stretch_begins():
    coming = OnItsWay()
    coming.announce(Delta(BOX, 4, 5))
    coming.announce(Delta(BOX, 6, 7))
    assert not coming.brings(BOX, 4, 7)
    assert coming.brings(BOX, 6, 7)


def test_what_arrived_is_no_longer_on_its_way():
    coming = OnItsWay()
    for base in (4, 5):
        coming.announce(Delta(BOX, base, base + 1))
    coming.arrived(Delta(BOX, 4, 5))
    assert coming
    coming.arrived(Delta(BOX, 5, 6))
    assert not coming


def test_what_failed_is_forgotten():
    coming = OnItsWay()
    coming.announce(Delta(BOX, 4, 5))
    coming.clear()
    assert not coming
