"""Everything that a store does to the disk, one operation after the other.

Each is one transaction at most, so that after a power cut the database is as it was
after one of them. Contents are made of the operation's number, so that who finds a
message knows what it has to be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from mailstore.blobs import FileSystem, store, writer
from mailstore.delivery import Delivery
from mailstore.index import upkeep
from mailstore.index.database import Database
from mailstore.lanes import InlineRuntime
from mailstore.maintenance.reclaim import ReclaimJob
from mailstore.model import (
    AnnotationChange,
    AnnotationName,
    Arrival,
    Filing,
    FlagChange,
    FlagOperation,
    SpecialUse,
)
from mailstore.quotas import QuotaLimits
from mailstore.rights import parse_rights
from mailstore.service.delivering import remember_again
from mailstore.service.options import DeliveryOptions
from mailstore.service.rights_lists import Change, RightsLists
from mailstore.service.undelete import Undelete, WantedRemovals
from mailstore.writer import Job, Outcome, Simple
from tests.mailstore.stores import Home
from tests.support.furnished import OPTIONS

LARGE = 9_000  # octets; here a message of its own file is small, to be quick
_DAYS = 15 * 86_400
_HOURS = 2 * 3_600
_WEEK = 7 * 86_400
_OPTIONS = dataclasses.replace(
    OPTIONS, delivery=DeliveryOptions(create_mailboxes=True, duplicate_seconds=_WEEK)
)


def content(name: str, size: int = 300) -> bytes:
    """Make a message that differs from all others."""
    line = f"{name} {'lorem ipsum ' * 5}\r\n"
    return (f"Subject: {name}\r\n\r\n" + line * (1 + size // len(line))).encode()


@contextmanager
def small_files(boot: str) -> Iterator[None]:
    """Have large messages, full segments and a boot of the machine at small cost."""
    with ExitStack() as stack:
        for module in (store, writer):
            stack.enter_context(mock.patch.object(module, "SMALL", LARGE - 1))
        stack.enter_context(mock.patch("mailstore.writer.boot_id", return_value=boot))
        yield


@dataclass
class Bench:
    """A store that operations are done to, by as many workers, in turn."""

    path: Path
    files: FileSystem
    time: float = field(default_factory=InlineRuntime().now)
    count: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        self._homes = [self.reopened() for _ in range(self.workers)]

    @property
    def home(self) -> Home:
        """The store, as the worker has it whose turn it is."""
        return self._homes[0]

    def next_worker(self) -> None:
        """Let the next operation be another worker's."""
        self._homes.append(self._homes.pop(0))

    def close(self) -> None:
        for home in self._homes:
            home.close()

    def reopened(self) -> Home:
        home = Home(self.path, _OPTIONS, files=self.files, time=self.time)
        home.account.blobs.packs._roll = 6_000
        home.account.blobs.packs._busy = 1_000
        return home

    def content(self, size: int = 300) -> bytes:
        self.count += 1
        return content(f"number {self.count}", size)

    # -- operations

    def append(self, name: str = "INBOX", count: int = 1, size: int = 300) -> None:
        self.home.append(name, *[self.content(size) for _ in range(count)])

    def upload(self, name: str = "INBOX", size: int = LARGE) -> None:
        """As a session does: in pieces, before there is a job."""
        home, data = self.home, self.content(size)
        sink = home.run(home.account.admit(name, len(data)))
        for at in range(0, len(data), 4_000):
            sink.write(data[at : at + 4_000])
        sink.finish()
        try:
            home.run(home.account.append(name, [Arrival(sink)]))
        finally:
            sink.abort()

    def replace(self) -> None:
        mailbox = self.home.open()
        try:
            uid = mailbox.uids[0]
            self.home.run(mailbox.replace(uid, "Drafts", Arrival(self.content())))
        finally:
            self.home.run(mailbox.close())

    def flag(self, *flags: str, step: int = 2) -> None:
        mailbox = self.home.open()
        try:
            change = FlagChange(FlagOperation.ADD, flags)
            uids = mailbox.uids[::step]
            self.home.run(mailbox.store_flags(uids, change, seen_at=mailbox.modseq))
        finally:
            self.home.run(mailbox.close())

    def expunge(self) -> None:
        mailbox = self.home.open()
        try:
            self.home.run(mailbox.expunge())
        finally:
            self.home.run(mailbox.close())

    def transfer(self, to: str, *, move: bool) -> None:
        mailbox = self.home.open()
        try:
            act = mailbox.move if move else mailbox.copy
            self.home.run(act(mailbox.uids[:2], to))
        finally:
            self.home.run(mailbox.close())

    def create(self, name: str, use: SpecialUse | None = None) -> None:
        self.home.run(self.home.account.create(name, use))

    def rename(self, old: str, new: str) -> None:
        self.home.run(self.home.account.rename(old, new))

    def delete(self, name: str) -> None:
        self.home.run(self.home.account.delete(name))

    def subscribe(self, name: str, *, on: bool) -> None:
        account = self.home.account
        self.home.run(account.subscribe(name) if on else account.unsubscribe(name))

    def annotate(self, value: bytes | None) -> None:
        set_ = self.home.account.metadata.set
        self.home.run(set_("INBOX", {"/private/comment": value}))

    def url_key(self, *, reset: bool) -> None:
        keys = self.home.account.url_keys
        self.home.run(keys.reset("INBOX") if reset else keys.make("INBOX"))

    def limit(self, messages: int) -> None:
        self.home.run(self.home.account.quota.set("", QuotaLimits(message=messages)))

    def restore(self) -> None:
        found = Undelete(self.home.account).restore(WantedRemovals(mailbox="INBOX"))
        assert self.home.run(found)

    def account(self, name: str) -> None:
        self.home.store.directory.create(name, None)

    def password(self, password: bytes | None) -> None:
        self.home.store.directory.set_password("ann", password)

    def fill_index(self) -> None:
        self.home.account.indexing.fill()

    def settle(self) -> None:
        """What happens a second after a loose commit."""
        self.home.account.lane._sync()

    def checkpoint(self) -> None:
        self.home.account.lane._database.checkpoint()

    def purge(self) -> None:
        self._pass(_DAYS)
        now = int(self.time)

        def work(database: Database) -> Outcome[None]:
            upkeep.purge(database, now - 10, now)
            return Outcome(None)

        self._do(Simple(work))

    def compact(self) -> None:
        self._pass(_HOURS)
        account = self.home.account
        account.blobs.packs._abandon()  # as after a restart: nobody writes there now
        self._do(ReclaimJob(account.readers, self.time))

    def _pass(self, seconds: int) -> None:
        self.time += seconds
        for home in self._homes:
            home.runtime.time = self.time

    def deliver(self, detail: str = "", message: str = "") -> None:
        """As LMTP does; the same ``message`` comes only once."""
        home = self.home
        delivery = Delivery(home.store, home.runtime, lambda name: name)
        incoming = delivery.begin()
        head = f"Message-ID: <{message or self.count}@example.org>\r\n"
        incoming.write(head.encode() + self.content())
        incoming.finish()
        home.run(delivery.hops(incoming))
        recipient = delivery.recipient(f"ann+{detail}" if detail else "ann")
        trace = b"Received: by a test\r\n"
        try:
            (result,) = home.run(
                delivery.deliver(incoming, [recipient], lambda _: trace)
            )
        finally:
            incoming.close()
        if result.failures:
            raise result.failures[0]

    def remember(self) -> None:
        """What a delivery notes when another recipient's has failed."""
        note = partial(remember_again, b"a delivery" * 3, int(self.time))

        async def write() -> None:
            await self.home.account.lane.write(note)

        self.home.run(write())

    def share(self, rights: str) -> None:
        home = self.home
        lists = RightsLists(home.store, home.account)
        home.run(lists.change("old", "ben", Change.REPLACE, parse_rights(rights)))

    def guest(self, *flags: str, step: int = 1) -> None:
        """As somebody else with flags of his own; without flags he only comes."""
        home = self.home
        found = home.store.directory.find("ben")
        assert found is not None
        access = home.run(home.store.access(found.id))
        try:
            if not flags:
                return
            mailbox = home.run(access.open("Other Users/ann/old"))
            change = FlagChange(FlagOperation.ADD, flags)
            uids = mailbox.uids[::step]
            home.run(mailbox.store_flags(uids, change, seen_at=mailbox.modseq))
            home.run(mailbox.close())
        finally:
            home.run(access.close())

    def annotate_message(self, value: bytes | None) -> None:
        mailbox = self.home.open("old")
        try:
            changes = [
                AnnotationChange(AnnotationName("/comment", private), value)
                for private in (False, True)
            ]
            notes = mailbox.annotations
            self.home.run(notes.set(mailbox.uids[:2], changes, seen_at=mailbox.modseq))
        finally:
            self.home.run(mailbox.close())

    def prepare_labels(self) -> None:
        self.home.run(self.home.account.late.prepare_labels())

    def label(self, filing: Filing) -> None:
        mailbox = self.home.open("old")
        try:
            labels = mailbox.labels
            self.home.run(labels.file(mailbox.uids[:3], filing, seen_at=mailbox.modseq))
        finally:
            self.home.run(mailbox.close())

    def _do(self, job: Job[Any]) -> None:
        async def submit() -> None:
            await self.home.account.lane.submit(job)

        self.home.run(submit())

    def reopen(self) -> None:
        self.home.close()
        self._homes[0] = self.reopened()


@dataclass(frozen=True, slots=True)
class Operation:
    """``durable``: what it did may not be forgotten once it has returned."""

    name: str
    run: Callable[[Bench], None]
    durable: bool = True


def _of(
    name: str, durable: bool, method: str, *args: object, **more: object
) -> Operation:
    def run(bench: Bench) -> None:
        getattr(bench, method)(*args, **more)

    return Operation(name, run, durable)


OPERATIONS: tuple[Operation, ...] = (
    _of("append", True, "append"),
    _of("append three at once", True, "append", count=3),
    _of("append until a segment is full", True, "append", count=4, size=2_500),
    _of("append a large message", True, "append", size=LARGE),
    _of("upload a large message", True, "upload"),
    _of("upload a small message", True, "upload", size=500),
    _of("flag", False, "flag", "\\Seen", "$Label"),
    _of("copy", True, "transfer", "Archive", move=False),
    _of("flag again", False, "flag", "\\Flagged", step=3),
    _of("a second passes", True, "settle"),
    _of("move", True, "transfer", "Trash", move=True),
    _of("create", True, "create", "a/b"),
    _of("append to a new mailbox", True, "append", "a/b", 2),
    _of("rename", True, "rename", "a", "c"),
    _of("subscribe", True, "subscribe", "c", on=True),
    _of("unsubscribe", True, "subscribe", "c/b", on=False),
    _of("delete", True, "delete", "c/b"),
    _of("create under a name that was deleted", True, "create", "c/b"),
    _of("checkpoint", False, "checkpoint"),
    _of("annotate", True, "annotate", b"a comment"),
    _of("make a URL key", True, "url_key", reset=False),
    _of("flag after a checkpoint", False, "flag", "\\Answered", step=1),
    _of("reset a URL key", True, "url_key", reset=True),
    _of("replace", True, "replace"),
    _of("make an account", True, "account", "ben"),
    _of("change a password", True, "password", None),
    _of("fill the text index", False, "fill_index"),
    _of("mark as deleted", False, "flag", "\\Deleted", step=2),
    _of("expunge", False, "expunge"),
    _of("restore", True, "restore"),
    _of("limit", True, "limit", 1_000),
    _of("mark as deleted again", False, "flag", "\\Deleted", step=2),
    _of("expunge again", False, "expunge"),
    _of("append after an expunge", True, "append"),
    _of("purge", True, "purge"),
    _of("compact", True, "compact"),
    _of("checkpoint after compaction", False, "checkpoint"),
    _of("append after compaction", True, "append", count=2),
    _of("compact again", True, "compact"),
    _of("rename INBOX", True, "rename", "INBOX", "old"),
    _of("end and start", True, "reopen"),
    _of("append after a start", True, "append"),
    _of("upload after a start", True, "upload"),
    _of("flag after a start", False, "flag", "\\Seen", step=1),
    _of("move after a start", True, "transfer", "old", move=True),
    _of("append for a guest", True, "append", "old", count=4),
    _of("deliver", True, "deliver", message="one"),
    _of("deliver the same again", True, "deliver", message="one"),
    _of("deliver to a new mailbox", True, "deliver", detail="lists"),
    _of("remember a delivery", True, "remember"),
    _of("share", True, "share", "lrswite"),
    _of("a guest comes", True, "guest"),
    _of("a guest has flags", False, "guest", "\\Seen"),
    _of("a guest has more flags", False, "guest", "\\Flagged", "mine", step=2),
    _of("share less", True, "share", "lr"),
    _of("annotate messages", True, "annotate_message", b"a note"),
    _of("find labels", True, "prepare_labels"),
    _of("label", True, "label", Filing(add=("Archive", "Sent"))),
    _of("take labels away", True, "label", Filing(remove=("Archive",))),
    _of("annotate no more", True, "annotate_message", None),
    _of("share no more", True, "share", ""),
    _of("delete what was shared", True, "delete", "old"),
)
