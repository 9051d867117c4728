"""One file per message: where it gets its name."""

from __future__ import annotations

import secrets
from pathlib import Path

from mailstore.blobs import open_blobs, single
from mailstore.blobs.filesystem import FileSystem
from mailstore.model import InternalDate


class Watched(FileSystem):
    """Notes which folders were synced."""

    def __init__(self) -> None:
        self.synced: list[Path] = []

    def sync_folder(self, path):
        self.synced.append(path)
        super().sync_folder(path)


def test_neighbours_share_a_folder_whose_name_is_durable_already(tmp_path, monkeypatch):
    """The first message syncs its folder's name; the next ones sync their own alone."""
    monkeypatch.setattr(single, "_TOGETHER", 3)
    drawn = iter(("0a", "0b"))
    plain = secrets.token_hex
    monkeypatch.setattr(
        "mailstore.blobs.single.secrets.token_hex",
        lambda octets: next(drawn) if octets == 1 else plain(octets),
    )
    files = Watched()
    blobs = open_blobs(tmp_path, "files", files)
    folders = []
    for number in range(4):
        files.synced.clear()
        ref = blobs.add(b"%d" % number, InternalDate(1)).ref
        blobs.sync()
        folders.append(ref.split(":")[1][:2])
        assert files.synced.count(tmp_path / "files") == (number in (0, 3))
        with blobs.open(ref) as reader:
            assert reader.verified() == b"%d" % number
    assert folders == ["0a", "0a", "0a", "0b"]
    assert len(list(blobs.entries())) == 4
    blobs.close()
