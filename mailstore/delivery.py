"""Delivery: one message that arrives from outside, for many recipients.

::

    recipient = delivery.recipient("ann+lists@example.org")
    incoming = delivery.begin()
    incoming.write(b"Subject: hi\\r\\n\\r\\nhi\\r\\n")
    results = await delivery.deliver(incoming, [recipient], trace)

The bytes are spooled once and looked at once, whoever they are for; each account gets
them with the fields of their way before them. Every recipient has a result of its own.
When one says that a message is delivered, it is durable. It must not know how
messages come in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from mailstore.blobs import BlobWriter, Spool
from mailstore.errors import (
    NotFound,
    NotPermitted,
    StoreError,
    TooBig,
    TooMany,
    Unavailable,
)
from mailstore.index.quota import Coming
from mailstore.lanes import Future, Pool, Runtime, in_pool
from mailstore.mime.ingest import Ingested, ingest
from mailstore.mime.sections import locate
from mailstore.model import INBOX, AccountId
from mailstore.service import Store
from mailstore.service.delivering import (
    Delivered,
    DeliveryJob,
    Memory,
    Wish,
    hashed,
    remember_again,
)

AT_ONCE = 8
"""Accounts that one message is being stored in at the same time."""
MAX_PLACES = 1_000
"""Mailboxes that one recipient may lead to: a group's members."""
_SPOOL_SECONDS = 86_400  # what is older was left behind by a crash
_LOOK_EVERY = 4 * 2**20  # octets of a message, at the space on the disk
_TRIES = 8  # separators that are tried in one address
_FIRST_LINE = 1_000  # octets that tell whether a line is a field
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:|\r?\n|>?From ")
_RECEIVED = re.compile(rb"^received[ \t]*:", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """An account, and what the address says of a mailbox (``ann+here``)."""

    account: AccountId
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address, and where it leads."""

    address: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a message for one recipient.

    ``failures`` holds an error for each of its places where it is not. ``done`` are
    the others.
    """

    done: tuple[Delivered, ...] = ()
    failures: tuple[StoreError, ...] = ()


class Incoming:
    """One message on its way in; takes bytes on the event thread."""

    def __init__(
        self,
        content: BlobWriter,
        end: Callable[[], None],
        most: int,
        check_space: Callable[[int], None],
    ) -> None:
        self._content = content
        self._end = end
        self._most = most
        self._check_space = check_space
        self._checked = 0  # octets, at the last look at the disk
        self._fault: StoreError | None = None
        self._first: bytes | None = b""  # until it is known whether it is a field
        self.seen: Ingested | None = None

    @property
    def size(self) -> int:
        """Octets so far."""
        return self._content.size + len(self._first or b"")

    @property
    def too_big(self) -> bool:
        """Whether it is larger than the store takes."""
        return self.size > self._most

    @property
    def content(self) -> BlobWriter:
        """What holds the bytes, once all are here."""
        return self._content

    def write(self, chunk: bytes) -> None:
        """Append a chunk; what is too big is not kept. Never raises."""
        if self.too_big or self._fault is not None:
            return
        if self._first is not None:
            chunk = self._first + chunk
            if len(chunk) < _FIRST_LINE and not re.search(rb"[:\n]", chunk):
                self._first = chunk
                return
            self._begin(chunk)
        self._content.write(chunk)
        if self._content.size - self._checked > _LOOK_EVERY:
            self._checked = self._content.size
            self._look_at_disk()

    def _look_at_disk(self) -> None:
        """Keep no more when the disk is almost full: others come in too."""
        try:
            self._check_space(0)
        except StoreError as error:
            self._fault = error

    def check(self) -> None:
        """Refuse what is too big, or was not kept. Raises `TooBig`, `Unavailable`."""
        if self.too_big:
            raise TooBig
        if self._fault is not None:
            raise self._fault

    def _begin(self, first: bytes) -> None:
        """Set a blank line before a text that has no header.

        Else the fields of its way would become part of its first paragraph, or that
        a part of them.
        """
        self._first = None
        if _FIELD.match(first) is None:
            self._content.write(b"\r\n")

    def finish(self) -> None:
        """All bytes are here."""
        if self._first is not None:
            rest = self._first
            if rest:
                self._begin(rest)
            self._first = None
            self._content.write(rest)
        self._content.finish()

    def look(self) -> int:
        """Look at it, on a thread; gives how many servers it came through.

        From here on several threads may read the content: it is in one piece, or
        its file is open.
        """
        with self._content.buffer() as data:
            self.seen = ingest(data, self._content.outline)
            start, length = locate(self.seen.parts, (), "HEADER") or (0, 0)
            return len(_RECEIVED.findall(data[start : start + length]))

    def close(self) -> None:
        """Forget the bytes. Safe to call twice."""
        self._end()


@dataclass(slots=True)
class _Task:
    """One place of a message, and what became of it."""

    place: Place
    recipient: Recipient
    done: Delivered | None = None
    error: StoreError | None = field(
        default_factory=lambda: Unavailable(detail="it was not tried")
    )


@dataclass(slots=True)
class _Crew:
    """The tasks of one message, done a few at a time."""

    tasks: list[_Task]
    over: Future[None]
    next: int = 0
    running: int = field(default=0)


class Delivery:
    """Takes messages for the accounts of a store. Event thread only.

    ``name_of`` gives the mailbox that the detail of an address means, None if no
    mailbox can be called so.
    """

    def __init__(
        self, store: Store, runtime: Runtime, name_of: Callable[[str], str | None]
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._name_of = name_of
        self._spool = Spool(store.path / "spool")
        self._spool.sweep(runtime.now() - _SPOOL_SECONDS)

    # -- recipients

    def recipient(self, address: str) -> Recipient:
        """Find out where an address leads.

        Raises `NotFound` when it is nobody's, `NotPermitted` when its accounts are
        all disabled, `TooMany`.
        """
        found, detail = self._accounts(address)
        if not found:
            raise NotFound("no such user here")
        if len(found) > MAX_PLACES:
            raise TooMany("the address leads to too many accounts")
        there = self._store.directory.enabled(found)
        if not there:
            raise NotPermitted("the account takes no mail")
        return Recipient(address, tuple([Place(id_, detail) for id_ in there]))

    def _accounts(self, address: str) -> tuple[list[AccountId], str | None]:
        """Give the accounts of an address, and its detail (RFC 5233).

        The whole address comes first, then the longest one that is somebody's, and
        at last its domain's catch-all.
        """
        directory = self._store.directory
        groups = self._store.options.delivery.groups
        for base, detail in self._forms(address):
            found = directory.addresses.accounts(base)
            if not found and groups:
                found = directory.group_of_address(base)
            if found:
                return found, detail
        return directory.addresses.catch_all(address), None

    def _forms(self, address: str) -> list[tuple[str, str | None]]:
        forms: list[tuple[str, str | None]] = [(address, None)]
        local, at, domain = address.rpartition("@")
        if not at:
            local, domain = domain, ""
        separators = self._store.options.delivery.separators
        forms += [
            (local[:place] + at + domain, local[place + 1 :] or None)
            for place in range(len(local) - 1, 0, -1)
            if local[place] in separators
        ]
        return forms[: _TRIES + 1]

    async def check_room(self, recipient: Recipient, octets: int) -> None:
        """Refuse early a recipient whose account is full (RFC 9208).

        ``octets`` may be 0: not known. The quota holds when the message is stored. Of
        a group, or of a mailbox that an address names, nothing is asked before. Raises
        `OverQuota`, `Unavailable`.
        """
        first, *others = recipient.places
        if others or first.detail is not None:
            return
        account = await self._store.account(first.account)
        try:
            await account.quota.check_room(Coming(INBOX, octets))
        finally:
            await account.close()

    # -- messages

    def check(self, size: int) -> None:
        """Refuse a message of so many octets. Raises `TooBig`, `Unavailable`."""
        if size > self._store.options.max_message:
            raise TooBig
        self._store.check_space(size)

    def begin(self) -> Incoming:
        """Agree to take a message. Raises `Unavailable`."""
        self._store.check_space(0)
        content, end = self._spool.writer()
        most = self._store.options.max_message
        return Incoming(content, end, most, self._store.check_space)

    async def hops(self, incoming: Incoming) -> int:
        """Look at a whole message; gives how many servers it came through.

        Raises `TooBig`, `Unavailable`.
        """
        incoming.check()
        return await in_pool(self._runtime, Pool.READ, incoming.look)

    async def deliver(
        self,
        incoming: Incoming,
        recipients: Sequence[Recipient],
        fields: Callable[[Recipient], bytes],
        *,
        together: bool = False,
    ) -> list[Result]:
        """Store a message that `hops` looked at; gives a result for each recipient.

        ``fields`` gives those of its way, to be set before it. With ``together`` the
        sender hears of one result for all recipients, and tries again for all: those
        who have the message then do not get it twice, as within a group.
        """
        tasks: dict[Place, _Task] = {}
        for recipient in recipients:
            for place in recipient.places:
                tasks.setdefault(place, _Task(place, recipient))
        await self._do_all(incoming, list(tasks.values()), fields)
        groups = [tuple(recipients)] if together else [(one,) for one in recipients]
        for group in groups:
            await self._note_failure(
                incoming, [tasks[place] for one in group for place in one.places]
            )
        return [_result([tasks[p] for p in one.places]) for one in recipients]

    async def _do_all(
        self,
        incoming: Incoming,
        tasks: list[_Task],
        fields: Callable[[Recipient], bytes],
    ) -> None:
        crew = _Crew(tasks, self._runtime.future())
        crew.running = min(AT_ONCE, len(tasks))

        async def work() -> None:
            try:
                while crew.next < len(tasks):
                    task = tasks[crew.next]
                    crew.next += 1
                    await self._do(incoming, task, fields)
            finally:
                crew.running -= 1
                if not crew.running:
                    crew.over.succeed(None)

        for _ in range(crew.running):
            self._runtime.spawn(work())
        await crew.over

    async def _do(
        self,
        incoming: Incoming,
        task: _Task,
        fields: Callable[[Recipient], bytes],
    ) -> None:
        try:
            task.done = await self._store_in(incoming, task, fields(task.recipient))
            task.error = None
        except StoreError as error:
            task.error = error
        except Exception as error:  # noqa: BLE001 - the others must have it all the same
            task.error = Unavailable()
            task.error.__cause__ = error  # a defect, for who logs

    async def _store_in(
        self, incoming: Incoming, task: _Task, fields: bytes
    ) -> Delivered:
        assert incoming.seen is not None
        options = self._store.options
        detail = task.place.detail
        name = None if detail is None else self._name_of(detail)
        # One's own mailbox hides another's of that name: no stranger may make one.
        elsewhere = name is not None and options.namespaces.split(name) is not None
        make = options.delivery.create_mailboxes and not elsewhere
        wish = Wish(name, make, options.max_mailboxes)
        memory = Memory(
            _again(incoming, task.place),
            incoming.seen.message_id,
            options.delivery.duplicate_seconds,
        )
        account = await self._store.account(task.place.account)
        try:
            account.check_space(incoming.size)
            return await account.lane.submit(
                DeliveryJob(
                    fields, incoming.content, incoming.seen, wish, memory, account.now()
                )
            )
        finally:
            await account.close()

    async def _note_failure(self, incoming: Incoming, tasks: list[_Task]) -> None:
        """Have those remember the message who got it, if others will be tried again."""
        if all(task.error is None for task in tasks):
            return
        for task in tasks:
            if task.done is None:
                continue
            key = _again(incoming, task.place)
            account = await self._store.account(task.place.account)
            try:
                await account.lane.write(partial(remember_again, key, account.now()))
            except StoreError:
                continue  # at worst it comes twice
            finally:
                await account.close()


def _again(incoming: Incoming, place: Place) -> bytes:
    detail = (place.detail or "").encode("utf-8", "surrogateescape")
    return hashed(b"again", incoming.content.digest, detail)


def _result(tasks: Sequence[_Task]) -> Result:
    return Result(
        tuple([task.done for task in tasks if task.done is not None]),
        tuple([task.error for task in tasks if task.error is not None]),
    )
