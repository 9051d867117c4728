from __future__ import annotations

import apsw
import pytest

from mailstore.errors import Unavailable
from mailstore.index.snapshot import keep_copy
from tests.mailstore.index.records import add, new_index


@pytest.fixture
def path(tmp_path):
    database = new_index(tmp_path)
    add(database, "INBOX", (), (), ())
    yield tmp_path / "index.db"
    database.close()


def copies(path):
    return {one.name for one in path.parent.glob("index.db.*")}


def test_the_copy_is_whole_also_while_others_write(path):
    writer = apsw.Connection(str(path))
    writer.execute("BEGIN IMMEDIATE; DELETE FROM entry")
    keep_copy(path, 7)
    writer.execute("ROLLBACK")
    writer.close()
    copy = apsw.Connection(str(path.with_name("index.db.version7")))
    assert copy.execute("SELECT count(*) FROM entry").fetchall() == [(3,)]
    assert copy.pragma("quick_check") == "ok"
    copy.close()


def test_only_the_last_copy_is_kept(path):
    for name in ("index.db.version5", "index.db.version6.part", "other.db.version1"):
        path.with_name(name).write_bytes(b"of long ago")
    keep_copy(path, 6)
    assert copies(path) == {"index.db.version6"}
    assert path.with_name("other.db.version1").exists()
    keep_copy(path, 7)
    assert copies(path) == {"index.db.version7"}


def test_without_room_nothing_has_the_name(path, monkeypatch):
    def full(_):
        raise OSError(28, "no room")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Unavailable, match="no room"):
        keep_copy(path, 6)
    assert copies(path) == {"index.db.version6.part"}
