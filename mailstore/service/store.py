"""Store: the folder that holds everybody's mail, and the accounts that are open.

Layout: ``directory.db`` (who may log in), and for each account a folder
``accounts/<first two digits of its id>/<id>/`` with its index and blobs. Ids are
random: no name that somebody chooses ever becomes a path.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from mailstore.blobs import FileSystem, Folders, existing
from mailstore.changes import ChangeBus, ChangeNotice, NoBus
from mailstore.crashpoints import CrashPoint, reached
from mailstore.directory import Directory
from mailstore.errors import Busy, NotFound, StoreError, Unavailable
from mailstore.index import acl, leaving, mailboxes
from mailstore.index.database import Database, check_sqlite
from mailstore.lanes import Future, Pool, Runtime, in_pool
from mailstore.model import FIRST_OF_OTHERS, AccountId, MailboxId
from mailstore.search.kept import Kept
from mailstore.service.access import Access
from mailstore.service.account import Account
from mailstore.service.folders import account_folder, remove_folder
from mailstore.service.indexing import ARRIVAL_WAIT
from mailstore.service.object_ids import ObjectIds
from mailstore.service.options import IndexElsewhere, StoreOptions, Surroundings
from mailstore.service.readonly import ReadOnlyAccount
from mailstore.service.reserve import Reserve
from mailstore.service.shares import Shares
from mailstore.service.space import Space
from mailstore.service.transfer import settle
from mailstore.writer import Outcome

_LOOK_SECONDS = 5.0  # between looks at what programs that tell nobody have committed
_RESERVE_SECONDS = 60.0  # between looks whether there is room for it again
_DEFAULTS = StoreOptions()
_NO_BUS = NoBus()
_FILES = FileSystem()


class Store:
    """All accounts of one server. Made by `open`."""

    def __init__(self, path: Path, around: Surroundings) -> None:
        self.path = path
        self._runtime = runtime = around.runtime
        self._space = Space(path, runtime.monotonic)
        self._around = around
        self._reserve = around.reserve
        self._accounts: OrderedDict[AccountId, Account] = OrderedDict()
        self._opening: dict[AccountId, list[Future[None]]] = {}
        self._closed = False
        self._owners: dict[AccountId, int] = {}
        self._object_ids: dict[int, ObjectIds] = {}
        self.directory = Directory(
            path / "directory.db", runtime, around.options.directory
        )
        self.shares = Shares(runtime, around.bus)
        around.bus.subscribe(self._noticed)
        self.shares.compare(self.directory.version())
        self._looks = runtime.later(_LOOK_SECONDS, self._look)
        self._keeps = runtime.later(0, self._keep_reserve)

    @property
    def options(self) -> StoreOptions:
        """What an administrator chose."""
        return self._around.options

    def use(self, options: StoreOptions) -> None:
        """Choose otherwise. How bytes are kept stays as it is for open accounts."""
        self._around.options = options

    @classmethod
    def open(
        cls,
        path: Path,
        runtime: Runtime,
        *,
        options: StoreOptions = _DEFAULTS,
        bus: ChangeBus = _NO_BUS,
        files: FileSystem = _FILES,
        index_elsewhere: IndexElsewhere | None = None,
    ) -> Self:
        """Open a store, made if it is missing.

        With ``index_elsewhere`` another process fills the text indexes. Raises
        `Unavailable`, `Corrupt`.
        """
        check_sqlite()
        try:
            Folders(files, existing(path)).need(path)
        except StoreError as error:
            raise Unavailable(
                "the folder of the mail store cannot be made", detail=error.detail
            ) from error
        reserve = Reserve(path / "reserve", files, options.reserve)
        around = Surroundings(
            runtime,
            options,
            bus,
            files,
            reserve,
            Kept(options.search_cache),
            index_elsewhere,
        )
        return cls(path, around)

    def check_space(self, size: int) -> None:
        """Refuse what would fill the disk. Raises `Unavailable`."""
        self._space.check(self.options.free_space_floor, size)

    def folder(self, id_: AccountId) -> Path:
        """Give an account's folder."""
        return account_folder(self.path, id_)

    async def account(self, id_: AccountId, *, readonly: bool = False) -> Account:
        """Open an account; every call is answered by one `Account.close`.

        With ``readonly`` the account lets nothing be changed (`NotPermitted`).
        Raises `NotFound` for one that the directory doesn't know, `Unavailable`,
        `Corrupt`.
        """
        while id_ in self._opening:
            future: Future[None] = self._runtime.future()
            self._opening[id_].append(future)
            await future
        account = self._accounts.get(id_)
        if account is None:
            account = await self._open(id_)
        account.users += 1
        self._accounts.move_to_end(id_)
        self._shrink()
        return ReadOnlyAccount(account) if readonly else account

    async def access(self, id_: AccountId, *, readonly: bool = False) -> Access:
        """Log an account in: what it reaches, in its own and in others' accounts.

        Every call is answered by one `Access.close`. Raises what `account` does.
        """
        own = await self.account(id_, readonly=readonly)
        if leaving.any_pending(own.readers.event):
            self._runtime.spawn(_settle(own, self.account))
        return Access(self, own, readonly=readonly)

    async def public(self) -> Account:
        """Open the account of the public mailboxes, made if it is missing."""
        return await self.account(self.directory.make_public())

    def number(self, account: Account, mailbox: MailboxId) -> MailboxId:
        """Give a mailbox a number that it shares with none of another account."""
        owner = self._owners.setdefault(account.id, len(self._owners) + 1)
        self._object_ids[owner] = account.object_ids
        return MailboxId(owner * FIRST_OF_OTHERS + mailbox)

    def owner_numbered(self, number: int) -> AccountId | None:
        """Give the owner of whose mailboxes `number` gives these upper digits."""
        for owner, known in self._owners.items():
            if known == number:
                return owner
        return None

    def id_in(
        self, account: Account, number: MailboxId, own: Account
    ) -> MailboxId | None:
        """Give the id of a mailbox by its `number`; None if it is another account's."""
        owner, mailbox = divmod(number, FIRST_OF_OTHERS)
        if owner != (0 if account.id == own.id else self._owners.get(account.id)):
            return None
        return MailboxId(mailbox)

    def object_ids(
        self, own: Account, number: MailboxId
    ) -> tuple[ObjectIds, MailboxId]:
        """Give whose a mailbox is by its `number`, and its id there.

        An id of one's own is its number.
        """
        owner, mailbox = divmod(number, FIRST_OF_OTHERS)
        ids = self._object_ids[owner] if owner else own.object_ids
        return ids, MailboxId(mailbox)

    async def note_shares(self, owner: Account, identifiers: Iterable[str]) -> None:
        """Note whom an owner's lists name, before and behind their commit."""
        named = tuple(identifiers)

        def work() -> None:
            self.directory.sharing.note(owner.id, named)

        await in_pool(self._runtime, Pool.WRITE, work)

    async def tidy_shares(self, owner: Account) -> None:
        """Forget whom an owner's lists no longer name.

        Never raises: it comes behind the commit that changed them. A note too many
        shows nothing to anybody, and the next who tidies puts it right.
        """

        def named() -> set[str]:
            with owner.readers.take() as database:
                return acl.named(database)

        def work() -> None:
            self.directory.sharing.tidy(owner.id, named)

        with suppress(StoreError):
            await in_pool(self._runtime, Pool.WRITE, work)
        self.shares.changed(owner.id)

    async def _open(self, id_: AccountId) -> Account:
        if self._closed:
            raise Unavailable("the mail store is shutting down")
        record = self.directory.by_id(id_)
        if record is None:
            raise NotFound("no such account")
        self._opening[id_] = []
        folder = self.folder(id_)

        def make() -> Account:
            if record.entered and not (folder / "index.db").exists():
                # An empty one in its place would take in mail that nobody finds again.
                raise Unavailable("the account's mail is missing", detail=str(folder))
            return Account(id_, record.name, folder, self._around, public=record.public)

        try:
            account = await in_pool(self._runtime, Pool.READ, make)
            try:
                await _ensure_defaults(account)
            except BaseException:
                # Who is refused asks again and again: no file may stay open for it.
                self._runtime.start(Pool.WRITE, account.shut)
                raise
            if not record.entered:
                await in_pool(self._runtime, Pool.WRITE, partial(self._entered, id_))
            self._accounts[id_] = account
        finally:
            for waiting in self._opening.pop(id_):
                waiting.succeed(None)
        account.indexing.wanted(ARRIVAL_WAIT)
        if account.purge_due():
            self._runtime.spawn(_purge(account))
        return account

    def _entered(self, id_: AccountId) -> None:
        with suppress(StoreError):  # the next who opens it does it
            self.directory.note_entered(id_)

    def _shrink(self) -> None:
        idle = [id_ for id_, account in self._accounts.items() if account.users <= 0]
        for id_ in idle[: max(0, len(idle) - self.options.open_accounts)]:
            account = self._accounts.pop(id_)
            self._runtime.start(Pool.WRITE, account.shut)

    async def remove_account(self, id_: AccountId) -> None:
        """Delete an account's mail. The directory forgets the account before.

        Raises `Unavailable`: it can be asked again.
        """
        account = self._accounts.pop(id_, None)
        folder = self.folder(id_)

        def remove() -> None:
            if account is not None:
                account.shut()
            reached(CrashPoint.ACCOUNT_FORGOTTEN)
            remove_folder(self._around.files, folder)
            reached(CrashPoint.FOLDER_GONE)
            self.directory.note_gone(id_)

        await in_pool(self._runtime, Pool.READ, remove)

    def _noticed(self, notice: ChangeNotice) -> None:
        self.shares.noticed(notice)
        account = self._accounts.get(notice.account)
        if account is not None:
            account.noticed(notice.mailbox)

    def _look(self) -> None:
        """Let every account look, for all its sessions at once."""
        self._looks = self._runtime.later(_LOOK_SECONDS, self._look)
        self.shares.compare(self.directory.version())
        for account in self._accounts.values():
            if account.users > 0:
                # One by one, with the sockets' turn in between when they are many.
                self._runtime.deliver(partial(self._look_at, account))

    def _look_at(self, account: Account) -> None:
        if self._accounts.get(account.id) is account:
            self._runtime.spawn(_look(account))

    def _keep_reserve(self) -> None:
        """Take the reserve, and look again later whether it was needed."""
        if self.options.reserve:
            floor = self.options.free_space_floor
            self._runtime.start(Pool.WRITE, partial(self._reserve.take, floor))
            self._keeps = self._runtime.later(_RESERVE_SECONDS, self._keep_reserve)

    def close(self) -> None:
        """End all writing, make everything durable, close the files. Blocks."""
        self._closed = True
        self._looks.cancel()
        self._keeps.cancel()
        while self._accounts:
            self._accounts.popitem()[1].shut()
        self.directory.close()


async def _look(account: Account) -> None:
    try:
        await account.look()
    except StoreError:
        return  # whoever runs a command is told what is wrong; the next look may work


async def _ensure_defaults(account: Account) -> None:
    """Make a new account's first mailboxes; the owner of public ones has none."""
    if account.public or await account.mailboxes():
        return
    now = account.now()

    def work(database: Database) -> Outcome[None]:
        made = mailboxes.create_defaults(database, now)
        return Outcome(None, names_changed=made)

    await account.lane.write(work, bounded=False)


async def _settle(
    account: Account, open_: Callable[[AccountId], Awaitable[Account]]
) -> None:
    """Finish what a crash has left of moves between accounts."""
    try:
        await settle(account, open_)
    except StoreError:
        return  # the next who comes tries again


async def _purge(account: Account) -> None:
    """The daily round: forget what was expunged long ago, give its space back."""
    try:
        await account.purge()
        account.indexing.wanted()
        await account.reclaim()
    except (Unavailable, Busy):
        return  # a full disk, or the end of the server: the next round does it
