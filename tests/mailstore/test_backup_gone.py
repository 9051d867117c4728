"""Backups of a store, or into a folder, of which a part is gone."""

from __future__ import annotations

import shutil

import pytest

from mailstore.maintenance.backup_prune import Keep, prune
from mailstore.maintenance.backup_verify import verify

GONE = "its folder is missing"


@pytest.mark.parametrize("all_of_them", [False, True])
def test_a_missing_folder_of_a_known_account_is_told(site, all_of_them):
    """A volume that is not mounted: its last good copy must not go."""
    good = site.take()
    site.home.close()
    gone = site.store / "accounts"
    if not all_of_them:
        gone = gone / site.me[:2] / site.me
    shutil.move(gone, site.store / "unmounted")
    for _ in range(2):  # also where the last point has it as missing already
        point = site.take()
        assert not point.whole
        assert point.account("ann").failure == GONE
        assert prune(site.path, Keep(last=1)).points == ()
    assert good.name in site.folder.names()
    assert verify(site.path, good.name).whole
    shutil.move(site.store / "unmounted", gone)
    assert site.take().whole


def test_an_account_that_nobody_has_logged_in_to_has_no_folder(site):
    site.home.store.directory.create("bob", b"x")
    for _ in range(2):
        point = site.take()
        assert point.whole
        assert [one.name for one in point.accounts] == ["ann"]


def flip(path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("pattern", ["*.pack", "*.db.zst", "directory/*.db.zst"])
def test_what_is_forgotten_of_a_quiet_account_is_copied_again(site, pattern):
    first = site.take()
    if "/" in pattern:
        flip(next(site.path.glob(pattern)), 500)
    else:
        flip(next((site.path / "accounts").rglob(pattern)), -3)
    assert not verify(site.path, forget=True).whole
    assert site.take().whole
    # The older point has its own again too, as nothing has changed since.
    assert first.name in site.folder.names()
    assert verify(site.path).whole


@pytest.mark.parametrize("pattern", ["*.pack", "*.refs"])
def test_what_a_quiet_account_lacks_is_copied_again(site, pattern):
    site.take()
    path = next((site.path / "accounts").rglob(pattern))
    path.write_bytes(path.read_bytes()[:-1])
    assert site.take().whole
    assert verify(site.path).whole


def test_a_quiet_account_that_is_whole_is_not_copied_again(site):
    first = site.take()
    assert site.take().accounts == first.accounts


def test_a_damaged_list_of_a_pack_is_told_and_made_anew(site):
    site.take()
    flip(next(site.path.rglob("*.list")), 20)
    found = verify(site.path)
    assert found.lost == ()
    assert found.problems == (
        "ann: 00000001.list is missing or damaged; the next backup makes it anew",
    )
    assert site.take().whole
    assert verify(site.path).whole


def test_a_copy_that_rots_in_a_quiet_account_is_found_in_time(site):
    """Nothing is written to it for months: no run would ever read it."""
    first = site.take()
    flip(next((site.path / "accounts").rglob("*.db.zst")), -3)
    assert site.take().accounts == first.accounts  # not in each run
    site.time += 14 * 86_400
    assert site.take().whole
    assert verify(site.path).whole
    proved = site.take().account("ann").proved
    site.time += 3 * 86_400
    assert site.take().account("ann").proved == proved
    site.time += 14 * 86_400
    assert site.take().account("ann").proved > proved


def test_a_copy_that_was_cut_is_found_at_once(site):
    site.take()
    path = next((site.path / "accounts").rglob("*.db.zst"))
    path.write_bytes(path.read_bytes()[:-1])
    assert site.take().whole
    assert verify(site.path).whole


def test_a_damaged_copy_is_not_taken_for_there_when_the_same_is_kept_again(site):
    site.take()
    path = next((site.path / "directory").glob("*.db.zst"))
    flip(path, 500)
    assert site.take().whole  # the directory is copied each time, and is the same
    assert verify(site.path).whole
