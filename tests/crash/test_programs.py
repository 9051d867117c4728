"""Programs that work beside a server are killed at each of their numbered places."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mailstore.crashpoints import CrashPoint
from mailstore.maintenance.backup_points import BackupFolder
from mailstore.maintenance.backup_prune import Keep, prune
from mailstore.maintenance.backup_verify import verify
from mailstore.maintenance.check import check, check_directory
from mailstore.maintenance.directory_healing import heal_directory
from mailstore.maintenance.presence import account_folders

ROOT = Path(__file__).parents[2]
KILLER = """
import os, sys
from pathlib import Path
from mailstore import crashpoints
from mailstore.maintenance.backup import back_up
from mailstore.maintenance.backup_prune import Keep, prune
from tests.mailstore.stores import Home

def begin(point, times, work, *arguments):
    # A child, so that all is loaded once for many kills.
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    fatal = crashpoints.reach({crashpoints.VARIABLE: f"{point}:{times}"})
    harmless = crashpoints.reached
    for module in list(sys.modules.values()):
        if getattr(module, "reached", None) is harmless:
            module.reached = fatal
    work(*arguments)
    os._exit(0)
"""


def run(program: str, *arguments: object) -> str:
    """Run a program that has children killed; gives what it says."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER + program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


BACKUP = """
from mailstore.maintenance.backup_verify import verify

store, path, time = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
points = sys.argv[4:]
for point in points:
    for times in range(1, 99):
        time += 60
        home = Home(store, time=time)
        home.append("INBOX", b"%s %d" % (point.encode(), times), b"y" * times)
        home.close()
        status = begin(point, times, back_up, store, path, lambda: time)
        for name in (path / "points").glob("*.json"):
            assert verify(path, name.stem).whole, (point, times)
        if status == 0 or times == 3:
            break
        assert status == 9, (point, times, status)
    print(point, times)
"""


def test_a_backup_that_is_killed_harms_no_point_and_is_gone_on_with(site):
    first = site.take()
    site.home.close()
    points = [
        CrashPoint.PACK_WRITTEN,
        CrashPoint.PACK_SYNCED,
        CrashPoint.FILE_WRITTEN,
        CrashPoint.ACCOUNT_COPIED,
        CrashPoint.ACCOUNTS_COPIED,
    ]
    said = run(BACKUP, site.store, site.path, int(site.time), *map(int, points))
    killed = {int(line.split()[0]): int(line.split()[1]) for line in said.splitlines()}
    assert set(killed) == set(points)
    assert all(times > 1 for times in killed.values()), killed
    found = verify(site.path)
    assert found.whole
    assert first.name in BackupFolder(site.path).names()
    assert not (site.path / "tmp").exists()


PRUNE = """
from mailstore.maintenance.backup_verify import verify

path = Path(sys.argv[1])
last = sorted((path / "points").glob("*.json"))[-1].stem
for point in sys.argv[2:]:
    status = begin(point, 1, prune, path, Keep(last=1))
    assert status == 9, (point, status, list(path.rglob("*")))
    assert verify(path, last).whole, point
"""


@pytest.mark.parametrize(
    "point",
    [CrashPoint.POINT_FORGOTTEN, CrashPoint.PACK_COPIED, CrashPoint.PACK_DROPPED],
)
def test_a_prune_that_is_killed_harms_no_point_that_stays(site, point):
    for _ in range(2):
        site.take()
        site.expunge("INBOX", 3)  # the big one
        site.home.runtime.time = site.time = site.time + 86_400 * 30
        site.home.run(site.home.account.purge())
    last = site.take()
    run(PRUNE, site.path, point.value)
    prune(site.path, Keep(last=1))
    assert site.folder.names() == [last.name]
    assert verify(site.path).whole


REMOVE = """
home = Home(Path(sys.argv[1]))
id_ = home.store.directory.create("bob", b"x")
home.run(home.run(home.store.account(id_)).append("INBOX", []))
home.close()

def remove():
    home = Home(Path(sys.argv[1]))
    home.run(home.store.remove_account(home.store.directory.remove("bob")))

assert begin(sys.argv[2], 1, remove) == 9
"""


@pytest.mark.parametrize(
    "point",
    [
        CrashPoint.ACCOUNT_FORGOTTEN,
        CrashPoint.FOLDER_RENAMED,
        CrashPoint.FOLDER_GONE,
    ],
)
def test_the_removal_of_an_account_that_is_killed_can_be_finished(site, point):
    me = site.me
    site.home.close()
    run(REMOVE, site.store, point.value)
    heal_directory(site.store)
    assert check_directory(site.store) == []
    assert check(site.store).whole
    assert [folder.name for folder in account_folders(site.store)] == [me]
