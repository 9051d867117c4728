"""Segments that are longer than their records, so that a sync costs less."""

from __future__ import annotations

import os
import shutil

import pytest

from mailstore.blobs import open_blobs
from mailstore.blobs.segment import RECORD_SIZE
from mailstore.model import InternalDate

DATE = InternalDate(1_700_000_000)


def add(blobs, *contents):
    refs = [blobs.add(content, DATE).ref for content in contents]
    blobs.sync()
    return refs


def content(blobs, ref):
    with blobs.open(ref) as reader:
        reader.verify()
        return reader.pread(0, reader.size)


@pytest.fixture
def wide(tmp_path):
    made = open_blobs(tmp_path, "packs")
    made.packs._busy = 300
    yield made
    made.close()


def length(blobs):
    return os.fstat(blobs.packs._writing.fd).st_size


def test_a_segment_that_is_used_much_is_longer_than_its_records(wide):
    add(wide, b"a" * 100)
    wide.widen()
    assert length(wide) == wide.packs._writing.end
    refs = add(wide, b"b" * 1000)
    wide.widen()
    end = wide.packs._writing.end
    assert length(wide) == end + end // 2
    refs += add(wide, b"c" * 100)
    wide.widen()
    assert length(wide) == end + end // 2, "there is room still"
    refs += add(wide, b"d" * 2000)
    wide.widen()
    end = wide.packs._writing.end
    assert length(wide) == end + end // 2
    assert content(wide, refs[-1]) == b"d" * 2000
    assert {entry.ref for entry in wide.entries()} >= set(refs)


def test_the_room_has_a_bound(wide, monkeypatch):
    monkeypatch.setattr("mailstore.blobs.packs._SPARE", 500)
    add(wide, b"a" * 5000)
    wide.widen()
    assert length(wide) == wide.packs._writing.end + 500


def test_a_segment_that_is_closed_has_no_room(tmp_path, wide):
    wide.packs._roll = 3000
    refs = add(wide, b"a" * 2000)
    wide.widen()
    refs += add(wide, b"b" * 2000)
    wide.widen()
    wide.close()
    again = open_blobs(tmp_path, "packs")
    found = list(again.packs.entries())
    assert [entry.ref for entry in found] == refs
    for number in (1, 2):
        path = tmp_path / f"{number:08d}.pack"
        assert path.stat().st_size == 8 + RECORD_SIZE + 2000
    again.close()


def test_what_a_kill_leaves_of_the_room_is_no_record(tmp_path, wide):
    refs = add(wide, b"a" * 1000)
    wide.widen()
    refs += add(wide, b"b" * 100)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(tmp_path / "00000001.pack", copy)
    killed = open_blobs(copy, "packs")
    assert [entry.ref for entry in killed.packs.entries()] == refs
    assert content(killed, refs[1]) == b"b" * 100
    later = (copy / "00000001.pack").stat().st_mtime + 1
    assert killed.packs.compactable(frozenset(refs), 0.4, later) == []
    killed.close()


def test_what_is_not_synced_is_cut_off_with_the_room(wide):
    (kept,) = add(wide, b"a" * 1000)
    wide.widen()
    wide.add(b"b" * 50, DATE)
    wide.widen()  # not now: it would sync what may be rolled back
    wide.rollback()
    assert length(wide) == wide.packs._writing.end
    (other,) = add(wide, b"c" * 50)
    assert content(wide, kept) + content(wide, other) == b"a" * 1000 + b"c" * 50
    assert [entry.ref for entry in wide.packs.entries()] == [kept, other]
