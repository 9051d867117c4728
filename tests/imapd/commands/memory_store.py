"""A mailbox of messages in memory: the facade of the store, slow and obvious.

Commands are tested on it where a test must decide what the store says: a damaged
blob, a message that is gone, a change by somebody else. Its search is the reference
that the real one has to agree with.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from mailstore import errors, query
from mailstore.found import Found
from mailstore.mime.date import sent_date
from mailstore.mime.header import fields, unfold
from mailstore.mime.ingest import ingest
from mailstore.mime.scanner import scan
from mailstore.model import (
    DELETED,
    FIRST_KEYWORD_BIT,
    SYSTEM_FLAGS,
    Batch,
    Changes,
    Column,
    Copied,
    FlagChange,
    FlagOperation,
    Forest,
    InternalDate,
    Stored,
)
from mailstore.quotas import QuotaRoot
from tests.mailstore.search import sort_reference
from tests.mailstore.search.said import Said

DAY = 86_400


@dataclass
class Row:
    """One message."""

    uid: int
    data: bytes
    mask: int
    date: InternalDate
    born: int
    modseq: int
    damage: str = ""  # "missing", "short", or "late": fails behind the first chunk

    def column(self, column: Column) -> Any:
        simple: dict[Column, Callable[[], Any]] = {
            Column.FLAGS: lambda: self.mask,
            Column.SIZE: lambda: len(self.data),
            Column.INTERNALDATE: lambda: (self.date.epoch, self.date.zone),
            Column.MODSEQ: lambda: self.modseq,
            Column.BLOB: lambda: f"blob-{self.uid}",
            Column.SAVED: lambda: self.date.epoch,
            Column.PREVIEW_READY: lambda: ingest(self.data).preview,
            Column.SHA1: lambda: hashlib.sha1(self.data).hexdigest().encode(),
        }
        if column in simple:
            return simple[column]()
        return getattr(ingest(self.data), column.name.lower())


class Reader(AbstractContextManager["Reader"]):
    """A blob that is open."""

    def __init__(self, row: Row, counts: dict[str, int]) -> None:
        self._row = row
        self._counts = counts
        self.size = len(row.data) - (1 if row.damage == "short" else 0)
        counts["open"] = counts.get("open", 0) + 1

    def pread(self, start: int, length: int) -> bytes:
        self._counts["pread"] = self._counts.get("pread", 0) + 1
        self._counts["largest"] = max(self._counts.get("largest", 0), length)
        if self._row.damage == "unreadable":
            raise errors.Corrupt
        if self._row.damage == "late" and start > 0:
            return b""
        return self._row.data[start : start + length]

    def close(self) -> None:
        self._counts["closed"] = self._counts.get("closed", 0) + 1

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class Box:
    """A mailbox as all its sessions share it."""

    name: str
    uidvalidity: int = 38505
    rows: dict[int, Row] = field(default_factory=dict)
    dead: dict[int, tuple[int, Row]] = field(default_factory=dict)
    purged: bool = False  # tombstones are gone
    uidnext: int = 1
    modseq: int = 1
    keywords: list[str] = field(default_factory=list)
    uids: array[int] = field(default_factory=lambda: array("I"))
    claimed: int = 0
    most_keywords: int = 255

    def add(
        self,
        data: bytes,
        flags: Iterable[str] = (),
        date: InternalDate | None = None,
        uid: int | None = None,
    ) -> int:
        uid = self.uidnext if uid is None else uid
        self.uidnext = uid + 1
        self.modseq += 1
        when = date or InternalDate(1_000_000_000 + uid * 60, 120)
        mask = self.mask(flags)
        self.rows[uid] = Row(uid, data, mask, when, self.modseq, self.modseq)
        self.uids.append(uid)
        return uid

    def mask(self, flags: Iterable[str]) -> int:
        found = 0
        for flag in flags:
            if flag in SYSTEM_FLAGS:
                found |= SYSTEM_FLAGS[flag]
                continue
            known = [keyword.upper() for keyword in self.keywords]
            if flag.upper() not in known:
                if len(self.keywords) >= self.most_keywords:
                    raise errors.TooMany
                self.keywords.append(flag)
                known.append(flag.upper())
            found |= 1 << (FIRST_KEYWORD_BIT + known.index(flag.upper()))
        return found

    def kill(self, uids: Iterable[int]) -> None:
        self.modseq += 1
        for uid in uids:
            self.dead[uid] = (self.modseq, self.rows.pop(uid))
        self.uids = array("I", sorted(self.rows))

    def alive_or_dead(self, uid: int) -> Row | None:
        if uid in self.rows:
            return self.rows[uid]
        return self.dead[uid][1] if uid in self.dead and not self.purged else None


class MemoryMailbox:
    """One session's handle on a `Box`; the facade's names."""

    def __init__(
        self, world: World, box: Box, *, readonly: bool = False, batch: int = 512
    ) -> None:
        self._world = world
        self.box = box
        self.name = box.name
        self.readonly = readonly
        self.counts: dict[str, int] = {}
        self.columns: list[frozenset[Column]] = []
        self.fail_writes: errors.StoreError | None = None
        self._batch = batch
        self.gone, self.readable = False, True
        self.settable = 0 if readonly else -1

    @property
    def uids(self) -> array[int]:
        return self.box.uids

    @property
    def modseq(self) -> int:
        return self.box.modseq

    @property
    def uidvalidity(self) -> int:
        return self.box.uidvalidity

    @property
    def keywords(self) -> tuple[str, ...]:
        return tuple(self.box.keywords)

    def stale(self) -> bool:
        return False

    def claim_recent(self) -> tuple[int, int]:
        low, high = self.box.claimed + 1, self.box.uidnext - 1
        if not self.readonly:
            self.box.claimed = high
        return low, high

    def modseqs(self, uids: Sequence[int]) -> list[int]:
        rows = self.box.rows
        return [rows[u].modseq if u in rows else self.box.modseq for u in uids]

    def flags(self, uid: int) -> int | None:
        return self.box.rows[uid].mask if uid in self.box.rows else None

    def masks(self, uids: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        rows = [self.box.rows[uid] for uid in uids if uid in self.box.rows]
        return [row.uid for row in rows], [row.mask for row in rows]

    def heard(self, modseq: int) -> None:
        pass

    def changes(self, since: int, *, settled: int | None = None) -> Changes:
        assert settled is None or settled <= since
        rows = [self.box.rows[uid] for uid in sorted(self.box.rows)]
        dead = self.box.dead.items()
        return Changes(
            modseq=self.box.modseq,
            new=[row.uid for row in rows if row.born > since],
            changed=[(r.uid, r.mask) for r in rows if r.born <= since < r.modseq],
            vanished=sorted(u for u, (m, r) in dead if r.born <= since < m),
        )

    edition = None  # nothing of it is kept

    async def fetch(
        self,
        uids: Sequence[int],
        columns: Collection[Column],
        *,
        ascii_headers: bool = False,
    ) -> AsyncIterator[Batch]:
        assert ascii_headers, "nobody here has asked for UTF-8"
        assert list(uids) == sorted(set(uids))
        self.columns.append(frozenset(columns))
        for at in range(0, len(uids), self._batch):
            some = map(self.box.alive_or_dead, uids[at : at + self._batch])
            rows = [row for row in some if row is not None]
            if rows:
                yield Batch(
                    uids=[row.uid for row in rows],
                    columns={c: [row.column(c) for row in rows] for c in columns},
                )

    def octets(self, ref: str, start: int, length: int) -> None:
        """Nothing is at hand: all is proved and opened."""

    async def prove(self, ref: str) -> None: ...

    def blob(self, ref: str) -> Reader:
        row = self.box.alive_or_dead(int(ref.removeprefix("blob-")))
        if row is None or row.damage == "missing":
            raise errors.NotFound
        return Reader(row, self.counts)

    async def store_flags(
        self,
        uids: Sequence[int],
        change: FlagChange,
        *,
        unchanged_since: int | None = None,
        seen_at: int,
    ) -> Stored:
        self._check_writable()
        wanted = change.flags
        if change.operation is FlagOperation.REMOVE:
            known = {keyword.upper() for keyword in self.box.keywords}
            wanted = tuple(f for f in wanted if f[0] == "\\" or f.upper() in known)
        flags = self.box.mask(wanted)
        found = [self.box.rows[uid] for uid in uids if uid in self.box.rows]
        limit = self.box.modseq if unchanged_since is None else unchanged_since
        rows = [row for row in found if row.modseq <= limit]
        external = [row.uid for row in rows if row.modseq > seen_at]
        self.counts["store"] = self.counts.get("store", 0) + 1
        before, modseq = self.box.modseq, self.box.modseq + 1
        for row in rows:
            mask = {
                FlagOperation.ADD: row.mask | flags,
                FlagOperation.REMOVE: row.mask & ~flags,
                FlagOperation.REPLACE: flags,
            }[change.operation]
            if mask != row.mask:
                row.mask, row.modseq, self.box.modseq = mask, modseq, modseq
        return Stored(
            modseq=self.box.modseq,
            uids=[row.uid for row in found],
            external=external,
            failed=[row.uid for row in found if row not in rows],
            missing=[uid for uid in uids if uid not in self.box.rows],
            alone=before == seen_at,
        )

    def _check_writable(self) -> None:
        if self.readonly:
            raise errors.ReadOnly
        if self.fail_writes is not None:
            raise self.fail_writes

    async def expunge(self, uids: Sequence[int] | None = None) -> Changes:
        self._check_writable()
        since = self.box.modseq
        among = self.box.rows if uids is None else uids
        gone = [u for u in among if u in self.box.rows]
        gone = [u for u in gone if self.box.rows[u].mask & DELETED]
        if gone:
            self.box.kill(gone)
        return self.changes(since)

    async def copy(self, uids: Sequence[int], to: str) -> Copied:
        if self.name not in self._world.boxes:
            raise errors.NotFound
        target = self._world.box(to)
        source = array("I", [uid for uid in uids if uid in self.box.rows])
        made = array("I")
        for uid in source:
            row = self.box.rows[uid]
            made.append(target.add(row.data, self.flag_names(row.mask), row.date))
        return Copied(target.uidvalidity, source, made)

    async def move(self, uids: Sequence[int], to: str) -> Copied:
        self._check_writable()
        copied = await self.copy(uids, to)
        if copied.source:
            self.box.kill(copied.source)
        return copied

    def flag_names(self, mask: int) -> list[str]:
        names = [name for name, bit in SYSTEM_FLAGS.items() if mask & bit]
        for at, keyword in enumerate(self.box.keywords):
            if mask >> (FIRST_KEYWORD_BIT + at) & 1:
                names.append(keyword)
        return names

    async def search(
        self, predicate: query.Predicate, following: query.Following | None = None
    ) -> Found:
        rows = [self.box.rows[uid] for uid in sorted(self.box.rows)]
        marks = bytes([matches(self.box, row, predicate) for row in rows])
        return Found(array("I", [row.uid for row in rows]), marks)

    async def sort(
        self,
        predicate: query.Predicate,
        criteria: Sequence[query.Criterion],
        comparator: query.Comparator = query.DEFAULT_COMPARATOR,
        following: query.Following | None = None,
    ) -> array[int]:
        found = self._messages(await self.search(predicate))
        return array("I", sort_reference.sort(found, criteria, comparator))

    async def thread(
        self,
        predicate: query.Predicate,
        algorithm: query.Threading,
        comparator: query.Comparator = query.DEFAULT_COMPARATOR,
        following: query.Following | None = None,
    ) -> Forest:
        found = self._messages(await self.search(predicate))
        forest = Forest()
        todo = sort_reference.thread(found, algorithm, comparator)[::-1]
        while todo:
            uid, below = todo.pop()
            forest.uids.append(uid)
            forest.degrees.append(len(below))
            todo += below[::-1]
        return forest

    def _messages(self, uids: Iterable[int]) -> list[sort_reference.Message]:
        rows = [self.box.rows[uid] for uid in uids]
        return [
            sort_reference.message_of(
                row.uid, row.data, row.date.epoch, modseq=row.modseq
            )
            for row in rows
        ]

    @property
    def uidnext(self) -> int:
        return self.box.uidnext

    async def limits(self) -> tuple[QuotaRoot, ...]:
        return ()

    async def close(self) -> None:
        pass


class World:
    """The mailboxes of one account."""

    def __init__(self, *names: str) -> None:
        self.boxes = {name: Box(name) for name in names or ("INBOX", "Trash")}

    def box(self, name: str) -> Box:
        if name not in self.boxes:
            raise errors.NotFound
        return self.boxes[name]

    async def accepts(self, name: str) -> bool:
        return name in self.boxes

    @property
    def quota(self) -> NoQuota:
        return NoQuota()


class NoQuota:
    """Nothing is limited."""

    async def added_to(self, _: str) -> tuple[QuotaRoot, ...]:
        return ()


def _compared(compare: query.Compare, left: int, right: int) -> bool:
    return {
        query.Compare.LESS: left < right,
        query.Compare.EQUAL: left == right,
        query.Compare.AT_LEAST: left >= right,
        query.Compare.GREATER: left > right,
    }[compare]


def matches(box: Box, row: Row, predicate: query.Predicate) -> bool:
    """Tell whether a message matches, by the words of `mailstore.query`."""
    match predicate:
        case query.All():
            return True
        case query.Nothing():
            return False
        case query.And(terms):
            return all(matches(box, row, term) for term in terms)
        case query.Or(terms):
            return any(matches(box, row, term) for term in terms)
        case query.Not(term):
            return not matches(box, row, term)
        case query.HeaderContains() | query.BodyContains() | query.TextContains():
            return Said(row.data).has(predicate)
        case query.MessageIn(numbers):
            return row.uid in numbers
        case query.EmailIdIs(number) | query.ThreadIs(number):
            return row.uid == number
        case query.Fuzzy() | query.AnnotationContains() | query.AlsoIn():
            raise AssertionError("what it finds is the real store's to say")
        case query.HasAttachment():
            raise AssertionError("what it finds is the real store's to say")
        case _:
            return _has_number(box, row, predicate)


def _has_number(
    box: Box,
    row: Row,
    predicate: query.Uids
    | query.HasSystemFlag
    | query.HasKeyword
    | query.Size
    | query.ArrivedOn
    | query.ArrivedAt
    | query.SentOn
    | query.SavedOn
    | query.ModseqAtLeast,
) -> bool:
    match predicate:
        case query.Uids(ranges):
            return any(low <= row.uid <= high for low, high in ranges)
        case query.HasSystemFlag(bit):
            return bool(row.mask & bit)
        case query.HasKeyword(keyword):
            known = [k.upper() for k in box.keywords]
            if keyword.upper() not in known:
                return False
            at = FIRST_KEYWORD_BIT + known.index(keyword.upper())
            return bool(row.mask >> at & 1)
        case query.Size(compare, octets):
            return _compared(compare, len(row.data), octets)
        case query.ArrivedAt(compare, epoch):
            return _compared(compare, row.date.epoch, epoch)
        case query.ArrivedOn(compare, day):
            local = row.date.epoch + row.date.zone * 60
            return _compared(compare, local // DAY, day)
        case query.SavedOn(compare, day):
            return _compared(compare, row.date.epoch // DAY, day)
        case query.SentOn(compare, day):
            sent = _sent_day(row.data)
            return sent is not None and _compared(compare, sent, day)
        case query.ModseqAtLeast(modseq):
            return row.modseq >= modseq


def _sent_day(data: bytes) -> int | None:
    root = scan(data)
    found = [f for f in fields(data[: root.body]) if f.name == b"date"]
    value = data[found[0].value : found[0].end] if found else b""
    sent = sent_date(unfold(value))
    return None if sent is None else (sent[0] + sent[1] * 60) // DAY
