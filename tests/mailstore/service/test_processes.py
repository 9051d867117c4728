"""Two processes on one store: what one commits, the other finds and tells."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from contextlib import closing

import apsw
import pytest

from mailstore.boot import boot_id
from mailstore.changes import NoBus
from mailstore.errors import Corrupt
from mailstore.index import audit
from mailstore.maintenance.check import check
from mailstore.model import (
    FLAGGED,
    SEEN,
    AccountId,
    Arrival,
    Column,
    FlagChange,
    FlagOperation,
)
from mailstore.query import All, Criterion, SortKey
from mailstore.service import arrivals, names, opened, readers, versions
from mailstore.service.missed import Missed
from mailstore.service.store import Store
from tests.mailstore.stores import Home
from tests.support.furnished import OPTIONS

ADD = FlagOperation.ADD


def content(mailbox):
    uids = list(mailbox.uids)
    return {uid: (mailbox.flags(uid)) for uid in uids}


def catch_up(home, mailbox):
    if mailbox.stale():
        home.run(mailbox.refresh())
    assert not mailbox.stale()


def test_the_other_sees_arrivals_flags_and_removals(pair):
    one, two = pair
    one.append("INBOX", b"a", b"b", b"c")
    mine, theirs = one.open(), two.open()
    assert content(mine) == content(theirs)
    since = theirs.modseq
    one.append("INBOX", b"d", flags=("key",))
    one.run(mine.store_flags([1], FlagChange(ADD, ("\\Seen",)), seen_at=mine.modseq))
    one.run(mine.store_flags([2], FlagChange(ADD, ("\\Deleted",)), seen_at=mine.modseq))
    one.run(mine.expunge())
    assert theirs.stale()
    catch_up(two, theirs)
    assert content(theirs) == content(mine)
    assert theirs.keywords == ("key",)
    changes = theirs.changes(since)
    assert list(changes.vanished) == [2]
    assert 4 in changes.new
    assert 1 in dict(changes.changed)


def test_a_commit_on_its_way_hides_none_of_another_process_before_it(pair, monkeypatch):
    """What another process committed without a word is seen, whatever comes behind."""
    one, two = pair
    one.append("INBOX", b"a")
    watching = two.open()
    one.append("INBOX", b"b")  # and dies before it tells anybody
    on_its_way: list[Callable[[], None]] = []
    with monkeypatch.context() as patch:
        patch.setattr(two.runtime, "deliver", on_its_way.append)
        appending = two.account.append("INBOX", [Arrival(b"c")])
        appending.send(None)
        assert on_its_way
        assert watching.stale()
        assert len(two.open().uids) == 3
    for call in on_its_way:
        call()
    with pytest.raises(StopIteration):
        appending.send(None)
    assert list(watching.uids) == [1, 2, 3]
    assert not watching.stale()


def test_ones_own_commit_on_its_way_is_not_read(pair, monkeypatch):
    home, _ = pair
    home.append("INBOX", b"a")
    watching = home.open()
    on_its_way: list[Callable[[], None]] = []
    with monkeypatch.context() as patch:
        patch.setattr(home.runtime, "deliver", on_its_way.append)
        appending = home.account.append("INBOX", [Arrival(b"b")])
        appending.send(None)
        assert not watching.stale()
    for call in on_its_way:
        call()
    with pytest.raises(StopIteration):
        appending.send(None)
    assert list(watching.uids) == [1, 2]


def test_each_message_has_the_modseq_of_its_own_change(pair):
    """Several commits that are read at once keep theirs (RFC 7162 §3.1.4)."""
    one, two = pair
    one.append("INBOX", b"a", b"b", b"c")
    mine, theirs = one.open(), two.open()
    for uid in (2, 1, 3):
        change = FlagChange(ADD, ("\\Seen",))
        one.run(mine.store_flags([uid], change, seen_at=mine.modseq))
    catch_up(two, theirs)
    assert theirs.modseqs([1, 2, 3]) == mine.modseqs([1, 2, 3])
    assert len(set(mine.modseqs([1, 2, 3]))) == 3


def test_what_others_change_right_after_a_store_is_told_even_so(pair, monkeypatch):
    """A client that stores silently cannot know it (RFC 3501 §6.4.6)."""
    one, two = pair
    one.append("INBOX", b"a", b"b")
    mine, theirs = one.open(), two.open()

    async def meanwhile(modseq):
        change = FlagChange(ADD, ("\\Seen",))
        two.run(theirs.store_flags([1], change, seen_at=theirs.modseq))
        await mine.refresh()

    monkeypatch.setattr(mine, "_caught_up", meanwhile)
    change = FlagChange(ADD, ("\\Flagged",))
    stored = one.run(mine.store_flags([1, 2], change, seen_at=mine.modseq))
    assert mine.rows(stored.uids) == [(1, FLAGGED | SEEN), (2, FLAGGED)]
    assert list(stored.external) == [1]


@pytest.mark.parametrize("since", [None, 1])
def test_the_other_hears_of_keywords_that_no_message_got(pair, since):
    """Refused or expunged (RFC 7162 §3.1.3): the keyword is the mailbox's even so."""
    one, two = pair
    count = 70  # more than are changed row by row
    one.append("INBOX", *(b"%d" % number for number in range(count)))
    mine, theirs = one.open(), two.open()
    if since is None:
        two.run(theirs.expunge([1], deleted_only=False))
    fresh = FlagChange(ADD, ("fresh",))
    done = one.run(
        mine.store_flags([1], fresh, unchanged_since=since, seen_at=mine.modseq)
    )
    assert list(done.missing if since is None else done.failed) == [1]
    uids = list(theirs.uids)
    for change in (fresh, FlagChange(FlagOperation.REPLACE, ("\\Seen",))):
        two.run(theirs.store_flags(uids, change, seen_at=theirs.modseq))
        assert theirs.keywords == ("fresh",)
        catch_up(one, mine)
        assert content(theirs) == content(mine)
        assert theirs.modseqs(uids) == mine.modseqs(uids)
    assert content(mine) == dict.fromkeys(uids, SEEN)


def test_both_write_in_turn(pair):
    one, two = pair
    one.append("INBOX", b"a")
    mine, theirs = one.open(), two.open()
    for number in range(6):
        home, box = ((one, mine), (two, theirs))[number % 2]
        home.append("INBOX", b"%d" % number)
        change = FlagChange(ADD, (f"k{number}",))
        stored = home.run(box.store_flags([1], change, seen_at=box.modseq))
        assert stored.uids == [1]
    catch_up(one, mine)
    catch_up(two, theirs)
    assert content(mine) == content(theirs)
    assert list(mine.uids) == [1, 2, 3, 4, 5, 6, 7]
    assert len(mine.keywords) == 6


def test_names_are_seen(pair):
    one, two = pair
    one.run(one.account.create("New/Box"))
    assert "New/Box" in two.names()
    theirs = two.open("New/Box")
    one.append("New/Box", b"x")
    catch_up(two, theirs)
    one.run(one.account.delete("New/Box"))
    assert theirs.stale()
    catch_up(two, theirs)
    assert theirs.gone
    assert list(theirs.uids) == []


def test_a_notice_wakes_who_watches(pair):
    one, two = pair
    theirs = two.open()
    woken, listed = [], []
    theirs.watch(lambda: woken.append(theirs.modseq))
    follower = two.account.follow(lambda: listed.append(True))
    two.run(follower.begin())
    one.append("INBOX", b"x")
    two.account.noticed(theirs.id)
    two.account.noticed(theirs.id)
    assert len(woken) == 1
    assert list(theirs.uids) == [1]
    two.account.noticed(0)
    assert listed == [True]


def test_unused_mailboxes_leave_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "_KEPT", 1)
    home = Home(tmp_path)
    for name in ("INBOX", "Sent", "Trash"):
        home.append(name, b"a", b"b")
        home.run(home.open(name).close())
    assert len(home.account.opened._states) == 1
    home.close()


def test_what_was_sorted_of_mailboxes_counts_as_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "_KEPT", 2_000)
    monkeypatch.setattr(opened, "_OCTETS", 1)
    home = Home(tmp_path)
    names = [f"box{number}" for number in range(8)]
    for name in names:
        home.run(home.account.create(name))
        home.append(name, *[b"Subject: %d\r\n\r\n" % number for number in range(9)])
        home.run(home.open(name).close())
    states = home.account.opened._states
    assert len(states) == len(names)
    for name in names:
        box = home.open(name)
        home.run(box.sort(All(), (Criterion(SortKey.SUBJECT),)))
        home.run(box.close())
    assert len(states) == 1
    home.close()


def test_empty_mailboxes_leave_memory_too(tmp_path, monkeypatch):
    """However many somebody makes and selects; what happened in them counts as well."""
    monkeypatch.setattr(opened, "_KEPT", 1_000)
    home = Home(tmp_path)
    for number in range(40):
        home.run(home.account.create(f"box{number}"))
        home.run(home.open(f"box{number}").close())
    states = home.account.opened._states
    assert 1 < len(states) < 20
    deleted = FlagChange(ADD, ("\\Deleted",))
    for number in range(40):
        mailbox = home.open(f"box{number}")
        for _ in range(5):
            home.append(mailbox.name, b"a")
            home.run(mailbox.store_flags(mailbox.uids, deleted, seen_at=2**60))
            home.run(mailbox.expunge(mailbox.uids))
        home.run(mailbox.close())
    assert 1 < len(states) < 8
    home.close()


def test_messages_that_one_stored_the_other_reads(pair):
    one, two = pair
    theirs = two.open()
    one.append("INBOX", b"small", b"x" * 2_000_000)
    catch_up(two, theirs)
    (batch,) = two.fetch(theirs, theirs.uids, Column.BLOB, Column.SIZE)
    columns = (batch.columns[Column.BLOB], batch.columns[Column.SIZE])
    for ref, size in zip(*columns, strict=True):
        with theirs.blob(ref) as blob:
            assert blob.size == size


@pytest.mark.parametrize("seed", range(3))
def test_random_work_of_two_converges(tmp_path, seed):
    rng = random.Random(seed)
    homes = [Home(tmp_path), Home(tmp_path)]
    homes[0].append("INBOX", *[b"m%d" % n for n in range(8)])
    boxes = [home.open() for home in homes]
    for _ in range(120):
        at = rng.randrange(2)
        home, box = homes[at], boxes[at]
        uids = sorted(rng.sample(list(box.uids), min(3, len(box.uids))))
        flags = tuple(rng.sample(["\\Seen", "\\Deleted", "a", "b"], 2))
        change = FlagChange(rng.choice(list(FlagOperation)), flags)
        match rng.randrange(6):
            case 0:
                home.append("INBOX", b"new")
            case 1:
                home.run(box.store_flags(uids, change, seen_at=box.modseq))
            case 2:
                home.run(box.expunge())
            case 3:
                home.run(box.copy(uids, "INBOX"))
            case 4:
                home.run(box.move(uids, "Sent"))
            case _:
                catch_up(home, box)
    for home, box in zip(homes, boxes, strict=True):
        catch_up(home, box)
    assert content(boxes[0]) == content(boxes[1])
    assert boxes[0].keywords == boxes[1].keywords
    for home in homes:
        home.close()
    assert check(tmp_path).whole


def test_parts(tmp_path):
    assert boot_id() == boot_id() != ""
    assert arrivals.digest_of(b"x") == arrivals.digest_of(b"x")
    home = Home(tmp_path, dataclasses.replace(OPTIONS, durable_flags=True))
    assert isinstance(home.account.readers, readers.Readers)
    looked = versions.Versions(home.account.readers)
    found = names.Names(home.runtime, home.account.readers, looked)
    assert home.run(found.entries())
    assert audit.structure(home.account.readers.event) == []
    Store.open(tmp_path, home.runtime, options=OPTIONS, bus=NoBus()).close()
    assert AccountId(home.id) == home.account.id
    home.close()


def test_a_notice_is_followed_where_somebody_waits(pair, monkeypatch):
    one, two = pair
    one.append("INBOX", b"a")
    theirs = two.open()
    states = two.account.opened
    readings: list[int] = []
    catching_up = states.catch_up

    async def counted(opened):
        readings.append(opened.state.modseq)
        if len(readings) == 1:
            # Others write on while it is read: that needs one reading more, not two.
            one.append("INBOX", b"c")
            two.account.noticed(theirs.id)
            two.account.noticed(theirs.id)
            assert len(readings) == 1
        await catching_up(opened)

    monkeypatch.setattr(states, "catch_up", counted)
    one.append("INBOX", b"b")
    two.account.noticed(theirs.id)
    assert (readings, theirs.stale()) == ([], True)  # the next command reads it
    end = theirs.watch(lambda: None)
    two.account.noticed(theirs.id)
    assert len(readings) <= 2
    assert (list(theirs.uids), theirs.stale()) == ([1, 2, 3], False)
    end()
    known = theirs.modseq
    one.append("INBOX", b"d")
    two.account.noticed(theirs.id)
    assert theirs.modseq == known


def test_an_index_that_went_back_is_loaded_anew(pair, tmp_path):
    """Somebody put an older one in its place, or damaged it: nothing can follow."""
    one, two = pair
    one.append("INBOX", b"a", b"b", b"c")
    mine, theirs = one.open(), two.open()
    for _ in range(3):
        one.run(mine.store_flags([1], FlagChange(ADD, ("\\Seen",)), seen_at=10**6))
        one.run(
            mine.store_flags(
                [1], FlagChange(FlagOperation.REMOVE, ("\\Seen",)), seen_at=10**6
            )
        )
    catch_up(two, theirs)
    (path,) = tmp_path.rglob("index.db")
    with closing(apsw.Connection(str(path))) as index:
        index.execute("UPDATE mailbox SET highestmodseq = 1")
    woken: list[bool] = []
    end = theirs.watch(lambda: woken.append(True))
    one.append("INBOX", b"d")
    for home, mailbox in ((one, mine), (two, theirs)):
        catch_up(home, mailbox)
        assert mailbox.lost
        assert not mailbox.readable
        assert not mailbox.stale()
        home.run(mailbox.close())
        again = home.open()
        assert not again.lost
        assert list(again.uids) == [1, 2, 3, 4]
        home.run(again.close())
    assert woken
    end()


def test_what_a_notice_cannot_read_is_reported_once(pair, monkeypatch):
    """Somebody idles in a mailbox with a damaged index, and others bring mail."""
    one, two = pair
    theirs = two.open()
    woken: list[bool] = []
    end = theirs.watch(lambda: woken.append(True))
    for _ in range(2):
        with monkeypatch.context() as damaged:
            damaged.setattr(Missed, "at_once", unreadable)
            one.append("INBOX", b"a")
            with pytest.raises(Corrupt):
                two.account.noticed(theirs.id)
            two.account.noticed(theirs.id)
            with pytest.raises(Corrupt):
                catch_up(two, theirs)
            two.account.noticed(theirs.id)
        assert woken == []
        two.account.noticed(theirs.id)
        assert woken.pop()
    end()
    two.run(theirs.close())


def unreadable(*_: object) -> None:
    raise Corrupt
