"""Who may log in: accounts, credentials, addresses, groups."""

from mailstore.directory.directory import (
    Directory,
    DirectoryOptions,
    Proof,
    ScramOffer,
)
from mailstore.directory.names import lookup_key
from mailstore.index.accounts import AccountRow
from mailstore.index.credentials import AppPasswordRow

__all__ = [
    "AccountRow",
    "AppPasswordRow",
    "Directory",
    "DirectoryOptions",
    "Proof",
    "ScramOffer",
    "lookup_key",
]
