"""One connection to an account's index, and how it is set up.

It knows transactions, pragmas, migrations, and how SQLite's errors become the
store's; it must not know any table but ``account``'s versions. Example::

    database = Database.open(folder / "index.db")
    with database.transaction():
        database.execute("UPDATE …")
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import apsw

from mailstore.crashpoints import CrashPoint, reached
from mailstore.errors import Busy, Corrupt, DiskFull, StoreError, Unavailable
from mailstore.index import packing
from mailstore.index.snapshot import keep_copy, write_copy

Value = int | str | bytes | None

# Up to 3.51.2 a checkpoint that races with a write on a second connection can lose
# committed transactions (the WAL-reset bug).
OLDEST_SQLITE = 3_051_003
SUPPORTED = 2  # the newest `compat_version` that this program understands
_BUSY_MS = 10_000
_MIGRATION_MS = 120_000  # another process may be copying a large index
_MIGRATION = re.compile(r"(\d{4})_([a-z]+)\w*\.sql")


def check_sqlite() -> None:
    """Refuse an SQLite that can lose mail. Raises `Unavailable`."""
    if apsw.SQLITE_VERSION_NUMBER < OLDEST_SQLITE:
        raise Unavailable(
            "the SQLite library is too old to keep mail safe, update apsw",
            detail=f"SQLite {apsw.sqlite_lib_version()}, needed is 3.51.3",
        )


def store_error(error: apsw.Error) -> StoreError:
    """Give the store's error for one of SQLite's."""
    detail = f"{type(error).__name__}: {error}"
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return Busy(detail=detail)
        case apsw.FullError():
            return DiskFull(detail=detail)
        case apsw.CorruptError() | apsw.NotADBError():
            return Corrupt("the mailbox index is damaged", detail=detail)
        case _:
            return Unavailable(detail=detail)


class Database:
    """A connection; used by one thread at a time."""

    __slots__ = ("_commits", "_full", "_waits", "connection", "path", "wal_pages")

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self.connection = connection
        self._full: bool | None = None
        self._waits: bool | None = None
        self._commits = 0  # by `transaction`
        self.wal_pages = 0  # written since the last complete checkpoint
        self._plan_once()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        writer: bool = True,
        schema: str = "mail",
        create: bool = True,
    ) -> Self:
        """Connect; a writer creates and migrates the file where needed.

        ``schema`` names the family of migrations: ``mail`` or ``directory``. Without
        ``create`` the file must be there.

        Raises `Unavailable`, `Busy` or `Corrupt`.
        """
        check_sqlite()
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW
        if writer and create:
            flags |= apsw.SQLITE_OPEN_CREATE
        try:
            database = cls(path, apsw.Connection(str(path), flags=flags))
        except apsw.Error as error:
            raise store_error(error) from error
        try:
            database._set_up(writer=writer, schema=schema)
        except BaseException:
            database.close()
            raise
        return database

    def _set_up(self, *, writer: bool, schema: str) -> None:
        self.set_waiting(True)
        self._use_wal()
        self._bound_cache()
        self._keep_checkpoints_to_the_lane()
        if writer:
            migrate(self, schema)
        else:
            self.execute("PRAGMA query_only = ON")

    # -- pragmas, one reason each

    def _use_wal(self) -> None:
        """Readers never wait for the writer, and a commit is one sequential write."""
        if self.one("PRAGMA journal_mode") != ("wal",):
            self.execute("PRAGMA journal_mode = WAL")

    def _bound_cache(self) -> None:
        """2 MiB of pages: hundreds of accounts may be open (memory budget)."""
        self.execute("PRAGMA cache_size = -2048")

    def _plan_once(self) -> None:
        """A statement that is kept stays as it was compiled, whatever is bound to it.

        Else SQLite compiles those that read a range in order anew each time, as other
        bounds may want another plan: that takes twice as long as what they read.
        """
        self.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)

    def _keep_checkpoints_to_the_lane(self) -> None:
        """No statement may turn into a checkpoint, which syncs, on the event thread."""
        self.execute("PRAGMA wal_autocheckpoint = 0")
        self.connection.set_wal_hook(self._note_wal)

    def _note_wal(self, _: apsw.Connection, __: str, pages: int) -> int:
        self.wal_pages = pages
        return apsw.SQLITE_OK

    def set_durable(self, durable: bool) -> None:
        """Choose what the next COMMIT waits for: FULL syncs the WAL, NORMAL doesn't.

        A commit with FULL makes all earlier ones durable too: they precede it in the
        same file.
        """
        if durable is not self._full:
            self.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._full = durable

    def set_waiting(self, waits: bool) -> None:
        """Choose whether to wait while another process writes, or raise `Busy` at once.

        On who writes it matters in its transactions alone: it is chosen before each.
        """
        if waits is not self._waits and self.is_open:
            self.connection.set_busy_timeout(_BUSY_MS if waits else 0)
            self._waits = waits

    def data_version(self) -> int:
        """Give a number that changes when another connection has committed."""
        try:
            # As a statement: that is quicker than `Connection.pragma`.
            return int(self.connection.execute("PRAGMA data_version").get)
        except apsw.Error as error:
            raise store_error(error) from error

    def others_version(self) -> int:
        """Give a number that changes when another connection has committed.

        Without a statement, for who writes: SQLite counts each change that its pager
        sees, and our own commits are taken off. In a transaction it is exact.
        """
        try:
            return self.connection.data_version() - self._commits
        except apsw.Error as error:
            raise store_error(error) from error

    def checkpoint(self) -> None:
        """Move the WAL's pages into the database as far as readers allow."""
        try:
            self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            raise store_error(error) from error

    def copy_to(self, path: Path) -> None:
        """Write what is committed, in one state, into a new file of its own.

        Not durable. Raises `Unavailable`, `DiskFull`, `Corrupt`.
        """
        try:
            write_copy(self.path, path)
        except apsw.Error as error:
            raise store_error(error) from error

    def rebuild_indexes(self) -> None:
        """Make all indexes of tables anew."""
        self.execute("REINDEX")

    # -- statements

    def execute(self, sql: str, values: Sequence[Value] = ()) -> None:
        """Run one statement for its effect."""
        try:
            self.connection.execute(sql, values)
        except apsw.Error as error:
            raise store_error(error) from error

    def change(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Run one statement that changes rows; gives how many."""
        self.execute(sql, values)
        return self.connection.changes()

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run one statement once per row."""
        try:
            self.connection.executemany(sql, rows)
        except apsw.Error as error:
            raise store_error(error) from error

    def one(self, sql: str, values: Sequence[Value] = ()) -> tuple[Any, ...] | None:
        """Give the first row, and finish the statement."""
        try:
            rows = self.connection.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise store_error(error) from error
        return rows[0] if rows else None

    def all(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Give all rows."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise store_error(error) from error

    def has_table(self, name: str) -> bool:
        """Tell whether there is a table: readers may open what is not migrated yet."""
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return self.one(sql, (name,)) is not None

    def column_names(self, table: str) -> list[str]:
        """Give the columns of a table, those that an older program's has."""
        return [row[1] for row in self.all(f"PRAGMA table_info({table})")]

    @contextmanager
    def rows(
        self, sql: str, values: Sequence[Value] = ()
    ) -> Iterator[Iterator[tuple[Any, ...]]]:
        """Give rows one by one; the statement ends with the block."""
        try:
            cursor = self.connection.cursor()
            try:
                yield cursor.execute(sql, values)
            finally:
                cursor.close(True)
        except apsw.Error as error:
            raise store_error(error) from error

    # -- transactions

    def transaction(self) -> AbstractContextManager[None]:
        """Write: all of the block is committed, or none of it.

        IMMEDIATE, so that what the block reads cannot change before it writes.
        """
        return _Transaction(self)

    def _commit(self) -> None:
        try:
            self.execute("COMMIT")
            self._commits += 1
        except BaseException:
            self._roll_back("ROLLBACK")
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo the block alone if it fails, not the transaction around it."""
        self.execute("SAVEPOINT job")
        try:
            yield
            self.execute("RELEASE job")
        except BaseException:
            self._roll_back("ROLLBACK TO job")
            self._roll_back("RELEASE job")
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read: all statements of the block see one state of the database."""
        self.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back("ROLLBACK")

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open; after some errors SQLite has ended it."""
        try:
            return bool(self.connection.in_transaction)
        except apsw.ConnectionClosedError:
            return False

    @property
    def is_open(self) -> bool:
        """Whether the connection was not given up after an error."""
        try:
            return self.connection.getautocommit() is not None
        except apsw.ConnectionClosedError:
            return False

    def usable(self) -> bool:
        """Tell whether the connection can go on after an error."""
        try:
            return self.one("SELECT 1") == (1,)
        except StoreError:
            return False

    def _roll_back(self, sql: str) -> None:
        # After a full disk or an I/O error SQLite has often rolled back by itself.
        if self.in_transaction:
            try:
                self.connection.execute(sql)
            except apsw.Error:
                self.connection.close(True)  # never go on inside a broken transaction

    def close(self) -> None:
        """Close the connection; the last one checkpoints."""
        with contextlib.suppress(apsw.Error):
            # A checkpoint that fails has lost nothing: the log stays.
            self.connection.close(True)


class _Transaction(AbstractContextManager[None]):
    """What `Database.transaction` gives; a generator would cost more than the rest."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._database._commit()  # noqa: SLF001 - one class in two
        else:
            self._database._roll_back("ROLLBACK")  # noqa: SLF001


@cache
def migrations(schema: str) -> Sequence[tuple[int, str]]:
    """Give the numbered steps of a schema, ascending; read once."""
    folder = files("mailstore.index") / "schema"
    found = [
        (int(match[1]), step.read_text(encoding="utf-8"))
        for step in folder.iterdir()
        if (match := _MIGRATION.fullmatch(step.name)) and match[2] == schema
    ]
    return sorted(found)


def migrate(database: Database, schema: str) -> None:
    """Bring an index to the present schema; a copy of it is kept beside it first.

    Raises `Unavailable` when a newer program has written the index.
    """
    version = _version(database)
    steps = migrations(schema)
    if version and _compat_version(database) > SUPPORTED:
        raise Unavailable(
            "a newer imapd has written this mail store, please use that one",
            detail=f"{database.path}: version {version}, known {SUPPORTED}",
        )
    if version >= steps[-1][0]:
        return
    database.connection.set_busy_timeout(_MIGRATION_MS)
    with database.transaction():
        version = _version(database)  # another process may have been faster
        if 0 < version < steps[-1][0]:
            try:
                keep_copy(database.path, version)
            except apsw.Error as error:
                raise store_error(error) from error
        packing.register(database.connection)
        for number, script in steps:
            if number > version:
                database.execute(script)
        reached(CrashPoint.MIGRATED)
    database.connection.set_busy_timeout(_BUSY_MS)


def _version(database: Database) -> int:
    row = database.one("PRAGMA user_version")
    return int(row[0]) if row else 0


def _compat_version(database: Database) -> int:
    row = database.one("SELECT compat_version FROM about")
    return int(row[0]) if row else 0
