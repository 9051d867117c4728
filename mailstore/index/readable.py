"""Getting out of a damaged index what can still be read, into a new one.

Table by table and row by row, from both ends towards what is damaged: of what stands
on a page that is lost, the rows are lost. What the others refer to then is mended
afterwards, and messages whose rows are lost are found by their bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from mailstore.index import flagblocks, flagproof
from mailstore.index.database import Database, store_error

_AT_ONCE = 1_000
_JUMPS = 40  # doubling steps over what cannot be read: further than any rowid
_OWN = ("about", "sealed")  # the new one's own, and what is made of the others


def copy_readable(source: Path, target: Database) -> list[str]:
    """Copy all rows that can be read; gives what could not be, in sentences."""
    told: list[str] = []
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_NOFOLLOW
    try:
        old = apsw.Connection(str(source), flags=flags)
        old.set_busy_timeout(1_000)
        names = [row[0] for row in old.execute("SELECT name FROM sqlite_schema")]
    except apsw.Error as error:
        return [f"nothing could be read of the old index: {store_error(error)}"]
    for table in _tables(target):
        if table in names and table not in _OWN:
            told += _copy_table(old, target, table)
    old.close(True)
    return told


def _tables(database: Database) -> list[str]:
    rows = database.all("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return [row[0] for row in rows if not row[0].startswith("sqlite_")]


def _copy_table(old: apsw.Connection, target: Database, table: str) -> list[str]:
    try:
        there = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
    except apsw.Error as error:
        return [f"the table {table} could not be read: {error}"]
    info = target.all(f"PRAGMA table_info({table})")
    columns = [row[1] for row in info if row[1] in there]
    keys = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
    if table == "account":
        target.execute("DELETE FROM account")
    failures: list[str] = []
    with target.transaction():
        for rows in _rows(old, table, columns, keys, failures):
            marks = ", ".join("?" * len(columns))
            target.many(
                f"INSERT OR IGNORE INTO {table} ({', '.join(columns)})"
                f" VALUES ({marks})",
                rows,
            )
    if table == "entry" and "flags" in there:
        _take_flags(old, target, keys, failures)
    return [f"rows of {table} were lost: {failures[0]}"] if failures else []


def _take_flags(
    old: apsw.Connection, target: Database, keys: list[str], failures: list[str]
) -> None:
    """Copy flags out of the rows where an older program has kept them."""
    columns = ["mailbox", "uid", "flags", "more", "modseq"]
    found = {
        row[:2]: row
        for rows in _rows(old, "entry", columns, keys, failures)
        for row in rows
        if flagproof.has_place(*row[:2])
    }
    with target.transaction():
        for mailbox, block in flagproof.of_rows(found[key] for key in sorted(found)):
            flagblocks.write(target, mailbox, [block])


def _rows(
    old: apsw.Connection,
    table: str,
    columns: list[str],
    keys: list[str],
    failures: list[str],
) -> Iterator[list[tuple[Any, ...]]]:
    """Give what can be read, some rows more than once."""
    select = f"SELECT {', '.join(columns)} FROM {table}"
    for order in ("ASC", "DESC"):
        by = ", ".join(f"{key} {order}" for key in keys)
        yield from _read(old, f"{select} ORDER BY {by}", (), failures)
        if not failures:
            return
    if keys == ["id"]:
        at = 0
        for step in range(_JUMPS):
            at += 1 << step
            yield from _read(
                old, f"{select} WHERE id >= ? ORDER BY id", (at,), failures
            )


def _read(
    old: apsw.Connection, sql: str, values: tuple[int, ...], failures: list[str]
) -> Iterator[list[tuple[Any, ...]]]:
    rows: list[tuple[Any, ...]] = []
    try:
        for row in old.cursor().execute(sql, values):
            rows.append(row)
            if len(rows) >= _AT_ONCE:
                yield rows
                rows = []
    except apsw.Error as error:
        failures.append(str(error))
    yield rows
