from __future__ import annotations

from contextlib import suppress

import apsw
import pytest

from mailstore.errors import Busy, Corrupt, DiskFull, Unavailable
from mailstore.index import database as module
from mailstore.index.database import Database, migrations, store_error
from tests.mailstore.index.records import add, new_index


def test_an_sqlite_that_loses_commits_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(apsw, "SQLITE_VERSION_NUMBER", 3_051_002)
    with pytest.raises(Unavailable, match="too old"):
        Database.open(tmp_path / "index.db")


@pytest.mark.parametrize("schema", ["mail", "directory"])
def test_migrations_are_numbered_without_a_gap(schema):
    numbers = [number for number, _ in migrations(schema)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_opening_again_changes_nothing(tmp_path):
    new_index(tmp_path).close()
    again = Database.open(tmp_path / "index.db")
    assert again.one("PRAGMA user_version") == (migrations("mail")[-1][0],)
    assert again.one("SELECT count(*) FROM mailbox") == (1,)
    again.close()


def test_a_newer_store_is_refused(tmp_path):
    database = new_index(tmp_path)
    database.execute("UPDATE about SET compat_version = 99")
    database.close()
    with pytest.raises(Unavailable, match="newer imapd"):
        Database.open(tmp_path / "index.db")


def test_an_upgrade_keeps_a_copy_of_the_old_index(tmp_path, monkeypatch):
    new_index(tmp_path).close()
    last = migrations("mail")[-1][0]
    steps = [
        *migrations("mail"),
        (last + 1, f"CREATE TABLE more (a); PRAGMA user_version = {last + 1};"),
    ]
    monkeypatch.setattr(module, "migrations", lambda _: steps)
    upgraded = Database.open(tmp_path / "index.db")
    assert upgraded.one("SELECT count(*) FROM more") == (0,)
    upgraded.close()
    before = apsw.Connection(str(tmp_path / f"index.db.version{last}"))
    assert before.pragma("user_version") == last
    before.close()


def test_a_failed_upgrade_leaves_the_index_as_it_was(tmp_path, monkeypatch):
    new_index(tmp_path).close()
    last = migrations("mail")[-1][0]
    broken = "CREATE TABLE more (a); SELECT nonsense;"
    steps = [*migrations("mail"), (last + 1, broken)]
    monkeypatch.setattr(module, "migrations", lambda _: steps)
    with pytest.raises(Unavailable):
        Database.open(tmp_path / "index.db")
    monkeypatch.undo()
    database = Database.open(tmp_path / "index.db")
    assert database.one("PRAGMA user_version") == (last,)
    assert database.one("SELECT 1 FROM sqlite_master WHERE name = 'more'") is None
    database.close()


def test_a_damaged_file_is_corrupt(tmp_path):
    (tmp_path / "index.db").write_bytes(b"this is no database, and longer" * 100)
    with pytest.raises(Corrupt):
        Database.open(tmp_path / "index.db")


def test_a_reader_cannot_write(tmp_path):
    new_index(tmp_path).close()
    reader = Database.open(tmp_path / "index.db", writer=False)
    with pytest.raises(Unavailable):
        reader.execute("DELETE FROM mailbox")
    reader.close()


def test_a_symbolic_link_is_not_followed(tmp_path):
    new_index(tmp_path).close()
    (tmp_path / "link.db").symlink_to(tmp_path / "index.db")
    with pytest.raises(Unavailable):
        Database.open(tmp_path / "link.db")


def test_a_transaction_is_all_or_nothing(tmp_path):
    database = new_index(tmp_path)
    with pytest.raises(ZeroDivisionError), database.transaction():
        database.execute("DELETE FROM mailbox")
        raise ZeroDivisionError
    assert database.one("SELECT count(*) FROM mailbox") == (1,)
    database.close()


def test_a_savepoint_is_undone_alone(tmp_path):
    database = new_index(tmp_path)
    with database.transaction():
        database.execute("INSERT INTO subscription VALUES ('kept')")
        with pytest.raises(ZeroDivisionError), database.savepoint():
            database.execute("INSERT INTO subscription VALUES ('undone')")
            raise ZeroDivisionError
    names = database.all("SELECT name FROM subscription ORDER BY name")
    assert names == [("INBOX",), ("kept",)]
    database.close()


def test_the_version_tells_of_others_commits(tmp_path):
    writer = new_index(tmp_path)
    reader = Database.open(tmp_path / "index.db", writer=False)
    before = reader.data_version()
    assert reader.data_version() == before
    add(writer)
    assert reader.data_version() != before
    reader.close()
    writer.close()


def test_a_second_writer_hears_busy(tmp_path, monkeypatch):
    first = new_index(tmp_path)
    second = Database.open(tmp_path / "index.db")
    second.connection.set_busy_timeout(0)
    with first.transaction(), pytest.raises(Busy), second.transaction():
        pass
    second.close()
    first.close()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (apsw.BusyError("b"), Busy),
        (apsw.FullError("f"), DiskFull),
        (apsw.IOError("i"), Unavailable),
        (apsw.ReadOnlyError("r"), Unavailable),
        (apsw.CorruptError("c"), Corrupt),
        (apsw.NotADBError("n"), Corrupt),
    ],
)
def test_errors_are_told_in_the_stores_words(error, kind):
    told = store_error(error)
    assert type(told) is kind
    assert type(error).__name__ in told.detail
    assert type(error).__name__ not in told.text


def test_the_version_of_others_is_theirs_alone(tmp_path):
    """What limits are cached by (`mailstore.index.quota`): not one commit is missed."""
    mine, other = (Database.open(tmp_path / "index.db") for _ in range(2))

    def version(*, fails: bool = False) -> int:
        with suppress(ZeroDivisionError), mine.transaction():
            found = mine.others_version()
            with mine.savepoint():
                mine.execute("INSERT OR IGNORE INTO subscription VALUES ('a')")
            _ = 1 // (0 if fails else 1)
        return found

    def elsewhere() -> None:
        with other.transaction():
            other.execute("UPDATE account SET synced = synced + 1")

    first = version()
    assert [version(), version(fails=True), version()] == [first] * 3
    mine.checkpoint()
    mine.set_durable(True)
    assert version() == first
    for changes in (1, 2, 3):
        for _ in range(changes):
            elsewhere()
        before, first = first, version()
        assert first != before
        assert version() == first
    mine.close()
    other.close()


def test_a_statement_is_compiled_once(tmp_path):
    """Also one with a range in order, whatever its bounds are."""
    database = Database.open(tmp_path / "index.db")
    compiled: list[int] = []

    def note(action: int, *_: str | None) -> int:
        compiled.append(action)
        return apsw.SQLITE_OK

    sql = (
        "SELECT octets FROM flag_block WHERE mailbox = ? AND block BETWEEN ? AND ?"
        " ORDER BY block"
    )
    database.connection.authorizer = note
    database.all(sql, (1, 0, 0))
    assert compiled
    compiled.clear()
    for number in range(5):
        database.all(sql, (1, number, number + 1))
    assert not compiled
    database.close()
