"""Where an account's files are. Ids are random: no name of anybody becomes a path."""

from __future__ import annotations

import re
from pathlib import Path

from mailstore.errors import NotFound
from mailstore.model import AccountId

_ID = re.compile(r"[0-9a-f]{32}")


def account_folder(store: Path, id_: AccountId) -> Path:
    """Give an account's folder. Raises `NotFound` for what is no id."""
    if not _ID.fullmatch(id_):
        raise NotFound("no such account", detail=repr(id_))
    return store / "accounts" / id_[:2] / id_
