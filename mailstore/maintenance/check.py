"""`imapd check`: proves that the store is what it claims to be.

Every row, counter and reference, every message's bytes against their digest, and the
text index against messages that are read again: all of a small account, a sample of a
large one. It changes nothing and may run beside a working server: an account is read
in one snapshot. It must not know what IMAP shows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mailstore.blobs import BlobStore, open_blobs
from mailstore.errors import NotFound, StoreError
from mailstore.index import audit
from mailstore.index.database import Database
from mailstore.maintenance.sort_values import prove_sort_values
from mailstore.search.proof import prove

_MOST_PROBLEMS = 1000
SAMPLE = 1_000  # messages of an account whose texts are compared


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What was found in one account's folder."""

    account: str
    messages: int
    problems: tuple[str, ...]
    orphans: int = 0  # blobs that no row names: waste, no damage


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a store."""

    accounts: tuple[AccountReport, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not any(account.problems for account in self.accounts)

    @property
    def messages(self) -> int:
        """Messages that were checked."""
        return sum(account.messages for account in self.accounts)


def account_folders(path: Path) -> Iterator[Path]:
    """Give the folders of all accounts of a store, in order."""
    yield from sorted((path / "accounts").glob("??/" + "[0-9a-f]" * 32))


def check(path: Path, progress: Callable[[str, int], None] | None = None) -> Report:
    """Check a whole store; ``progress`` hears (account, messages so far)."""
    return Report(
        tuple(check_account(folder, progress) for folder in account_folders(path))
    )


def check_account(
    folder: Path, progress: Callable[[str, int], None] | None = None
) -> AccountReport:
    """Check one account's folder."""
    problems: list[str] = []
    if not (folder / "index.db").exists():
        return AccountReport(folder.name, 0, ("there is no index",))
    try:
        database = Database.open(folder / "index.db", writer=False)
    except StoreError as error:
        return AccountReport(folder.name, 0, (str(error),))
    blobs = open_blobs(folder / "blobs", "packs")
    try:
        problems += audit.structure(database)
        with database.snapshot():
            messages = audit.count_messages(database)
            problems += audit.counters(database)
            problems += audit.numbers(database)
            problems += audit.references(database)
            named = set(audit.blob_refs(database))
            for at, row in enumerate(audit.blobs(database), 1):
                problems += _check_blob(blobs, row)
                if len(problems) > _MOST_PROBLEMS:
                    problems.append("there are more problems")
                    break
                if progress is not None and at % 256 == 0:
                    progress(folder.name, at)
            if len(problems) <= _MOST_PROBLEMS:
                problems += prove_sort_values(database, SAMPLE)
                problems += prove(folder, database, blobs, SAMPLE)
        orphans = sum(1 for stored in blobs.entries() if stored.ref not in named)
    except StoreError as error:
        return AccountReport(folder.name, 0, (*problems, str(error)))
    finally:
        blobs.close()
        database.close()
    return AccountReport(folder.name, messages, tuple(problems), orphans)


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
