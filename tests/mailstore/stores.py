"""Opening stores for tests, and driving their coroutines."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from mailstore.blobs import FileSystem
from mailstore.index.database import Database
from mailstore.lanes import Pool
from mailstore.model import Arrival
from mailstore.service import Account, Store, StoreOptions
from tests.support.furnished import OPTIONS, Clocked, furnish

T = TypeVar("T")


class Statements(list[str]):
    """The SQL that a connection runs, while the block lasts."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._connection = database.connection

    def _note(self, _: object, sql: str, __: object) -> bool:
        self.append(sql)
        return True

    def __enter__(self) -> Self:
        self._connection.set_exec_trace(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.set_exec_trace(None)


class Home:
    """A store of one account, used without an event loop.

    One that is ``fresh``, or on other ``files``, is made from nothing.
    """

    def __init__(
        self,
        path: Path,
        options: StoreOptions = OPTIONS,
        *,
        files: FileSystem | None = None,
        time: float = 1_700_000_000.0,
        fresh: bool = False,
    ) -> None:
        self.runtime = Clocked(time)
        if files is None and not fresh:
            furnish(path, ("ann",), b"secret", directory=options.directory, time=time)
        self.store = Store.open(
            path, self.runtime, options=options, files=files or FileSystem()
        )
        found = self.store.directory.find("ann")
        self.id = found.id if found else self.store.directory.create("ann", b"secret")
        self.account: Account = self.run(self.store.account(self.id))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runtime.run(work)

    def append(self, name: str, *contents: bytes, flags: tuple[str, ...] = ()) -> Any:
        arrivals = [Arrival(content, flags) for content in contents]
        return self.run(self.account.append(name, arrivals))

    def open(self, name: str = "INBOX", *, readonly: bool = False) -> Any:
        return self.run(self.account.open(name, readonly=readonly))

    def names(self) -> list[str]:
        return [entry.name for entry in self.run(self.account.mailboxes())]

    def fetch(self, mailbox: Any, uids: Any, *columns: Any) -> list[Any]:
        async def collect() -> list[Any]:
            return [batch async for batch in mailbox.fetch(uids, columns)]

        return self.run(collect())

    def close(self) -> None:
        self.store.close()


def hops(home: Home, work: Coroutine[Any, Any, Any]) -> list[Pool]:
    """Do something; gives the work that went to other threads meanwhile."""
    pools: list[Pool] = []
    start = home.runtime.start

    def count(pool: Pool, work: Callable[[], None]) -> None:
        pools.append(pool)
        start(pool, work)

    home.runtime.start = count  # type: ignore[method-assign]
    try:
        home.run(work)
    finally:
        home.runtime.start = start  # type: ignore[method-assign]
    return pools
