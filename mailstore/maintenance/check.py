"""`imapd check`: proves that the store is what it claims to be.

Every row, counter and reference, every message's bytes against their digest, what is
derived from them and the text index against messages that are read again: all of a
small account, a sample of a large one. It changes nothing and may run beside a working
server: an account is read in one snapshot. It must not know what IMAP shows of it, nor
how damage is repaired (`mailstore.maintenance.healing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mailstore.blobs import BlobStore, open_blobs
from mailstore.errors import NotFound, StoreError
from mailstore.index import (
    accounts,
    audit,
    belongings,
    damage,
    dangling,
    private,
)
from mailstore.index.damage import Damaged
from mailstore.index.database import Database
from mailstore.maintenance.derived import prove_derived
from mailstore.maintenance.presence import account_folders, misplaced
from mailstore.maintenance.shares import check_shares
from mailstore.maintenance.sort_values import prove_sort_values
from mailstore.model import AccountId
from mailstore.search.proof import prove

Progress = Callable[[str, int], None]

_MOST_PROBLEMS = 1000
SAMPLE = 1_000  # messages of an account whose texts are compared
DERIVED_SAMPLE = 200  # of which all is made again


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What was found in one account's folder.

    ``damaged`` are messages that an earlier repair has moved out of the way.
    """

    account: str
    messages: int
    problems: tuple[str, ...]
    orphans: int = 0  # blobs that no row names: waste, no damage
    damaged: tuple[Damaged, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a store; ``problems`` are those of no account."""

    accounts: tuple[AccountReport, ...]
    problems: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not any(
            account.problems for account in self.accounts
        )

    @property
    def messages(self) -> int:
        """Messages that were checked."""
        return sum(account.messages for account in self.accounts)


def check(
    path: Path, progress: Progress | None = None, *, thorough: bool = False
) -> Report:
    """Check a whole store; ``progress`` hears (account, messages so far)."""
    accounts = tuple(
        check_account(folder, progress, thorough=thorough)
        for folder in account_folders(path)
    )
    return Report(accounts, tuple(check_directory(path)))


def check_directory(path: Path) -> list[str]:
    """Check the list of accounts, if there is one, and whom it knows to share."""
    place = path / "directory.db"
    if not place.exists():
        return []
    try:
        database = Database.open(place, writer=False, schema="directory")
        try:
            wrong = audit.structure(database, thorough=True)
            if wrong:
                return [f"the directory: {text}" for text in wrong]
            found = dangling.dangling(database)
            found += [one.text for one in misplaced(path, database)]
            return found + check_shares(database, account_folders(path))
        finally:
            database.close()
    except StoreError as error:
        return [f"the directory cannot be read: {error}"]


def check_account(
    folder: Path, progress: Progress | None = None, *, thorough: bool = False
) -> AccountReport:
    """Check one account's folder; ``thorough``: no sample of anything, but all."""
    if not (folder / "index.db").exists():
        return AccountReport(folder.name, 0, ("there is no index",))
    try:
        database = Database.open(folder / "index.db", writer=False)
    except StoreError as error:
        return AccountReport(folder.name, 0, (str(error),))
    blobs = open_blobs(folder / "blobs", "packs")
    problems: list[str] = []
    try:
        problems += audit.structure(database, thorough=thorough)
        with database.snapshot():
            return _check(folder, database, blobs, problems, progress, thorough)
    except StoreError as error:
        return AccountReport(folder.name, 0, (*problems, str(error)))
    finally:
        blobs.close()
        database.close()


def _check(
    folder: Path,
    database: Database,
    blobs: BlobStore,
    problems: list[str],
    progress: Progress | None,
    thorough: bool,
) -> AccountReport:
    for look in (*audit.EVERYTHING, private.contradictions):
        problems += look(database)
    personal = public_account(folder.parents[2]) != folder.name
    problems += belongings.texts(database, personal=personal)
    named = set(audit.blob_refs(database))
    aside = damage.known(database)
    for at, row in enumerate(audit.blobs(database), 1):
        if row.message not in aside:
            problems += _check_blob(blobs, row)
        if len(problems) > _MOST_PROBLEMS:
            problems.append("there are more problems")
            break
        if progress is not None and at % 256 == 0:
            progress(folder.name, at)
    if len(problems) <= _MOST_PROBLEMS:
        problems += prove_sort_values(database, 2**62 if thorough else SAMPLE)
        problems += prove_derived(database, blobs, None if thorough else DERIVED_SAMPLE)
        problems += prove(folder, database, blobs, 2**62 if thorough else SAMPLE)
    orphans = sum(1 for stored in blobs.entries() if stored.ref not in named)
    return AccountReport(
        folder.name,
        audit.count_messages(database),
        tuple(problems),
        orphans,
        tuple(damage.listed(database)),
    )


def _check_blob(blobs: BlobStore, row: audit.BlobRow) -> Iterator[str]:
    try:
        with blobs.open(row.blob) as blob:
            if blob.size != row.size:
                yield f"message {row.message}: {blob.size} octets, not {row.size}"
            elif blob.digest() != row.digest:
                yield f"message {row.message}: its bytes are not what was stored"
            else:
                blob.verify()
    except NotFound:
        yield f"message {row.message}: its bytes are missing ({row.blob})"
    except StoreError as error:
        yield f"message {row.message}: {error}"


def public_account(store: Path) -> AccountId | None:
    """Give the account of the public mailboxes, which has no INBOX."""
    if not (store / "directory.db").exists():
        return None
    try:
        database = Database.open(store / "directory.db", writer=False)
        try:
            row = accounts.account_with_key(database, accounts.PUBLIC)
        finally:
            database.close()
    except StoreError:
        return None  # a damaged directory is told elsewhere
    return None if row is None else row.id
