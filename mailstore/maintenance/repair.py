"""`imapd check --repair`: sets right what `check` finds, and tells what it did.

Works beside a running server, in transactions of the account's lane: what changes
gets new mod-sequences, by which sessions anywhere notice. Only an index that cannot
be read needs the server stopped (`mailstore.maintenance.rebuild`). Rows are mended
from each other (`mailstore.index.mending`), what is derived is made again from the
bytes, and a message whose bytes are damaged is moved out of the way and listed
(`mailstore.index.damage`): nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mailstore.blobs import BlobReader
from mailstore.errors import Corrupt, NotFound, StoreError
from mailstore.index import audit, belongings, damage, mailboxes, mending
from mailstore.index.audit import BlobRow
from mailstore.index.database import Database
from mailstore.index.records import Delta
from mailstore.maintenance.derived import Derived, derive, differing, renew
from mailstore.search import textdb
from mailstore.search.proof import prove
from mailstore.service import Account
from mailstore.writer import Outcome

_BATCH = 64
_SAMPLE = 1_000


@dataclass(slots=True)
class Repaired:
    """What a repair did, in sentences, and the copy that was taken before."""

    done: list[str] = field(default_factory=list)
    snapshot: Path | None = None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is to be done about one message; ``made`` follows from its bytes."""

    row: BlobRow
    made: Derived | None = None
    bad: str | None = None
    blob: str | None = None  # the bytes are there
    size: int | None = None  # the row was wrong, not the bytes
    digest: bytes | None = None


class Repair:
    """The repair of one account, open and with a readable index."""

    def __init__(
        self,
        account: Account,
        folder: Path,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._account = account
        self._folder = folder
        self._progress = progress
        self._elsewhere: dict[bytes, str] | None = None
        self._aside: frozenset[int] = frozenset()
        self.done: list[str] = []

    async def run(self, *, anew: bool = False) -> None:
        """Mend everything; ``anew``: the index has just been made.

        Raises `Unavailable`, `Busy`.
        """
        if anew and not self._account.public:
            await self._mend(mending.inbox)
        with suppress(Corrupt):  # what can't be mended by this is told afterwards
            await self._mend(mending.indexes)
        for mend in mending.BEFORE_BYTES:
            await self._mend(mend)
        if not anew and self._lacks_inbox():
            await self._mend(mending.inbox)
        await self._read_messages()
        for mend in mending.AFTER_BYTES:
            await self._mend(mend)
        await self._give_home()
        self._mend_texts()

    def _lacks_inbox(self) -> bool:
        """Tell whether the account of a person has mailboxes, and no INBOX."""
        if self._account.public:
            return False
        with self._account.readers.take() as database:
            return bool(belongings.inbox(database))

    async def _mend(self, mend: mending.Mend) -> None:
        now = self._account.now()

        def work(database: Database) -> Outcome[list[str]]:
            return Outcome(mend(database, now), names_changed=True)

        self.done += await self._account.lane.write(work, bounded=False)

    async def _give_home(self) -> None:
        now, most = self._account.now(), self._account.options.max_mailboxes

        def work(database: Database) -> Outcome[list[int]]:
            found = audit.homeless(database, 1_000)
            delta = mending.give_home(database, found, now, most)
            deltas = () if delta is None else (delta,)
            return Outcome(found, deltas, names_changed=True)

        while found := await self._account.lane.write(work, bounded=False):
            self.done += [
                f"message {one} was in no mailbox: it is in {mending.RECOVERED}"
                for one in found
            ]

    def _mend_texts(self) -> None:
        """Drop a text index that is wrong: the server fills another one."""
        account = self._account
        with account.readers.take() as database, database.snapshot():
            wrong = list(prove(self._folder, database, account.blobs, _SAMPLE))
        if wrong:
            textdb.drop(self._folder)
            self.done += [f"{text}: it is made anew" for text in wrong]

    # -- messages

    async def _read_messages(self) -> None:
        """Read all messages, and set right what does not fit to them."""
        with self._account.readers.take() as database:
            self._aside = damage.known(database)
            rows = audit.sample_of(database, None)
        for start in range(0, len(rows), _BATCH):
            some = [self._look_at(row) for row in rows[start : start + _BATCH]]
            await self._write(some)
            if self._progress is not None:
                self._progress(start + len(some))

    async def _write(self, some: Sequence[_Verdict]) -> None:
        now, most = self._account.now(), self._account.options.max_mailboxes

        def work(database: Database) -> Outcome[list[str]]:
            told: list[str] = []
            deltas: list[Delta] = []
            for one in some:
                row = audit.blob_of(database, one.row.message)
                if row is None or (row.blob != one.row.blob and one.bad):
                    continue  # purged, or moved by a compaction: looked at next time
                told += self._set_right(database, one)
                deltas += self._move(database, one, now, most, told)
            if told:
                mailboxes.touch_names(database)
            return Outcome(told, deltas)

        if any(self._matters(one) for one in some):
            self.done += await self._account.lane.write(work, bounded=False)

    def _matters(self, one: _Verdict) -> bool:
        """Tell, without writing, whether there is something to write."""
        known = one.row.message in self._aside
        if one.bad is not None:
            return not known
        if known or one.blob or one.size is not None or one.digest is not None:
            return True
        assert one.made is not None
        with self._account.readers.take() as database:
            return bool(differing(database, one.row.message, one.made))

    def _set_right(self, database: Database, one: _Verdict) -> list[str]:
        message = one.row.message
        told = []
        if one.blob is not None:
            mending.set_columns(database, message, {"blob": one.blob})
            told.append(f"message {message}: its bytes were found elsewhere")
        if one.size is not None or one.digest is not None:
            values = {"size": one.size, "digest": one.digest}
            given = {name: value for name, value in values.items() if value is not None}
            mending.set_columns(database, message, {**given})
            told.append(f"message {message}: its {' and '.join(given)} was wrong")
        if one.made is not None:
            told += [
                f"message {message}: its {name} was made anew"
                for name in renew(database, message, one.made)
            ]
        return told

    def _move(
        self,
        database: Database,
        one: _Verdict,
        now: int,
        most: int,
        told: list[str],
    ) -> Iterable[Delta]:
        message = one.row.message
        known = message in self._aside
        if one.bad is not None and not known:
            told.append(f"message {message} was moved out of the way: {one.bad}")
            return damage.set_aside(database, message, one.bad, now)
        if one.bad is None and known:
            told.append(f"message {message} is whole again, and back in its mailbox")
            gone = damage.mailboxes_gone(database, [message])
            spare = mending.recovered(database, now, most) if gone else None
            return damage.put_back(database, message, spare, now)
        return ()

    def _look_at(self, row: BlobRow) -> _Verdict:
        try:
            with self._account.blobs.open(row.blob) as blob:
                size, digest = blob.size, blob.digest()
                blob.verify()
                if (size, digest) == (row.size, row.digest):
                    return _Verdict(row, self._derive(blob))
                if blob.has_checksum and self._is_the_one(blob, row):
                    made = self._derive(blob)
                    return _Verdict(
                        row,
                        made,
                        size=None if size == row.size else size,
                        digest=None if digest == row.digest else digest,
                    )
                bad = "its bytes are not what was stored"
        except NotFound:
            bad = "its bytes are missing"
        except Corrupt as error:
            bad = str(error)
        return self._found_elsewhere(row) or _Verdict(row, bad=bad)

    def _derive(self, blob: BlobReader) -> Derived:
        with blob.buffer() as data:
            return derive(data, self._account.blobs)

    def _is_the_one(self, blob: BlobReader, row: BlobRow) -> bool:
        """Tell whether a whole record is the message of a row that has another digest.

        If its header is: then the row is damaged, and not its reference.
        """
        made = self._derive(blob)
        with self._account.readers.take() as database:
            wrong = set(differing(database, row.message, made))
        return not wrong & {"envelope", "header", "bodystructure"}

    def _found_elsewhere(self, row: BlobRow) -> _Verdict | None:
        """Look for the bytes among all that is stored."""
        if self._elsewhere is None:
            self._elsewhere = dict(self._all_digests())
        ref = self._elsewhere.get(row.digest)
        if ref is None:
            return None
        with self._account.blobs.open(ref) as blob:
            return _Verdict(row, self._derive(blob), blob=ref)

    def _all_digests(self) -> Iterable[tuple[bytes, str]]:
        blobs = self._account.blobs
        for entry in blobs.entries():
            try:
                with blobs.open(entry.ref) as blob:
                    yield blob.digest(), entry.ref
            except StoreError:
                continue
