"""An account's folder goes as a whole, and does not come back."""

from __future__ import annotations

import pytest

from mailstore.blobs import FileSystem
from mailstore.errors import NotFound
from mailstore.model import AccountId
from mailstore.service.folders import account_folder, remove_folder
from tests.mailstore.stores import Home

ID = AccountId("ab" + "0" * 30)


class Noting(FileSystem):
    """Notes what was asked for, and what was there then."""

    def __init__(self, store) -> None:
        self.store = store
        self.calls: list[tuple[str, list[str]]] = []

    def _note(self, what):
        there = sorted(
            str(path.relative_to(self.store / "accounts"))
            for path in (self.store / "accounts").rglob("index.db")
        )
        self.calls.append((what, there))

    def rename(self, source, target):
        super().rename(source, target)
        self._note(f"rename to {target.name[-8:]}")

    def sync_folder(self, path):
        super().sync_folder(path)
        self._note(f"sync {path.name}")


def made(store, name):
    folder = store / "accounts" / "ab" / name
    (folder / "blobs").mkdir(parents=True)
    (folder / "index.db").write_bytes(b"x")
    return folder


def test_its_name_goes_durably_before_anything_in_it(tmp_path):
    folder, files = made(tmp_path, ID), Noting(tmp_path)
    remove_folder(files, folder)
    whole = [f"ab/{ID}.removed/index.db"]
    assert files.calls == [
        ("rename to .removed", whole),
        ("sync ab", whole),
        ("sync ab", []),
    ]
    assert list(folder.parent.iterdir()) == []
    remove_folder(files, folder)  # nothing is there


def test_what_a_crash_has_left_goes_with_the_next(tmp_path):
    other = made(tmp_path, "ab" + "1" * 30)
    made(tmp_path, f"{ID}.removed")
    made(tmp_path, "ab" + "2" * 30 + ".removed")
    remove_folder(FileSystem(), made(tmp_path, ID))
    assert list(other.parent.iterdir()) == [other]


def test_a_removed_account_leaves_nothing(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", b"x")
    folder = home.store.folder(home.id)
    assert folder == account_folder(tmp_path, home.id)
    home.run(home.store.remove_account(home.store.directory.remove("ann")))
    assert list((tmp_path / "accounts").rglob("*.db")) == []
    home.close()


def test_what_is_no_id_becomes_no_path(tmp_path):
    with pytest.raises(NotFound):
        account_folder(tmp_path, AccountId("../x"))
