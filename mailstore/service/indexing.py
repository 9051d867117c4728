"""The text index of one account: who reads it, and when it is filled.

It is filled beside everything else: by a process that is there for it, or else on a
thread that nobody waits for, a batch at a time, by one process at a time. Messages
that have arrived, a search that had to read messages, and a purge make it due. What is
wrong with it never reaches a client: a search without it takes longer, and it is made
again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mailstore.blobs import BlobStore
from mailstore.errors import Busy, Corrupt, StoreError
from mailstore.index.database import Database
from mailstore.lanes import Future, Pool, Runtime, in_pool
from mailstore.search import textdb
from mailstore.search.indexer import Done, belongs
from mailstore.search.textdb import TextDatabase
from mailstore.service.filling import fill
from mailstore.service.readers import Readers

ARRIVAL_WAIT = 1.0  # seconds: what arrives together is taken in together
_ELSEWHERE = 5.0  # seconds, when another process is at it
_ASK_AGAIN = 1.0  # seconds, when the process that fills could not be told
_SPARE = 2
_LOOK = 2.0  # seconds, while a search waits for it to catch up
_STALLED = 60.0  # seconds without progress after which nobody waits any longer


class _Stopped(Exception):
    """The account is being closed."""


class Indexing:
    """One account's text index. Made and asked to be filled on the event thread."""

    def __init__(
        self,
        folder: Path,
        readers: Readers,
        blobs: BlobStore,
        runtime: Runtime,
        elsewhere: Callable[[bool], bool] | None = None,
    ) -> None:
        self._elsewhere = elsewhere  # has another process do it, anew if so told
        self._folder = folder
        self._path = folder / "text.db"
        self._readers = readers
        self._blobs = blobs
        self._runtime = runtime
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._spare: list[tuple[tuple[int, int] | None, TextDatabase]] = []
        self._closed = False
        self._broken = False  # what is there must be dropped
        self._working = False  # a thread is at it, or will be
        self._planned = False
        self._again = False

    # -- reading, on the thread of a search

    @contextmanager
    def reading(self, index: Database) -> Iterator[TextDatabase | None]:
        """Lend the text index in one snapshot; None where there is none to trust."""
        text, whose = self._take(index)
        if text is None:
            yield None
            return
        good = False
        try:
            with text.snapshot():
                yield text
            good = True
        finally:
            with self._lock:
                good = good and not self._closed and len(self._spare) < _SPARE
                if good:
                    self._spare.append((whose, text))
            if not good:
                text.close()

    def _take(
        self, index: Database
    ) -> tuple[TextDatabase | None, tuple[int, int] | None]:
        whose = textdb.identity(self._path)
        with self._lock:
            spare, self._spare = self._spare, []
            if self._broken or self._closed:
                whose = None
        for owner, text in spare:
            if owner != whose:
                text.close()
        kept = [pair for pair in spare if pair[0] == whose]
        with self._lock:
            self._spare += kept[1:]
        if kept:
            return kept[0][1], whose
        return (None if whose is None else self._open(index)), whose

    def _open(self, index: Database) -> TextDatabase | None:
        try:
            text = TextDatabase.open(self._folder, writer=False)
            if text is None:
                return None
            try:
                if belongs(text, index):
                    return text
            except BaseException:
                text.close()
                raise
            text.close()
        except Busy:
            return None
        except StoreError:
            pass
        self.distrust()
        return None

    def distrust(self) -> None:
        """Have the index dropped and made again. On any thread."""
        with self._lock:
            self._broken = True

    # -- waiting, on the event thread

    async def caught_up(self, message: int, cancelled: Callable[[], bool]) -> bool:
        """Wait until the index has all messages up to one, or nobody waits any more.

        False when it comes no further: nobody fills it.
        """
        runtime = self._runtime
        came, since = -1, runtime.monotonic()
        while not cancelled():
            mark = await in_pool(runtime, Pool.READ, self._watermark)
            if mark >= message:
                break
            if mark != came:
                came, since = mark, runtime.monotonic()
            elif runtime.monotonic() - since > _STALLED:
                return False
            self.wanted()
            later: Future[None] = runtime.future()
            runtime.later(_LOOK, lambda later=later: later.succeed(None))  # type: ignore[misc]
            await later
        return True

    def _watermark(self) -> int:
        """Give the last message that the index has, on a thread."""
        try:
            with self._readers.take() as index, self.reading(index) as text:
                return 0 if text is None else text.progress()[0]
        except Corrupt:
            self.distrust()
        except StoreError:
            pass  # one that closes, or is busy: the next look tells
        return 0

    # -- filling: the event thread

    def wanted(self, wait: float = 0.0) -> None:
        """Have what is missing taken in, after so many seconds."""
        if self._planned or self._closed:
            return
        self._planned = True
        self._runtime.later(wait, self._begin)

    def _begin(self) -> None:
        self._planned = False
        if self._elsewhere is not None:
            self._ask(self._elsewhere)
            return
        with self._lock:
            self._again = self._working
            if self._working or self._closed:
                return
            self._working = True
        self._runtime.start(Pool.INDEX, self._work)

    def _ask(self, elsewhere: Callable[[bool], bool]) -> None:
        with self._lock:
            anew, self._broken = self._broken, False
        if not elsewhere(anew) and not self._closed:
            with self._lock:
                self._broken = self._broken or anew
            self.wanted(_ASK_AGAIN)

    def _ended(self, done: Done | None) -> None:
        if done is None:
            self.wanted(_ELSEWHERE)
        elif done.more or self._again:
            self.wanted()

    # -- filling: its thread

    def _work(self) -> None:
        done: Done | None = Done(0, more=False)
        try:
            done = self.fill()
        except _Stopped:
            pass
        except Corrupt:
            self.distrust()
            done = Done(0, more=True)
        except StoreError:
            pass  # a full disk, a closing store: the next arrival tries again
        finally:
            with self._idle:
                self._working = False
                self._idle.notify_all()
            self._runtime.deliver(lambda: self._ended(done))

    def fill(self) -> Done | None:
        """Do the next piece of work; None when another process is at it.

        Raises `Corrupt`, `Busy`, `Unavailable`.
        """
        with self._lock:
            anew, self._broken = self._broken, False
        done = None
        try:
            done = fill(
                self._folder, self._readers, self._blobs, self._pause, anew=anew
            )
        finally:
            if done is None and anew:
                self.distrust()
        return done

    def _pause(self) -> None:
        """Let others have the interpreter, and end when the account is closed."""
        time.sleep(0)
        if self._closed:
            raise _Stopped

    def close(self) -> None:
        """Stop filling, close what is not lent out. Blocks for a moment."""
        with self._idle:
            self._closed = True
            while self._working:
                self._idle.wait()
            spare, self._spare = self._spare, []
        for _, text in spare:
            text.close()
