"""What is wrong with the directory is found, mended, told, and no more there."""

from __future__ import annotations

import apsw
import pytest

from mailstore.index import dangling
from mailstore.maintenance.check import check, check_directory
from mailstore.maintenance.directory_healing import heal_directory
from tests.mailstore.service.test_access import Two

NOBODY = "0" * 32


@pytest.fixture
def store(tmp_path):
    """Ann shares with Bob; both have credentials, aliases and groups."""
    home = Two(tmp_path)
    directory = home.store.directory
    directory.groups.add("Sales")
    directory.groups.join("Sales", home.bob_id)
    directory.addresses.add_domain("example.org")
    directory.addresses.add_alias("info@example.org", home.bob_id)
    directory.app_passwords.add(home.bob_id, "phone", now=1)
    home.give("INBOX", "bob", "lr")
    home.close()
    return tmp_path


def spoil(store, *statements):
    database = apsw.Connection(str(store / "directory.db"))
    for statement in statements:
        database.execute(statement)
    database.close()


def everything(store):
    """Give all rows of the directory, but numbers of what there was."""
    database = apsw.Connection(str(store / "directory.db"))
    tables = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        " AND name NOT IN ('about', 'sqlite_sequence')"
    )
    found = {
        name: sorted(map(repr, database.execute(f"SELECT * FROM {name}")))
        for (name,) in database.execute(tables)
    }
    database.close()
    return found


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (f"INSERT INTO alias VALUES ('x@y', 'X@y', '{NOBODY}')", "the alias X@y"),
        (
            (
                "INSERT INTO app_password (account, name, digest, protocols, readonly,"
                f" created) VALUES ('{NOBODY}', 'x', x'00', '', 0, 0)"
            ),
            "an app password",
        ),
        (f"INSERT INTO scram_salt VALUES ('{NOBODY}', 'SHA-1', x'', 1)", "a salt"),
        (f"INSERT INTO scram_key VALUES ('{NOBODY}', 'x', 0, x'', x'')", "SCRAM"),
        (
            "INSERT INTO scram_key SELECT id, 'x', 99, x'', x'' FROM account",
            "app password 99",
        ),
        (f"INSERT INTO membership VALUES ('sales', '{NOBODY}', '')", "the group sales"),
        (
            "INSERT INTO membership SELECT 'gone', id, '' FROM account",
            "is in the group gone",
        ),
        ("INSERT INTO domain VALUES ('b.org', 'b.org', 'c.org')", "stands for c.org"),
        (
            f"INSERT INTO metadata VALUES (0, '{NOBODY}', '/a', '/a', x'', 1, 1)",
            "an annotation",
        ),
        (f"INSERT INTO share VALUES ('anyone', '{NOBODY}')", "shared by account"),
        ("DELETE FROM share", "of which nobody was told"),
    ],
)
def test_what_leads_nowhere_is_taken_away(store, wrong, words):
    before = everything(store)
    assert check(store).whole
    spoil(store, wrong)
    problems = check_directory(store)
    assert any(words in text for text in problems), problems
    assert not check(store).whole
    assert len(heal_directory(store)) == len(problems)
    assert check(store).whole
    assert everything(store) == before
    assert heal_directory(store) == []


def test_a_server_that_runs_sees_what_was_mended(store):
    home = Two(store)
    spoil(store, "DELETE FROM share")
    heal_directory(store)
    told = home.run(home.bob().mailboxes())
    assert "Other Users/ann/INBOX" in [entry.name for entry in told]
    home.close()


def test_a_directory_that_cannot_be_read_is_left_alone(store):
    path = store / "directory.db"
    path.write_bytes(b"nonsense" * 1_000)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    assert heal_directory(store) == []
    assert check_directory(store)
    assert path.read_bytes() == b"nonsense" * 1_000


def test_a_folder_without_a_directory_has_nothing_to_mend(tmp_path):
    assert heal_directory(tmp_path) == []
    assert not (tmp_path / "directory.db").exists()
    assert dangling.mend.__doc__
