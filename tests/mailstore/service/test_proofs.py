"""No client gets octets that are not what was stored."""

from __future__ import annotations

import dataclasses
import os

import pytest

from mailstore.blobs.segment import Record, read_head
from mailstore.errors import Corrupt, Expunged
from mailstore.maintenance.presence import account_folders
from mailstore.model import Column, FlagChange, FlagOperation
from mailstore.service.proofs import Proofs
from tests.mailstore.stores import Home, Statements
from tests.support.furnished import OPTIONS

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
    packs = home.account.blobs.packs
    real = packs.verified

    def noted(ref):
        opened.append(ref)
        return real(ref)

    monkeypatch.setattr(packs, "verified", noted)
    with Statements(home.account.readers.event) as statements:
        for ref in (*refs, *refs[1:], *refs[1:]):
            home.run(home.account.late.proofs.prove(ref))
    assert opened == refs
    assert statements == []
    home.close()


def octets_of(path):
    (folder,) = account_folders(path)
    (found,) = [p for p in (folder / "blobs").rglob("*") if p.is_file()]
    return found


def test_what_is_read_at_once_is_proved_before(tmp_path, monkeypatch):
    home = Home(tmp_path)
    home.append("INBOX", b"Subject: a\r\n\r\nbody", b"other")
    mailbox, ref, other = home.open(), ref_of(home), ref_of(home, 2)
    path = octets_of(tmp_path)
    data = path.read_bytes()
    damaged = data.replace(b"body", b"bodi")
    path.write_bytes(damaged)
    assert mailbox.octets(ref, 0, 7) is None
    with pytest.raises(Corrupt):
        home.run(mailbox.prove(ref))
    assert mailbox.octets(other, 1, 3) == b"the"
    path.write_bytes(data)
    assert mailbox.octets(ref, 9, 3) == b"a\r\n"
    assert mailbox.octets(ref, 14, 4) == b"body"
    assert mailbox.octets(ref, 14, 5) is None
    # By now it is read once, its mark and what is asked for.
    reads: list[tuple[int, int]] = []

    real = os.pread

    def noted(fd: int, length: int, start: int) -> bytes:
        reads.append((length, start))
        return real(fd, length, start)

    monkeypatch.setattr(os, "pread", noted)
    assert mailbox.octets(ref, 14, 4) == b"body"
    assert len(reads) == 1
    home.close()


@pytest.mark.parametrize("how", ["another", "cut", "gone"])
def test_a_proof_is_of_one_record(tmp_path, how):
    """Another record in its place, or none, is not taken for it."""
    home = Home(tmp_path)
    home.append("INBOX", b"one", b"two")
    mailbox, ref, other = home.open(), ref_of(home), ref_of(home, 2)
    assert (mailbox.octets(ref, 0, 3), mailbox.octets(other, 0, 3)) == (b"one", b"two")
    path = octets_of(tmp_path)
    data = path.read_bytes()
    size = len(data) - 8
    if how == "another":
        path.write_bytes(data[:8] + data[8 + size // 2 :])
        assert mailbox.octets(ref, 0, 3) is None
        assert mailbox.octets(ref, 0, 3) is None
        with pytest.raises(Corrupt):  # though it is whole
            home.run(mailbox.prove(ref))
        path.write_bytes(data)
        home.run(mailbox.prove(ref))
        assert mailbox.octets(ref, 0, 3) == b"one"
    elif how == "cut":
        path.write_bytes(data[:-1])
        assert mailbox.octets(other, 0, 3) is None
        with pytest.raises(Corrupt):
            home.run(mailbox.prove(other))
        assert mailbox.octets(ref, 0, 3) == b"one"
    else:
        path.unlink()
        assert mailbox.octets(ref, 0, 3) == b"one"  # who has it open reads on
        home.account.blobs.packs.close()
        assert mailbox.octets(ref, 0, 3) is None
        with pytest.raises(Corrupt):
            home.run(mailbox.prove(ref))
    home.close()


def test_only_what_is_in_a_pack_is_read_at_once(tmp_path):
    home = Home(tmp_path)
    home.append("INBOX", BIG)
    mailbox, ref = home.open(), ref_of(home)
    assert mailbox.octets(ref, 0, 3) is None
    home.run(mailbox.prove(ref))
    assert mailbox.octets(ref, 0, 3) is None
    with mailbox.blob(ref) as blob:
        assert blob.pread(0, 3) == b"Sub"
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
