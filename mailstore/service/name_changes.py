"""How one list of an account's names became another one.

A mailbox is the same mailbox as long as its number is; its name is what changes. A long
list is compared in steps: other sessions have the event thread between them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields
from operator import attrgetter
from typing import TypeVar

from mailstore.lanes import Runtime, give_way
from mailstore.model import DELIMITER, MailboxEntry, NameChange

_STEP = 512  # names that are looked at in one step
_Move = tuple[MailboxEntry, MailboxEntry]
_T = TypeVar("_T")
_Steps = Generator[None, None, _T]
_but_name = attrgetter(*[f.name for f in fields(MailboxEntry) if f.name != "name"])


def name_changes(
    before: Sequence[MailboxEntry], after: Sequence[MailboxEntry]
) -> _Steps[tuple[NameChange, ...]]:
    """Tell how one list became the other, in an order in which it can be followed.

    First names that are gone, then mailboxes that have another name, then names that
    are new or look different. It yields after each step, and returns the changes.
    """
    moves = yield from _moves(before, after)
    moves = yield from _followable(moves, before)
    to = {old.name: new.name for old, new in moves}
    taken = set(to.values())
    names = {entry.name for entry in after}
    yield
    changes: list[NameChange] = []
    stayed: dict[str, MailboxEntry] = {}
    for part in _parts(before):
        for entry in part:
            if entry.name in to:
                continue
            stayed[entry.name] = entry
            if entry.name not in names or entry.name in taken:
                changes.append(NameChange(entry, None))
        yield
    for move in _parts(moves):
        changes += [
            NameChange(old, new, along=_along(old, new, to)) for old, new in move
        ]
        yield
    for part in _parts(after):
        for entry in part:
            known = stayed.get(entry.name)
            if known is not entry and known != entry and entry.name not in taken:
                changes.append(NameChange(known, entry))
        yield
    return tuple(changes)


async def changes_in_turns(
    runtime: Runtime, before: Sequence[MailboxEntry], after: Sequence[MailboxEntry]
) -> tuple[NameChange, ...]:
    """Give `name_changes`, of long lists in turns with others."""
    steps = name_changes(before, after)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: tuple[NameChange, ...] = end.value
            return found
        if len(after) > _STEP:
            await give_way(runtime)


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _STEP):
        yield items[start : start + _STEP]


def _above(name: str) -> Iterator[str]:
    """Give the superior names of a name."""
    at = name.rfind(DELIMITER)
    while at > 0:
        yield name[:at]
        at = name.rfind(DELIMITER, 0, at)


def _moves(
    before: Sequence[MailboxEntry], after: Sequence[MailboxEntry]
) -> _Steps[list[_Move]]:
    """Give the mailboxes whose names differ, superior ones first."""
    now: dict[int | None, MailboxEntry] = {}
    for part in _parts(after):
        now |= {entry.id: entry for entry in part}
        yield
    now.pop(None, None)
    moves: list[_Move] = []
    for part in _parts(before):
        moves += [
            (entry, new)
            for entry in part
            if (new := now.get(entry.id)) is not None and new.name != entry.name
        ]
        yield
    return moves


def _followable(
    moves: Sequence[_Move], before: Sequence[MailboxEntry]
) -> _Steps[list[_Move]]:
    """Order moves so that each leads from and to where who follows expects it.

    He takes what is below a name along with it. So none goes to, or below, a name that
    is still another's, and none goes before something below it that goes elsewhere.
    What cannot be put in such an order, as what went in a circle, is left out.
    """
    ordered: list[_Move] = []
    waiting = list(moves)
    to = {old.name: new.name for old, new in moves}
    stays = yield from _with_something_that_stays(before, to)
    while waiting:
        held = {old.name for old, _ in waiting}
        parting = stays | (yield from _with_something_that_goes(waiting, held, to))
        rest: list[_Move] = []
        for part in _parts(waiting):
            for move in part:
                free = move[0].name not in parting and _is_free(move, held)
                (ordered if free else rest).append(move)
            yield
        if len(rest) == len(waiting):
            break
        waiting = rest
    return ordered


def _with_something_that_stays(
    before: Sequence[MailboxEntry], to: Mapping[str, str]
) -> _Steps[set[str]]:
    """Give the names below which there is a mailbox that doesn't move."""
    found: set[str] = set()
    for part in _parts(before if to else ()):
        for entry in part:
            if entry.id is not None and entry.name not in to:
                found.update(_above(entry.name))
        yield
    return found


def _with_something_that_goes(
    waiting: Sequence[_Move], held: AbstractSet[str], to: Mapping[str, str]
) -> _Steps[set[str]]:
    """Give the names below which something goes elsewhere than they do."""
    found: set[str] = set()
    for part in _parts(waiting):
        for old, new in part:
            for name in _above(old.name):
                if name in held and to[name] + old.name[len(name) :] != new.name:
                    found.add(name)
        yield
    return found


def _is_free(move: _Move, held: AbstractSet[str]) -> bool:
    old, new = move
    if new.name in held:
        return False
    return not any(name in held and name != old.name for name in _above(new.name))


def _along(old: MailboxEntry, new: MailboxEntry, to: Mapping[str, str]) -> bool:
    """Tell whether a mailbox only followed a superior one (RFC 3501 §6.3.5)."""
    if _but_name(old) != _but_name(new):
        return False
    return any(
        name in to and to[name] + old.name[len(name) :] == new.name
        for name in _above(old.name)
    )
