"""How one list of an account's names became another one.

A mailbox is the same mailbox as long as its number is; its name is what changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mailstore.model import DELIMITER, MailboxEntry, NameChange

_Move = tuple[MailboxEntry, MailboxEntry]


def name_changes(
    before: Sequence[MailboxEntry], after: Sequence[MailboxEntry]
) -> tuple[NameChange, ...]:
    """Tell how one list became the other, in an order in which it can be followed.

    First names that are gone, then mailboxes that have another name, then names that
    are new or look different.
    """
    moves = _followable(_moves(before, after))
    to = {old.name: new.name for old, new in moves}
    taken = set(to.values())
    names = {entry.name for entry in after}
    gone = [
        NameChange(entry, None)
        for entry in before
        if entry.name not in to and (entry.name not in names or entry.name in taken)
    ]
    moved = [NameChange(old, new, along=_along(old, new, to)) for old, new in moves]
    stayed = {entry.name: entry for entry in before if entry.name not in to}
    others = [
        NameChange(stayed.get(entry.name), entry)
        for entry in after
        if entry.name not in taken and stayed.get(entry.name) != entry
    ]
    return (*gone, *moved, *others)


def _moves(
    before: Sequence[MailboxEntry], after: Sequence[MailboxEntry]
) -> list[_Move]:
    """Give the mailboxes whose names differ, superior ones first."""
    now = {entry.id: entry for entry in after if entry.id is not None}
    return [
        (entry, new)
        for entry in before
        if entry.id is not None
        and (new := now.get(entry.id)) is not None
        and new.name != entry.name
    ]


def _followable(moves: Sequence[_Move]) -> list[_Move]:
    """Order moves so that none goes to a name that is still another's.

    Those that went in a circle are left out.
    """
    ordered: list[_Move] = []
    waiting = list(moves)
    while waiting:
        held = {old.name for old, _ in waiting}
        free = [move for move in waiting if move[1].name not in held]
        if not free:
            break
        ordered += free
        waiting = [move for move in waiting if move[1].name in held]
    return ordered


def _along(old: MailboxEntry, new: MailboxEntry, to: Mapping[str, str]) -> bool:
    """Tell whether a mailbox only followed a superior one (RFC 3501 §6.3.5)."""
    if replace(old, name=new.name) != new:
        return False
    return any(
        to.get(old.name[:at], "") + old.name[at:] == new.name
        for at, character in enumerate(old.name)
        if character == DELIMITER and old.name[:at] in to
    )
