"""Checking a store and setting it right: what `imapd check --repair` runs.

For each account: a check; if something is wrong a copy of the index, the repair, and
another check, whose verdict is the report's. With salvage also messages that have
bytes and no row. One repair of an account runs at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mailstore.blobs.filesystem import FileSystem
from mailstore.changes import NoBus
from mailstore.errors import Busy
from mailstore.lanes import InlineRuntime
from mailstore.locking import held_alone
from mailstore.maintenance import snapshots
from mailstore.maintenance.check import (
    AccountReport,
    Progress,
    check_account,
    public_account,
)
from mailstore.maintenance.presence import account_folders
from mailstore.maintenance.rebuild import rebuild, unreadable
from mailstore.maintenance.reclaim import GRACE
from mailstore.maintenance.repair import Repair
from mailstore.maintenance.salvage import Salvaged, salvage
from mailstore.model import AccountId
from mailstore.service import Account, StoreOptions
from mailstore.service.options import Surroundings
from mailstore.service.reserve import Reserve

_LOCK = "repair.lock"
_ANY_SIZE = 2**40


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done beyond a check.

    ``server_runs``: an index that cannot be read stays as it is, and what is younger
    than an hour is not salvaged: it may be on its way.
    """

    repair: bool = False
    salvage: bool = False
    thorough: bool = False
    server_runs: bool = True


@dataclass(frozen=True, slots=True)
class Healed:
    """What is wrong with an account now, what was before, and what was done."""

    now: AccountReport
    found: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    salvaged: int = 0
    snapshot: str | None = None


def heal(
    path: Path,
    options: StoreOptions,
    wish: Wish,
    progress: Progress | None = None,
    only: str | None = None,
) -> Iterator[Healed]:
    """Check accounts, all or the one of an id, and do to each what is wished."""
    for folder in account_folders(path):
        if only is None or folder.name == only:
            yield heal_account(folder, options, wish, progress)


def heal_account(
    folder: Path, options: StoreOptions, wish: Wish, progress: Progress | None = None
) -> Healed:
    """Check one account's folder, and do to it what is wished.

    Raises `Busy` when another repair of it runs, `Unavailable`.
    """
    thorough = wish.thorough or wish.repair
    first = check_account(folder, progress, thorough=thorough)
    wrong = bool(first.problems or first.damaged) and wish.repair
    if not (wrong or (wish.salvage and (first.orphans or first.problems))):
        return Healed(first)
    with held_alone(folder / _LOCK) as alone:
        if not alone:
            raise Busy("another repair of this account is running")
        return _heal(folder, options, wish, progress, first)


def _heal(
    folder: Path,
    options: StoreOptions,
    wish: Wish,
    progress: Progress | None,
    first: AccountReport,
) -> Healed:
    runtime = InlineRuntime()
    now = runtime.now()
    done: list[str] = []
    lost = unreadable(folder)
    snapshot: str | None = None
    if lost is not None:
        if wish.server_runs or not wish.repair:
            how = "stop the server and" if wish.server_runs else "ask for a repair to"
            text = f"{lost}: {how} have the index made anew"
            return Healed(replace(first, problems=(*first.problems, text)))
        done += rebuild(folder, now)
    elif wish.repair:
        snapshot = snapshots.take(folder, now).name
    account = _open(folder, options, runtime)
    tell = None if progress is None else partial(progress, folder.name)
    found = Salvaged()
    try:
        if wish.repair:
            repair = Repair(account, folder, tell)
            runtime.run(repair.run(anew=lost is not None))
            done += repair.done
        if wish.salvage or lost is not None:
            before = now - GRACE if wish.server_runs else now + GRACE
            found = runtime.run(salvage(account, before, tell))
            done += [f"not salvaged: {text}" for text in found.failures]
    finally:
        account.shut()
    after = check_account(folder, progress, thorough=wish.thorough or wish.repair)
    return Healed(after, first.problems, tuple(done), found.messages, snapshot)


def _open(folder: Path, options: StoreOptions, runtime: InlineRuntime) -> Account:
    """Open an account by its folder, be it in the directory or not."""
    generous = replace(options, max_message=_ANY_SIZE)
    files = FileSystem()
    reserve = Reserve(folder.parents[2] / "reserve", files, options.reserve)
    around = Surroundings(runtime, generous, NoBus(), files, reserve)
    id_ = AccountId(folder.name)
    public = public_account(folder.parents[2]) == id_
    return Account(id_, folder.name, folder, around, public=public)
