"""Backups: points in time that share what has not changed, proved and pruned."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, datetime, timedelta

import pytest

from mailstore.blobs import FileSystem
from mailstore.blobs.pool import Pool
from mailstore.errors import Busy, Corrupt, DiskFull, NotFound, Unavailable
from mailstore.locking import folder_held
from mailstore.maintenance import backup
from mailstore.maintenance.backup import back_up
from mailstore.maintenance.backup_points import BackupFolder, Missing, Point
from mailstore.maintenance.backup_prune import Keep, prune, wanted
from mailstore.maintenance.backup_verify import verify
from mailstore.model import FlagChange, FlagOperation
from tests.mailstore.stores import Home

DELETE = FlagChange(FlagOperation.ADD, ("\\Deleted",))
BIG = b"Subject: big\r\n\r\n" + b"x" * 2_000_000
START = 1_800_000_000.0


class Site:
    """A store with one account, and where its backups go."""

    def __init__(self, path, *, fresh: bool = False) -> None:
        self.time = START
        self.store = path / "store"
        self.path = path / "backup"
        self.home = Home(self.store, time=START, fresh=fresh)

    def now(self) -> float:
        return self.time

    def take(self, files: FileSystem | None = None):
        self.time += 3_600
        return back_up(self.store, self.path, self.now, files=files or FileSystem())

    def expunge(self, *uids: int) -> None:
        mailbox = self.home.open()
        self.home.run(mailbox.store_flags(list(uids), DELETE, seen_at=0))
        self.home.run(mailbox.expunge())
        self.home.run(mailbox.close())

    def pool(self) -> Pool:
        return Pool(BackupFolder(self.path).account_folder(self.home.id))

    def index(self):
        return self.home.store.folder(self.home.id) / "index.db"

    def segments(self):
        return sorted((self.home.store.folder(self.home.id) / "blobs").glob("*.pack"))


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    made.home.append("INBOX", b"Subject: a\r\n\r\na", b"Subject: b\r\n\r\nb", BIG)
    yield made
    made.home.close()


def test_a_point_has_every_message(site):
    done = site.take()
    assert done.point.whole
    assert done.point.name == "20270115T090000Z"
    assert done.messages == 3
    assert done.octets > len(BIG)
    (account,) = done.point.accounts
    assert (account.name, account.messages) == ("ann", 3)
    found = verify(site.path)
    assert found.whole
    assert (found.points, found.messages) == (1, 3)
    assert BackupFolder(site.path).points() == [done.point]


def test_what_has_not_changed_is_not_copied_again(site):
    first = site.take()
    site.home.append("INBOX", b"Subject: c\r\n\r\nc")
    second = site.take()
    assert second.messages == 1
    assert second.octets < 30_000 < first.octets
    third = site.take()
    assert (third.messages, third.unchanged) == (0, 1)
    assert third.octets == 0
    assert len(BackupFolder(site.path).names()) == 3


def test_a_change_that_leaves_no_time_behind_is_seen(site):
    """Files are written within one tick of the clock that stamps them."""
    site.time = site.home.store.path.stat().st_mtime - 3_600
    site.take()
    site.home.append("INBOX", b"Subject: c\r\n\r\nc")
    assert site.take().messages == 1


def test_nobody_else_can_read_it(site):
    site.take()
    for path in (site.path, *site.path.rglob("*")):
        wanted_mode = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted_mode, path


def test_removed_messages_are_there_as_long_as_they_can_be_restored(site):
    site.expunge(1)
    done = site.take()
    assert done.messages == 3
    assert done.point.messages == 2


def test_compaction_does_not_copy_messages_again(site):
    for at in range(20):
        site.home.append("INBOX", b"Subject: %d\r\n\r\n%b" % (at, b"x" * 10_000))
    site.take()
    site.expunge(*range(4, 20))
    site.home.account.blobs.packs.sync()
    site.home.close()
    site.home = Home(site.store, time=START + 86_400 * 30)
    site.home.run(site.home.account.purge())
    before = site.segments()
    for path in before:
        os.utime(path, (START, START))
    site.home.run(site.home.account.reclaim())
    for path in before:
        if path.exists():
            os.utime(path, (START, START))
    site.home.run(site.home.account.reclaim())
    assert site.segments() != before
    assert site.take().messages == 0
    assert verify(site.path).whole


def test_nothing_is_given_back_while_an_account_is_copied(site):
    site.expunge(1, 2, 3)
    site.home.close()
    before = site.segments()
    for path in before:
        os.utime(path, (START, START))
    with folder_held(site.home.store.folder(site.home.id), shared=True):
        site.home = Home(site.store, time=START + 86_400 * 30)  # it purges
        assert site.home.run(site.home.account.reclaim()) == 0
    assert site.segments() == before
    assert site.home.run(site.home.account.reclaim()) == 2


def test_messages_that_are_purged_in_the_middle_are_there(site, monkeypatch):
    """The index was copied; then everything is removed, and its space wanted back."""
    found = backup._copy_messages

    def slow(*arguments):
        site.expunge(1, 2, 3)
        site.home.runtime.time += 86_400 * 30
        site.home.run(site.home.account.purge())
        for path in site.segments():
            os.utime(path, (START, START))
        site.home.run(site.home.account.reclaim())
        return found(*arguments)

    monkeypatch.setattr(backup, "_copy_messages", slow)
    done = site.take()
    assert done.point.whole
    assert (done.messages, done.point.messages) == (3, 3)
    assert verify(site.path).whole


def test_a_message_that_changes_accounts_in_the_middle_is_there(site, monkeypatch):
    """Ann was copied when it came to her from Bob, and Bob when he had lost it."""
    bob_id = site.home.store.directory.create("bob", b"secret")
    bob = site.home.run(site.home.store.account(bob_id))
    moved = b"Subject: moved\r\n\r\nx"
    site.home.run(bob.append("INBOX", [_arrival(moved)]))
    copied = backup._copy
    names = []

    def copy(run, source, id_, name, state):
        done = copied(run, source, id_, name, state)
        names.append(name)
        if names == ["ann"]:
            site.home.runtime.time = site.now() + 5
            site.home.append("INBOX", moved)
            mailbox = site.home.run(bob.open("INBOX"))
            site.home.run(mailbox.store_flags([1], DELETE, seen_at=0))
            site.home.run(mailbox.expunge())
            site.time += 10
        return done

    monkeypatch.setattr(backup, "_copy", copy)
    done = site.take()
    assert names == ["ann", "bob", "ann"]
    assert done.point.account("ANN").messages == 4
    assert done.point.account("bob").messages == 0


def _arrival(content: bytes):
    from mailstore.model import Arrival

    return Arrival(content)


def test_damage_of_the_store_is_told_and_the_rest_is_copied(site):
    (path,) = site.segments()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    done = site.take()
    (account,) = done.point.accounts
    assert account.missing == (Missing(2, "its bytes are not what was stored"),)
    assert not done.point.whole
    assert done.messages == 2
    found = verify(site.path)
    assert [(one.mailbox, one.uid) for one in found.lost] == [("INBOX", 2)]
    # What was copied before the damage is kept.
    data[-1] ^= 1
    path.write_bytes(data)
    assert site.take().messages == 1
    data[-1] ^= 1
    path.write_bytes(data)
    site.home.append("INBOX", b"c")
    assert site.take().point.whole


def test_an_account_that_cannot_be_read_is_told(site):
    site.take()
    bob = site.home.store.directory.create("bob", b"secret")
    folder = site.home.store.folder(bob)
    folder.mkdir(parents=True)
    (folder / "index.db").write_bytes(b"no database" * 500)
    done = site.take()
    assert done.point.account("bob").failure
    assert done.point.account("ann").whole
    assert not verify(site.path).whole
    # An account that nobody has entered yet has nothing that could be lost.
    shutil.rmtree(folder)
    done = site.take()
    assert done.point.whole
    with pytest.raises(NotFound):
        done.point.account("bob")


def test_a_folder_of_something_else_is_not_taken(site, tmp_path):
    site.path.mkdir()
    (site.path / "photo").write_bytes(b"")
    with pytest.raises(Unavailable):
        site.take()
    with pytest.raises(NotFound):
        verify(site.path)
    with pytest.raises(Unavailable, match="lost with them"):
        back_up(site.store, site.store / "accounts" / "here", site.now)
    with pytest.raises(NotFound):
        back_up(tmp_path / "nowhere", tmp_path / "other", site.now)


def test_a_folder_of_another_store_is_not_taken(site, tmp_path):
    site.take()
    other = Site(tmp_path / "other", fresh=True)
    other.path = site.path
    with pytest.raises(Unavailable):
        other.take()
    other.home.close()


def test_one_at_a_time(site):
    site.take()
    with folder_held(site.path, shared=True), pytest.raises(Busy):
        site.take()
    with folder_held(site.path):
        with pytest.raises(Busy):
            verify(site.path)
        with pytest.raises(Busy):
            prune(site.path, Keep(1))


def test_an_altered_list_of_a_point_is_refused(site):
    done = site.take()
    (path,) = (site.path / "points").iterdir()
    path.write_text(path.read_text().replace('"messages": 3', '"messages": 2'))
    with pytest.raises(Corrupt):
        BackupFolder(site.path).point(done.point.name)
    assert not verify(site.path).whole
    with pytest.raises(Corrupt):
        prune(site.path, Keep(1))


def test_damage_of_the_backup_is_told_by_message_and_healed(site):
    site.take()
    folder = BackupFolder(site.path).account_folder(site.home.id)
    path = folder / "00000001.pack"
    data = bytearray(path.read_bytes())
    data[70] ^= 1  # in the first message
    path.write_bytes(data)
    found = verify(site.path, forget=True)
    assert [(one.mailbox, one.uid) for one in found.lost] == [("INBOX", 1)]
    site.home.append("INBOX", b"c")
    assert site.take().messages == 2
    assert verify(site.path).whole


@pytest.mark.parametrize("suffix", [".db.zst", ".refs"])
def test_damage_of_an_index_is_told(site, suffix):
    site.take()
    folder = BackupFolder(site.path).account_folder(site.home.id)
    (path,) = folder.glob(f"*{suffix}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert verify(site.path).problems
    path.unlink()
    assert verify(site.path).problems
    site.time += 3_600
    # The next run does not take it for there.
    assert site.take().octets > 0
    assert verify(site.path).whole


def test_old_points_go_with_what_they_alone_needed(site):
    first = site.take()
    site.expunge(3)  # the big one
    site.home.runtime.time += 86_400 * 30
    site.home.run(site.home.account.purge())
    second = site.take()
    assert prune(site.path, Keep(1), dry_run=True).points == (first.point.name,)
    assert verify(site.path).points == 2
    done = prune(site.path, Keep(1))
    assert done.points == (first.point.name,)
    assert done.octets > len(BIG)
    assert BackupFolder(site.path).names() == [second.point.name]
    assert verify(site.path).whole
    assert len(site.pool()) == 2
    assert prune(site.path, Keep(1)).octets == 0


def test_a_removed_account_goes_with_the_last_point_that_has_it(site):
    bob = site.home.store.directory.create("bob", b"secret")
    site.home.run(site.home.run(site.home.store.account(bob)).close())
    site.take()
    site.home.run(site.home.store.remove_account(bob))
    site.home.store.directory.remove("bob")
    site.take()
    folder = BackupFolder(site.path).account_folder(bob)
    assert folder.exists()
    prune(site.path, Keep(1))
    assert not folder.exists()
    assert verify(site.path).whole


def test_the_last_whole_point_outlives_those_that_are_not(site):
    whole = site.take().point
    (path,) = site.segments()
    path.rename(path.with_suffix(".away"))
    site.home.append("INBOX", b"c")
    site.home.close()
    shutil.rmtree(site.path / "accounts")
    site.home = Home(site.store, time=START)
    broken = [site.take().point for _ in range(3)]
    assert not any(point.whole for point in broken)
    kept = wanted([whole, *broken], Keep(1))
    assert kept == {whole.name, *(point.name for point in broken)}


def test_points_of_days_weeks_and_months_stay():
    days = [datetime(2027, 1, 15, 8, tzinfo=UTC) + timedelta(days=n) for n in range(41)]
    names = [f"{day:%Y%m%dT%H%M%SZ}" for day in days]
    taken = [Point(name, 0, 0, "", ()) for name in names]
    assert wanted(taken, Keep(last=2)) == set(names[-2:])
    assert wanted(taken, Keep(daily=7)) == set(names[-7:])
    assert wanted(taken, Keep(daily=2, last=4)) == set(names[-4:])
    # The weeks begin on Mondays.
    assert sorted(wanted(taken, Keep(weekly=3))) == [
        "20270214T080000Z",
        "20270221T080000Z",
        "20270224T080000Z",
    ]
    assert sorted(wanted(taken, Keep(monthly=9))) == [
        "20270131T080000Z",
        "20270224T080000Z",
    ]


def test_something_has_to_stay(site):
    site.take()
    with pytest.raises(ValueError, match="nothing"):
        prune(site.path, Keep())


class Dying(FileSystem):
    """A process that ends at its nth change of the disk, or a disk that is full."""

    def __init__(self, left: int, error: type[BaseException]) -> None:
        self.left = left
        self.error = error

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise self.error

    def create(self, path):
        self._step()
        return super().create(path)

    def write(self, fd, data, at):
        self._step()
        super().write(fd, data, at)

    def sync(self, fd):
        self._step()
        super().sync(fd)

    def rename(self, source, target):
        self._step()
        super().rename(source, target)

    def unlink(self, path):
        self._step()
        super().unlink(path)

    def sync_folder(self, path):
        self._step()
        super().sync_folder(path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, DiskFull])
def test_a_run_that_ends_anywhere_harms_no_point_and_is_gone_on_with(site, error):
    done = site.take()
    at = 0
    while True:
        site.home.append("INBOX", b"Subject: %d\r\n\r\nx" % at)
        try:
            done = site.take(Dying(at, error))
        except error:
            assert verify(site.path, "20270115T090000Z").whole, at
        else:
            break
        at += 1 if error is KeyboardInterrupt else 3
    assert at > 15
    assert done.point.whole
    assert verify(site.path).whole
    assert not (site.path / "tmp").exists()


def test_a_prune_that_ends_anywhere_harms_no_point_that_stays(site):
    at, over = 0, False
    while not over:
        site.take()
        site.home.append("INBOX", b"Subject: %d\r\n\r\nx" % at)
        site.expunge(4 + at)
        site.home.runtime.time += 86_400 * 30
        site.home.run(site.home.account.purge())
        site.take()
        try:
            prune(site.path, Keep(1), files=Dying(at, KeyboardInterrupt))
            over = True
        except KeyboardInterrupt:
            pass
        assert verify(site.path, BackupFolder(site.path).names()[-1]).whole, at
        at += 1
    assert at > 5
    assert len(BackupFolder(site.path).names()) == 1


def test_a_clock_that_was_set_back_does_not_change_the_order(site):
    first = site.take().point
    site.time -= 86_400
    second = site.take().point
    assert BackupFolder(site.path).names() == [first.name, second.name]
    assert second.name == "20270115T090001Z"
    assert prune(site.path, Keep(1)).points == (first.name,)


def test_a_damaged_last_point_keeps_nobody_from_the_next(site):
    site.take()
    (path,) = (site.path / "points").iterdir()
    path.write_text("{}")
    done = site.take()
    assert done.point.whole
    assert done.messages == 0
