"""Makes an index what an older program would have left: its schema, the same rows."""

from __future__ import annotations

from pathlib import Path

import apsw

from mailstore.index import flagproof, packing
from mailstore.index.database import Database, migrations
from mailstore.index.records import to_columns

_BLOCKS = 19  # the version since which flags stand in blocks
_ELSEWHERE = {"flags": "0", "more": "NULL", "modseq": "0"}


def flags_in(
    path: Path, *, writer: bool = True
) -> dict[tuple[int, int], tuple[int, int]]:
    """Give mask and mod-sequence of messages, by mailbox and UID."""
    database = Database.open(path, writer=writer)
    try:
        return {
            (mailbox, uid): (mask, modseq)
            for mailbox, block in flagproof.blocks(database)
            for uid, mask, modseq in block.rows()
        }
    finally:
        database.close()


def make_older(path: Path, version: int, schema: str = "mail") -> None:
    """Give a closed index the schema of a version; what is newer is lost."""
    old = path.with_name("older.db")
    database = apsw.Connection(str(old))
    database.pragma("journal_mode", "wal")
    packing.register(database)
    for number, script in migrations(schema):
        if number <= version:
            database.execute(script)
    database.execute("ATTACH ? AS newer", (str(path),))
    tables = database.execute(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table'"
    ).fetchall()
    in_rows = schema == "mail" and version < _BLOCKS
    flags = flags_in(path) if in_rows else {}
    database.execute("BEGIN")
    for (table,) in tables:
        columns = [
            row[1] for row in database.execute(f"PRAGMA main.table_info({table})")
        ]
        names = ", ".join(columns)
        # Of what the newer one has elsewhere, something for now.
        elsewhere = _ELSEWHERE if table == "entry" and in_rows else {}
        values = ", ".join([elsewhere.get(name, name) for name in columns])
        database.execute(f"DELETE FROM main.{table}")
        database.execute(
            f"INSERT INTO main.{table} ({names}) SELECT {values} FROM newer.{table}"
        )
    if flags:
        database.executemany(
            "UPDATE entry SET flags = ?, more = ?, modseq = ?"
            " WHERE mailbox = ? AND uid = ?",
            [(*to_columns(mask), seq, *key) for key, (mask, seq) in flags.items()],
        )
    database.execute("COMMIT")
    database.close()
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    old.rename(path)
