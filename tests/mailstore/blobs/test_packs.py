"""Segments that are closed while what is in them isn't synced."""

from __future__ import annotations

import errno

import pytest

from mailstore.blobs import open_blobs
from mailstore.errors import StoreError
from tests.mailstore.blobs.test_blobs import DATE, Failing, add, content


def test_what_was_never_synced_is_not_told_durable(tmp_path):
    """One message fails for good; the one before it in its segment is lost with it."""
    files = Failing(10**6, errno.EIO, forever=True)
    blobs = open_blobs(tmp_path, "packs", files)
    (kept,) = add(blobs, b"kept")
    blobs.add(b"of one who has no fault", DATE)
    files.left = 1
    with pytest.raises(StoreError):
        blobs.add(b"fails", DATE)
    files.left = 10**6
    with pytest.raises(StoreError):
        blobs.sync()
    (after,) = add(blobs, b"after")
    assert content(blobs, kept) + content(blobs, after) == b"keptafter"
    blobs.close()


def test_no_descriptor_is_used_that_was_closed(tmp_path):
    files = Failing(10**6, errno.EIO, forever=True)
    blobs = open_blobs(tmp_path, "packs", files)
    blobs.packs._roll = 100
    for data in (b"a" * 100, b"b" * 100):
        blobs.add(data, DATE)
    files.left = 1
    blobs.rollback()
    assert files.left == 0  # the first fails, and the other is closed by then
    files.left = 10**6
    (after,) = add(blobs, b"after")
    assert content(blobs, after) == b"after"
    blobs.close()
