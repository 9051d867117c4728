"""Makes an index what an older program would have left: its schema, the same rows."""

from __future__ import annotations

from pathlib import Path

import apsw

from mailstore.index.database import migrations


def make_older(path: Path, version: int, schema: str = "mail") -> None:
    """Give a closed index the schema of a version; what is newer is lost."""
    old = path.with_name("older.db")
    database = apsw.Connection(str(old))
    database.pragma("journal_mode", "wal")
    for number, script in migrations(schema):
        if number <= version:
            database.execute(script)
    database.execute("ATTACH ? AS newer", (str(path),))
    tables = database.execute(
        "SELECT name FROM main.sqlite_schema WHERE type = 'table'"
    ).fetchall()
    for (table,) in tables:
        columns = ", ".join(
            row[1] for row in database.execute(f"PRAGMA main.table_info({table})")
        )
        database.execute(f"DELETE FROM main.{table}")
        database.execute(
            f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}"
        )
    database.close()
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    old.rename(path)
