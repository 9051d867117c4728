"""No client gets octets that are not what was stored."""

from __future__ import annotations

import dataclasses

import pytest

from mailstore.blobs.segment import Record, read_head
from mailstore.errors import Corrupt, Expunged
from mailstore.maintenance.check import account_folders
from mailstore.model import Column, FlagChange, FlagOperation
from mailstore.service.proofs import Proofs
from tests.mailstore.stores import OPTIONS, Home, Statements

BIG = b"Subject: big\r\n\r\n" + b"x" * 1_200_000


def ref_of(home, uid=1):
    mailbox = home.open()
    (batch,) = home.fetch(mailbox, [uid], Column.BLOB)
    return batch.columns[Column.BLOB][0]


@pytest.mark.parametrize("engine", ["packs", "files"])
@pytest.mark.parametrize("content", [b"Subject: a\r\n\r\nbody", BIG])
def test_octets_that_changed_are_not_given(tmp_path, engine, content):
    home = Home(tmp_path, dataclasses.replace(OPTIONS, blob_engine=engine))
    home.append("INBOX", content)
    ref = ref_of(home)
    (folder,) = account_folders(tmp_path)
    (path,) = [p for p in (folder / "blobs").rglob("*") if p.is_file()]
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(Corrupt):
        home.run(home.account.late.proofs.prove(ref))
    path.write_bytes(data)
    home.run(home.account.late.proofs.prove(ref))
    path.unlink()
    with pytest.raises(Corrupt):
        fresh = Proofs(home.runtime, home.account.readers, home.account.blobs)
        home.account.blobs.packs._open.clear()
        home.run(fresh.prove(ref))
    home.close()


def test_what_was_purged_while_it_was_to_be_read_is_gone_and_not_damaged(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", BIG)
    ref = ref_of(home)
    mailbox = home.open()
    delete = FlagChange(FlagOperation.ADD, ("\\Deleted",))
    home.run(mailbox.store_flags([1], delete, seen_at=mailbox.modseq))
    home.run(mailbox.expunge())
    home.runtime.time = 2.0**31
    home.run(home.account.purge())
    home.run(home.account.reclaim())
    with pytest.raises(Expunged):
        home.run(mailbox.prove(ref))
    home.close()


def test_a_message_is_proved_once_and_without_a_statement(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.append("INBOX", b"a", b"b", b"c")
    refs = [ref_of(home, uid) for uid in (1, 2, 3)]
    monkeypatch.setattr("mailstore.service.proofs._REMEMBERED", 2)
    opened: list[str] = []
    real = home.account.blobs.open

    def noted(ref):
        opened.append(ref)
        return real(ref)

    monkeypatch.setattr(home.account.blobs, "open", noted)
    with Statements(home.account.readers.event) as statements:
        for ref in (*refs, *refs[1:], *refs[1:]):
            home.run(home.account.late.proofs.prove(ref))
    assert opened == refs
    assert statements == []
    home.close()


def test_what_was_proved_is_opened_by_its_mark(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.append("INBOX", b"one", b"two")
    mailbox, ref = home.open(), ref_of(home)
    home.run(mailbox.prove(ref))
    heads: list[int] = []

    def noted(fd: int, start: int) -> Record:
        heads.append(start)
        return read_head(fd, start)

    monkeypatch.setattr("mailstore.blobs.packs.read_head", noted)
    with mailbox.blob(ref) as blob:
        assert (blob.size, blob.pread(0, 99)) == (3, b"one")
    assert heads == []
    # What isn't the record that was proved any more is looked at as a whole.
    (folder,) = account_folders(tmp_path)
    (path,) = [p for p in (folder / "blobs").rglob("*") if p.is_file()]
    data = path.read_bytes()
    path.write_bytes(data.replace(b"IMRC", b"none"))
    with pytest.raises(Corrupt):
        mailbox.blob(ref)
    home.close()
