"""What a selected mailbox does: known answers, refusals, two sessions."""

from __future__ import annotations

from array import array

import pytest

from mailstore.errors import NotFound, ReadOnly, TooMany
from mailstore.model import (
    DELETED,
    FLAGGED,
    SEEN,
    Arrival,
    Changes,
    Column,
    FlagChange,
    FlagOperation,
    InternalDate,
)
from mailstore.query import HasSystemFlag
from mailstore.service import fetching
from tests.mailstore.stores import Home, Statements

ADD, REMOVE, REPLACE = FlagOperation.ADD, FlagOperation.REMOVE, FlagOperation.REPLACE


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "store")
    yield made
    made.close()


def message(number: int) -> bytes:
    return b"Subject: m%d\r\n\r\nbody %d\r\n" % (number, number)


def fill(home, count, name="INBOX", flags=()):
    home.append(name, *[message(n) for n in range(1, count + 1)], flags=flags)


def store(home, mailbox, uids, operation, *flags, **more):
    change = FlagChange(operation, flags)
    more.setdefault("seen_at", mailbox.modseq)
    return home.run(mailbox.store_flags(uids, change, **more))


def test_a_selected_mailbox_tells_what_select_needs(home):
    fill(home, 2, flags=("\\Seen",))
    fill(home, 1)
    mailbox = home.open()
    assert list(mailbox.uids) == [1, 2, 3]
    assert mailbox.uidnext == 4
    assert mailbox.uidvalidity > 0
    assert mailbox.unseen_first() == 2
    assert mailbox.keywords == ()
    assert not mailbox.keywords_full
    assert not mailbox.readonly
    assert mailbox.flags(1) == SEEN
    assert mailbox.flags(9) is None


def test_fetch_gives_aligned_columns(home):
    date = InternalDate(1_000_000_000, -90)
    arrivals = [Arrival(message(n), ("\\Flagged", "k"), date) for n in (1, 2)]
    home.run(home.account.append("INBOX", arrivals))
    mailbox = home.open()
    (batch,) = home.fetch(mailbox, mailbox.uids, *Column)
    assert list(batch.uids) == [1, 2]
    assert batch.columns[Column.FLAGS] == [FLAGGED | 1 << 7] * 2
    assert batch.columns[Column.SIZE] == [len(message(1))] * 2
    assert batch.columns[Column.INTERNALDATE] == [(1_000_000_000, -90)] * 2
    assert batch.columns[Column.MODSEQ] == [mailbox.modseq] * 2
    assert b'"m2"' in batch.columns[Column.ENVELOPE][1]
    assert b'"text" "plain"' in batch.columns[Column.BODYSTRUCTURE][0]
    ref = batch.columns[Column.BLOB][1]
    with mailbox.blob(ref) as blob:
        assert blob.pread(0, blob.size) == message(2)


def test_fetch_leaves_out_what_never_was(home):
    fill(home, 2)
    mailbox = home.open()
    (batch,) = home.fetch(mailbox, [2, 7], Column.FLAGS, Column.ENVELOPE)
    assert list(batch.uids) == [2]
    assert home.fetch(mailbox, [], Column.FLAGS) == []
    assert home.fetch(mailbox, [9], Column.ENVELOPE) == []


def test_batches_are_bounded_by_count_and_octets(home, monkeypatch):
    fill(home, 1_030)
    mailbox = home.open()
    for columns in ((Column.FLAGS,), (Column.FLAGS, Column.ENVELOPE)):
        sizes = [len(b.uids) for b in home.fetch(mailbox, mailbox.uids, *columns)]
        assert sizes == [512, 512, 6]
    monkeypatch.setattr(fetching, "_MOST_OCTETS", 1_000)
    found = home.fetch(mailbox, mailbox.uids, Column.ENVELOPE, Column.SIZE)
    assert max(len(batch.uids) for batch in found) < 40
    assert [uid for batch in found for uid in batch.uids] == list(mailbox.uids)
    for batch in found:
        subjects = batch.columns[Column.ENVELOPE]
        assert all(
            b'"m%d"' % uid in text
            for uid, text in zip(batch.uids, subjects, strict=True)
        )
        assert len(batch.columns[Column.SIZE]) == len(batch.uids)


def test_an_expunged_message_is_served_until_it_is_told(home):
    fill(home, 3)
    mailbox, other = home.open(), home.open()
    since = mailbox.modseq
    store(home, other, [2], ADD, "\\Deleted", "k")
    home.run(other.expunge())
    columns = (Column.FLAGS, Column.SIZE, Column.ENVELOPE, Column.MODSEQ)
    (batch,) = home.fetch(mailbox, [1, 2, 3], *columns, Column.INTERNALDATE)
    assert list(batch.uids) == [1, 2, 3]
    assert batch.columns[Column.FLAGS] == [0, DELETED | 1 << 7, 0]
    assert b'"m2"' in batch.columns[Column.ENVELOPE][1]
    assert mailbox.changes(since) == Changes(other.modseq, [], [], array("I", [2]))


def test_a_purged_message_is_left_out(home):
    fill(home, 3)
    mailbox, other = home.open(), home.open()
    store(home, other, [2], ADD, "\\Deleted")
    home.run(other.expunge())
    home.runtime.time += 15 * 86_400
    assert home.run(home.account.purge()) == 1
    (batch,) = home.fetch(mailbox, [1, 2, 3], Column.FLAGS, Column.ENVELOPE)
    assert list(batch.uids) == [1, 3]


def test_the_array_of_uids_stays_true_for_who_holds_it(home):
    fill(home, 5)
    mailbox = home.open()
    held, length = mailbox.uids, len(mailbox.uids)
    fill(home, 2)
    assert mailbox.uids is held
    assert list(held[:length]) == [1, 2, 3, 4, 5]
    store(home, mailbox, [2, 4], ADD, "\\Deleted")
    home.run(mailbox.expunge())
    assert mailbox.uids is not held
    assert list(held) == [1, 2, 3, 4, 5, 6, 7]
    assert list(mailbox.uids) == [1, 3, 5, 6, 7]


def test_changes_say_what_happened_since(home):
    fill(home, 4)
    mailbox, other = home.open(), home.open()
    since = mailbox.modseq
    store(home, other, [1, 2], ADD, "\\Seen")
    store(home, other, [2, 3], ADD, "\\Deleted")
    home.run(other.expunge([3]))
    fill(home, 1)
    changes = mailbox.changes(since)
    assert changes.modseq == mailbox.modseq == other.modseq
    assert list(changes.new) == [5]
    assert list(changes.changed) == [(1, SEEN), (2, SEEN | DELETED)]
    assert list(changes.vanished) == [3]
    assert mailbox.changes(mailbox.modseq) == Changes(mailbox.modseq, (), (), ())


def test_watchers_are_woken_by_every_change(home):
    mailbox = home.open()
    woken = []
    end = mailbox.watch(lambda: woken.append(mailbox.modseq))
    fill(home, 1)
    store(home, mailbox, [1], ADD, "\\Deleted")
    home.run(mailbox.expunge())
    assert len(woken) == 3
    assert woken == sorted(woken)
    end()
    end()
    fill(home, 1)
    assert len(woken) == 3


def test_store_tells_all_rows_and_changes_few(home):
    fill(home, 3)
    mailbox = home.open()
    store(home, mailbox, [2], ADD, "\\Seen")
    before = mailbox.modseq
    stored = store(home, mailbox, [1, 2, 3, 9], ADD, "\\Seen")
    assert list(stored.uids) == [1, 2, 3]
    assert mailbox.rows([1, 2, 3]) == [(1, SEEN), (2, SEEN), (3, SEEN)]
    assert list(stored.missing) == [9]
    assert list(stored.external) == []
    (batch,) = home.fetch(mailbox, mailbox.uids, Column.MODSEQ)
    assert batch.columns[Column.MODSEQ] == [before + 1, before, before + 1]
    again = store(home, mailbox, [1, 2], ADD, "\\Seen")
    assert again.modseq == before + 1
    assert store(home, mailbox, [], ADD, "\\Seen").uids == ()


def test_store_names_what_others_had_changed(home):
    fill(home, 3)
    mailbox, other = home.open(), home.open()
    seen_at = mailbox.modseq
    store(home, other, [2], ADD, "\\Flagged")
    stored = store(home, mailbox, [1, 2, 3], ADD, "\\Seen", seen_at=seen_at)
    assert list(stored.external) == [2]
    assert mailbox.rows([2]) == [(2, SEEN | FLAGGED)]
    assert not stored.alone


def test_unchanged_since_refuses(home):
    fill(home, 3)
    mailbox = home.open()
    since = mailbox.modseq
    store(home, mailbox, [2], ADD, "\\Flagged")
    stored = store(home, mailbox, [1, 2, 3, 8], ADD, "\\Seen", unchanged_since=since)
    assert list(stored.failed) == [2]
    assert list(stored.uids) == [1, 2, 3]
    assert mailbox.rows([1, 2, 3]) == [(1, SEEN), (2, FLAGGED), (3, SEEN)]
    assert list(stored.missing) == [8]


def test_a_read_only_mailbox_refuses_writing(home):
    fill(home, 1, flags=("\\Deleted",))
    mailbox = home.open(readonly=True)
    for work in (
        lambda: store(home, mailbox, [1], ADD, "\\Seen"),
        lambda: home.run(mailbox.expunge()),
        lambda: home.run(mailbox.move([1], "Sent")),
    ):
        with pytest.raises(ReadOnly):
            work()
    home.run(mailbox.copy([1], "Sent"))


def test_too_many_keywords_change_nothing(home):
    fill(home, 1)
    mailbox = home.open()
    with pytest.raises(TooMany):
        store(home, mailbox, [1], ADD, "\\Seen", *[f"k{n}" for n in range(256)])
    assert mailbox.flags(1) == 0
    assert mailbox.keywords == ()
    store(home, mailbox, [1], ADD, *[f"k{n}" for n in range(255)])
    assert mailbox.keywords_full


def test_expunge_among_uids(home):
    fill(home, 4, flags=("\\Deleted",))
    mailbox = home.open()
    assert list(home.run(mailbox.expunge([2, 3, 9])).vanished) == [2, 3]
    assert list(mailbox.uids) == [1, 4]
    assert list(home.run(mailbox.expunge([])).vanished) == []
    assert list(home.run(mailbox.expunge()).vanished) == [1, 4]
    assert list(home.run(mailbox.expunge()).vanished) == []


def test_copy_and_move_say_which_became_which(home):
    fill(home, 4)
    fill(home, 2, "Sent")
    mailbox, sent = home.open(), home.open("Sent")
    copied = home.run(mailbox.copy([1, 3, 9], "Sent"))
    assert copied.uidvalidity == sent.uidvalidity
    assert (list(copied.source), list(copied.target)) == ([1, 3], [3, 4])
    moved = home.run(mailbox.move([2, 3], "Sent"))
    assert (list(moved.source), list(moved.target)) == ([2, 3], [5, 6])
    assert list(mailbox.uids) == [1, 4]
    assert list(sent.uids) == [1, 2, 3, 4, 5, 6]
    assert not home.run(mailbox.copy([9], "Sent")).source
    for work in (mailbox.copy([1], "nowhere"), mailbox.move([1], "nowhere")):
        with pytest.raises(NotFound):
            home.run(work)
    assert list(mailbox.uids) == [1, 4]


def test_recent_belongs_to_one_session(home):
    fill(home, 2)
    looking = home.open(readonly=True)
    assert looking.claim_recent() == (1, 2)
    first, second = home.open(), home.open()
    assert first.claim_recent() == (1, 2)
    low, high = second.claim_recent()
    assert low > high
    fill(home, 1)
    assert second.claim_recent() == (3, 3)
    low, high = first.claim_recent()
    assert low > high
    assert home.run(home.account.status("INBOX")).recent == 0


def test_recent_survives_a_restart(tmp_path):
    home = Home(tmp_path)
    fill(home, 2)
    home.open().claim_recent()
    home.close()
    again = Home(tmp_path)
    fill(again, 1)
    assert again.open().claim_recent() == (3, 3)
    again.close()


def test_a_deleted_mailbox_is_empty_for_its_sessions(home):
    home.run(home.account.create("Old"))
    fill(home, 3, "Old")
    mailbox = home.open("Old")
    since = mailbox.modseq
    home.run(home.account.delete("Old"))
    assert mailbox.gone
    assert list(mailbox.changes(since).vanished) == [1, 2, 3]
    assert not mailbox.stale()
    with pytest.raises(NotFound):
        store(home, mailbox, [1], ADD, "\\Seen")
    with pytest.raises(NotFound):
        home.run(mailbox.expunge())
    (batch,) = home.fetch(mailbox, [2], Column.ENVELOPE)
    assert list(batch.uids) == [2]
    home.run(home.account.create("Old"))
    fill(home, 1, "Old")
    assert list(mailbox.uids) == []
    home.run(mailbox.close())
    assert len(home.open("Old").uids) == 1


def test_searching_flags_asks_no_database(home):
    fill(home, 3)
    mailbox = home.open()
    store(home, mailbox, [2], ADD, "\\Seen")
    with Statements(home.account.readers.event) as statements:
        assert list(home.run(mailbox.search(HasSystemFlag(SEEN)))) == [2]
        home.fetch(mailbox, mailbox.uids, Column.FLAGS, Column.SIZE)
        assert statements == []
        home.fetch(mailbox, mailbox.uids, Column.ENVELOPE)
        assert len(statements) == 1
