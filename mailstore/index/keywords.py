"""Flag names to bits and back, per mailbox (RFC 3501 §2.3.2).

Keywords are compared without case; the first spelling is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from mailstore.errors import TooMany
from mailstore.index.database import Database
from mailstore.index.entries import keywords
from mailstore.model import (
    FIRST_KEYWORD_BIT,
    MAX_KEYWORDS,
    SYSTEM_FLAGS,
    MailboxId,
)

_SYSTEM = {name.upper(): bit for name, bit in SYSTEM_FLAGS.items()}
_FEW = 32


def mask_of(
    database: Database,
    mailbox: MailboxId,
    flags: Iterable[str],
    *,
    allocate: bool = True,
) -> tuple[int, tuple[str, ...] | None]:
    """Give the mask of some flags, and the mailbox's keywords if new ones were made.

    With ``allocate`` false unknown keywords are passed over. ``\\Recent`` and other
    unknown system flags have no bit. Raises `TooMany` beyond 255 keywords.
    """
    given = tuple(flags)
    few = len(given) <= _FEW  # long lists are no client's habit, and much to keep
    mask, wanted = _parted(given) if few else _parted.__wrapped__(given)
    if not wanted:
        return mask, None
    known = list(keywords(database, mailbox))
    bits = {name.upper(): bit for bit, name in enumerate(known)}
    before = len(known)
    for keyword in wanted:
        bit = bits.get(keyword.upper())
        if bit is None:
            if not allocate:
                continue
            bit = bits[keyword.upper()] = len(known)
            known.append(keyword)
        mask |= 1 << (FIRST_KEYWORD_BIT + bit)
    if len(known) > MAX_KEYWORDS:
        raise TooMany(f"a mailbox can have {MAX_KEYWORDS} keywords")
    if len(known) == before:
        return mask, None
    database.many(
        "INSERT INTO keyword (mailbox, bit, name) VALUES (?, ?, ?)",
        [(mailbox, bit, known[bit]) for bit in range(before, len(known))],
    )
    return mask, tuple(known)


@lru_cache(maxsize=256)
def _parted(flags: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Give the bits of system flags, and the keywords; clients say the same few."""
    mask = 0
    for flag in flags:
        if flag.startswith("\\"):
            mask |= _SYSTEM.get(flag.upper(), 0)
    return mask, tuple([flag for flag in flags if not flag.startswith("\\")])


def flag_names(mask: int, names: tuple[str, ...]) -> list[str]:
    """Give the keywords of a mask by name; the inverse of `mask_of`'s upper part."""
    bits = mask >> FIRST_KEYWORD_BIT
    found = []
    while bits:
        low = bits & -bits
        found.append(names[low.bit_length() - 1])
        bits ^= low
    return found
