"""Whether the directory knows whom the lists of rights name.

Its notes may name too many, which costs a look, never too few: who is missing would not
see what is shared with him. Any change of an owner's lists sets his notes right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mailstore.errors import StoreError
from mailstore.index import acl
from mailstore.index.accounts import account_with_id
from mailstore.index.database import Database
from mailstore.model import AccountId
from mailstore.rights import user_of


def check_shares(directory: Database, folders: Iterable[Path]) -> list[str]:
    """Compare the notes with the lists of accounts; damaged ones are passed over."""
    return [
        f"account {owner} shares with {identifier}, of which nobody was told"
        for owner, identifier in untold(directory, folders)
    ]


def untold(
    directory: Database, folders: Iterable[Path]
) -> Iterator[tuple[AccountId, str]]:
    """Give (owner, identifier) of what lists name and no note does."""
    if not directory.has_table("share"):
        return  # of an older program
    for folder in folders:
        owner = AccountId(folder.name)
        noted = acl.shares_of(directory, owner)
        for identifier in sorted(_named(folder) - noted):
            if _is_somebody(directory, identifier):
                yield owner, identifier


def _is_somebody(directory: Database, identifier: str) -> bool:
    """Tell whether it is not an account that was removed."""
    account = user_of(identifier)
    return account is None or account_with_id(directory, account) is not None


def _named(folder: Path) -> set[str]:
    try:
        database = Database.open(folder / "index.db", writer=False)
    except StoreError:
        return set()
    try:
        return acl.named(database) if database.has_table("acl") else set()
    except StoreError:
        return set()
    finally:
        database.close()
