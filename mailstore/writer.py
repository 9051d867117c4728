"""The writer lane of an account: its transactions, one after the other, in groups.

A lane takes all jobs that wait and never delays one: what arrives while a group is
being committed forms the next group. Of that, what need not be durable goes first, as
a group of its own: it waits for no sync. For each group, on a thread:

1. *prepare*: blobs are added, then synced once: no row points at unsynced bytes.
   Meanwhile the jobs look at what they brought, and the database is free for small
   changes that are done at once;
2. one transaction, each job in a savepoint, so that a job that fails undoes itself
   alone, or like jobs as one (`mailstore.running`); ``synchronous=FULL`` if any job of
   the group promises durability;
3. one delivery to the event thread: memory, notices, then the answers.

Loose commits (flags, expunges: `durable` false) are safe when the process dies. A
power cut may forget the last second of them: see `mailstore.index.upkeep.leap`.
It must not know what a job does.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from mailstore import marks
from mailstore.beside import Beside
from mailstore.blobs import BlobStore
from mailstore.boot import boot_id
from mailstore.crashpoints import CrashPoint, reached
from mailstore.errors import Busy, DiskFull, StoreError, Unavailable
from mailstore.group import Group, Waiting
from mailstore.index import upkeep
from mailstore.index.database import Database
from mailstore.index.records import Delta
from mailstore.lanes import Future, Pool, Runtime
from mailstore.on_its_way import OnItsWay
from mailstore.running import NO_RULES, Rules, run_jobs

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_SYNC_AFTER = 1.0  # seconds that a loose commit may stay unsynced
_DURABLE = attrgetter("job.durable")
_CHECKPOINT_PAGES = 1000  # of 4 KiB, about SQLite's own measure


class Outcome(NamedTuple, Generic[T_co]):
    """What a job gives its caller, and what it did to mailboxes."""

    value: T_co
    deltas: Sequence[Delta] = ()
    names_changed: bool = False
    by: object | None = None  # the `actor` that submitted the job; set by the lane


class Job(Protocol[T_co]):
    """A piece of writing. `prepare` and `run` run on the lane's thread."""

    @property
    def durable(self) -> bool:
        """Whether a power cut may not undo it once it was answered."""
        ...

    @property
    def bounded(self) -> bool:
        """Whether the limits of the account hold for it."""
        ...

    def prepare(self, blobs: BlobStore) -> bool:
        """Add blobs; True if there were any. Runs before the transaction."""
        ...

    def look(self) -> None:
        """Compute what `run` needs to know of blobs that were added.

        While they are being synced, on any thread; it must not add any.
        """
        ...

    def run(self, database: Database) -> Outcome[T_co]:
        """Do it, inside a transaction."""
        ...


@dataclass(slots=True)
class Simple(Generic[T]):
    """A job without blobs."""

    work: Callable[[Database], Outcome[T]]
    durable: bool = True
    bounded: bool = True

    def prepare(self, blobs: BlobStore) -> bool:  # noqa: ARG002
        """Nothing to add."""
        return False

    def look(self) -> None:
        """Nothing to look at."""

    def run(self, database: Database) -> Outcome[T]:
        """Do it."""
        return self.work(database)


class Lane:
    """Runs one account's jobs. `submit` belongs to the event thread.

    ``deliver`` is called on the event thread with each group's outcomes, before
    their callers go on; ``rules`` hold for each job. ``make_room`` is asked when the
    disk is full: jobs that bring no blobs are tried once more if it made some.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        runtime: Runtime,
        deliver: Callable[[Sequence[Outcome[Any]]], None],
        *,
        rules: Rules = NO_RULES,
        durable_flags: bool = False,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self._rules = rules
        self._blobs = blobs
        self._runtime = runtime
        self._deliver = deliver
        self._durable_flags = durable_flags
        self._make_room = make_room
        self._lock = threading.Lock()
        self._queue: list[Waiting] = []
        self._working = False
        self._idle = threading.Condition(self._lock)
        # One thread at a time uses the database; the lane's waits for its turn.
        self._in_use = self._wanted = False
        self._boot = boot_id()
        self._owner = marks.begin()
        self._marked = False  # loose commits of this boot are announced
        self._unsynced = False
        self._wounded = False  # a sync may have failed: see `_heal`
        self._sync_planned = False
        self._preferred = False  # the last group was taken before others
        self._ended: list[str] = []  # other writers' marks, see `recover`
        self.closed = False
        self.committing = OnItsWay()

    def recover(self) -> None:
        """Set right what a power cut may have undone, or a kill. Before the first job.

        A writer that ended without a word may have met a failed sync and not have
        healed that: the first change does it.
        """
        if upkeep.loose_boots(self._database) - {self._boot}:
            self._database.set_durable(True)
            with self._database.transaction():
                upkeep.leap(self._database)
        self._ended = marks.ended(upkeep.loose_owners(self._database, self._boot))
        self._wounded = bool(self._ended)

    # -- event thread

    def submit(self, job: Job[T]) -> Future[T]:
        """Queue a job; the future gives its value, or raises what it raised."""
        future: Future[T] = self._runtime.future()
        if self.closed:
            future.fail(Unavailable("the mail store is shutting down"))
            return future
        with self._lock:
            self._queue.append(Waiting(job, future))
            start = not self._working
            self._working = True
        if start:
            try:
                self._runtime.start(Pool.WRITE, self._work)
            except RuntimeError as error:
                self._refuse(error)
        return future

    def _refuse(self, error: RuntimeError) -> None:
        """There can be no thread now: who comes next may have better luck."""
        with self._idle:
            group, self._queue, self._working = Group(self._queue), [], False
            self._idle.notify_all()
        group.fail(group.waiting, Unavailable(detail=str(error)))
        group.answer()

    def write(
        self,
        work: Callable[[Database], Outcome[T]],
        *,
        durable: bool = True,
        small: bool = False,
        bounded: bool = True,
    ) -> Future[T]:
        """Queue a plain function of the database.

        What need not be durable adds nothing: no limit of the account is about it.

        A ``small`` one that need not be durable, and that nobody is in front of, is
        done at once: it waits for no disk, and two changes of threads would cost
        more than itself. While a group's blobs are being synced nobody is in front:
        who sets a flag does not wait for the mail that others bring.
        """
        job = Simple(work, durable or self._durable_flags, bounded and durable)
        if small and not job.durable:
            return self._at_once(job)
        return self.submit(job)

    def _at_once(self, job: Job[T]) -> Future[T]:
        with self._lock:
            taken = self._in_use or self._wanted or self.closed
            mine = not taken and self._marked and not self._wounded
            self._in_use = self._in_use or mine
        if not mine:
            return self.submit(job)
        future: Future[T] = self._runtime.future()
        group = Group([Waiting(job, future)], here=True)
        try:
            self._database.set_waiting(False)
            self._attempt(self._change, group)
        finally:
            self._give_back()
        if isinstance(group.waiting[0].error, Busy):
            return self.submit(job)  # another process writes: wait on a thread
        self._finish(group)
        if self._wounded or self._database.wal_pages >= _CHECKPOINT_PAGES:
            # Its thread does the rest.
            self.submit(Simple(_nothing, durable=False, bounded=False))
        return future

    def close(self) -> None:
        """Wait for what runs, make all durable, close the database."""
        self.closed = True
        marks.end(self._owner)
        with self._idle:
            while self._working:
                self._idle.wait()
        try:
            self._database.set_waiting(True)
            if self._wounded:
                self._heal()
            if self._marked:
                self._database.set_durable(True)
                with self._database.transaction():
                    upkeep.unmark_loose(self._database, self._owner)
            self._database.checkpoint()
        except StoreError:
            pass  # nothing is lost: the WAL is replayed, the mark stays
        self._database.close()

    # -- lane thread

    def _work(self) -> None:
        group = self._take()
        self._attempt(self._prepare, group)
        self._in_turn(lambda: self._change_and_heal(group))
        self._runtime.deliver(lambda: self._finish(group))
        if group.with_blobs:
            self._blobs.widen()
        if self._database.wal_pages >= _CHECKPOINT_PAGES:
            self._in_turn(self._checkpoint)
        with self._idle:
            more = bool(self._queue)
            if not more:
                self._working = False
                self._idle.notify_all()
        if more:
            # Through the pool again: another account's lane may have waited longer.
            self._runtime.start(Pool.WRITE, self._work)

    def _take(self) -> Group:
        """Take what waits; what need not be durable goes first, by itself.

        It doesn't wait for the syncs of the others then. They are taken next, with all
        that came meanwhile: nobody is passed over twice.
        """
        with self._lock:
            waiting, self._queue = self._queue, []
            first = [one for one in waiting if not one.job.durable]
            self._preferred = 0 < len(first) < len(waiting) and not self._preferred
            if self._preferred:
                self._queue = [one for one in waiting if one.job.durable]
                waiting = first
        return Group(waiting)

    def _in_turn(self, work: Callable[[], None]) -> None:
        """Use the database on this thread, when a change at once is through."""
        with self._idle:
            self._wanted = True
            while self._in_use:
                self._idle.wait()
            self._in_use, self._wanted = True, False
        try:
            self._database.set_waiting(True)
            work()
        finally:
            self._give_back()

    def _give_back(self) -> None:
        with self._lock:  # which is that of the condition
            self._in_use = False
            if self._wanted:
                self._idle.notify_all()

    def _attempt(self, step: Callable[[Group], None], group: Group) -> None:
        try:
            step(group)
        except BaseException as error:  # noqa: BLE001 - its jobs must hear of it
            group.fail(group.waiting, error)

    def _change_and_heal(self, group: Group) -> None:
        self._attempt(self._change, group)
        if self._wounded:
            with contextlib.suppress(StoreError):
                self._heal()  # before anybody is told that it failed

    def _change(self, group: Group) -> None:
        """Run a group's jobs; whose turn it is calls it."""
        if self._wounded and group.alive():
            self._heal()
        try:
            self._commit(group)
        except DiskFull as error:
            group.fail(group.with_blobs, error)
            if group.without_blobs() and self._make_room():
                group.forgive()
                self._commit(group)

    def _commit(self, group: Group) -> None:
        jobs = group.alive()
        if not jobs:
            return
        durable = any(map(_DURABLE, jobs))
        try:
            self._database.set_durable(durable or not self._marked)
            with self._database.transaction():
                if not durable and not self._marked:
                    upkeep.mark_loose(self._database, self._owner, self._boot)
                run_jobs(self._database, self._rules, jobs)
                if not group.here:
                    self._announce(jobs)
                reached(CrashPoint.JOBS_DONE)
            reached(CrashPoint.COMMITTED)
            group.committed = True
        except StoreError as error:
            group.fail(jobs, error)
            self._after_failure(error)
            raise
        self._marked = self._marked or not durable
        self._unsynced = not durable

    def _prepare(self, group: Group) -> None:
        if self._wounded:
            self._in_turn(self._heal)
        for one in group.waiting:
            try:
                if one.job.prepare(self._blobs):
                    group.with_blobs.append(one)
            except Exception as error:  # noqa: BLE001 - it belongs to this job's caller
                one.error = error
        if not group.with_blobs:
            if any(one.error is not None for one in group.waiting):
                self._blobs.rollback()  # what they had added until they failed
            return
        looking = Beside(self._runtime, group.look)
        try:
            self._blobs.sync()
        except StoreError as error:
            group.fail(group.with_blobs, error)
            self._blobs.rollback()
        finally:
            looking.finish()
        reached(CrashPoint.BLOBS_DURABLE)

    def _announce(self, jobs: Sequence[Waiting]) -> None:
        """Note what memory will hear of, before others can read it."""
        with self._lock:
            for one in jobs:
                for delta in one.outcome.deltas if one.outcome else ():
                    self.committing.announce(delta)

    def _after_failure(self, error: StoreError) -> None:
        with self._lock:
            self.committing.clear()
        broken = isinstance(error, Unavailable) and not isinstance(error, DiskFull)
        if broken or not self._database.usable():
            self._wounded = True

    def _reopen(self) -> None:
        path = self._database.path
        self._database.close()
        self._database = Database.open(path, create=False)

    def _heal(self) -> None:
        """Make durable anew what a failed sync may have taken.

        The log holds loose commits of before, which the kernel now takes for written:
        were they lost in a power cut, all that is behind them in the log would be lost
        with them. And the commit that failed is whole in the log, though refused; a
        commit written over it keeps it from coming back.

        Raises `StoreError`: then nothing may be written yet.
        """
        self._reopen()
        self._database.set_durable(True)
        with self._database.transaction():
            upkeep.mark_synced(self._database)
            for owner in self._ended:
                upkeep.settle_loose(self._database, owner)
            path = self._database.path
            self._blobs.files.rewrite(path.with_name(f"{path.name}-wal"))
        self._ended = []
        self._wounded = self._unsynced = False

    def _checkpoint(self) -> None:
        try:
            reached(CrashPoint.CHECKPOINTING)
            self._database.checkpoint()
            reached(CrashPoint.CHECKPOINTED)
        except DiskFull:
            return  # the commits themselves are safe in the WAL
        except StoreError:
            self._wounded = True  # a checkpoint syncs the WAL first

    # -- event thread again

    def _finish(self, group: Group) -> None:
        if group.committed:
            outcomes = group.outcomes()
            if not group.here:
                self._note_arrived(outcomes)
            self._deliver(outcomes)
            reached(CrashPoint.PUBLISHED)
        group.answer()
        if self._unsynced and not self._sync_planned and not self.closed:
            self._sync_planned = True
            self._runtime.later(_SYNC_AFTER, self._sync)

    def _note_arrived(self, outcomes: Sequence[Outcome[Any]]) -> None:
        with self._lock:
            for outcome in outcomes:
                for delta in outcome.deltas:
                    self.committing.arrived(delta)

    def _sync(self) -> None:
        self._sync_planned = False
        if self._unsynced and not self.closed:
            self.submit(Simple(_sync, bounded=False))


def _nothing(_: Database) -> Outcome[None]:
    return Outcome(None)


def _sync(database: Database) -> Outcome[None]:
    upkeep.mark_synced(database)
    return Outcome(None)
