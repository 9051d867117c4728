"""Flags, seals and what a mailbox in memory has, against a dictionary of messages.

Whatever is appended, flagged, copied and removed, over borders of blocks too: the
blocks of flags, what a mailbox is loaded from and a state that only hears of changes
say what the model says. Blocks and seals that are damaged are told, and a repair
costs the flags of their messages alone.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mailstore.index import (
    audit,
    entries,
    flagblocks,
    flagproof,
    mending,
    seals,
    upkeep,
    values,
)
from mailstore.index.blocks import SIZE, block_of, bounds
from mailstore.index.copying import copy
from mailstore.index.database import Database
from mailstore.index.flags import store_flags
from mailstore.index.keywords import flag_names
from mailstore.index.records import Delta, EntryRow, NewColumns
from mailstore.index.removal import expunge
from mailstore.index.selection import Selection
from mailstore.model import SYSTEM_FLAGS, FlagChange, FlagOperation
from mailstore.service.missed import Missed
from mailstore.state import MailboxState
from tests.mailstore.index.records import (
    NOW,
    add,
    contents,
    load,
    mailbox_id,
    new_index,
    state_of,
)

SYSTEM = ("\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "\\Draft")
KEYWORDS = tuple(f"k{number}" for number in range(66))  # more than are narrow
_MOST = 1_500  # messages


class Message(NamedTuple):
    """What the model knows of one."""

    flags: frozenset[str]
    modseq: int
    number: int  # of `message`: what a UID stands for never changes


counts = st.one_of(st.integers(1, 5), st.sampled_from([100, SIZE - 1, SIZE, SIZE + 1]))
flag_lists = st.one_of(
    st.lists(st.sampled_from([*SYSTEM, *KEYWORDS[:3]]), max_size=3, unique=True),
    st.lists(st.sampled_from(KEYWORDS), max_size=2, unique=True),
    st.just(KEYWORDS),
).map(tuple)
places = st.floats(0, 1)  # among the UIDs that were given


class Blocks(RuleBasedStateMachine):
    """Random changes of one mailbox."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.database = new_index(self.path, "INBOX", "Other")
        self.mailbox = mailbox_id(self.database)
        self.model: dict[int, Message] = {}
        self.state = state_of(self.database)

    def teardown(self) -> None:
        self.database.close()
        shutil.rmtree(self.path)

    # -- what happens

    @precondition(lambda self: len(self.model) < _MOST)
    @rule(count=counts, flags=flag_lists, few=st.booleans())
    def append(self, count: int, flags: tuple[str, ...], few: bool) -> None:
        each = [flags if not few or not at else () for at in range(count)]
        base, first = self._numbers()
        delta = add(self.database, "INBOX", *each).delta
        for at, (row, own) in enumerate(zip(delta.new, each, strict=True)):
            assert row.uid == first + at
            self.model[row.uid] = Message(_lower(own), base + 1, row.message)
        self._heard(delta)

    @rule(short=st.integers(0, 3))
    def go_to_the_end_of_a_block(self, short: int) -> None:
        """UIDs may be passed over; nothing is told of that before mail comes."""
        _, uidnext = self._numbers()
        end = bounds(block_of(uidnext))[1] - short
        with self.database.transaction():
            self.database.execute(
                "UPDATE mailbox SET uidnext = max(uidnext, ?) WHERE id = ?",
                (end, self.mailbox),
            )
        self.state = state_of(self.database)

    @rule(
        pieces=st.lists(st.tuples(places, places), min_size=1, max_size=4),
        operation=st.sampled_from(FlagOperation),
        flags=flag_lists,
        since=st.one_of(st.none(), st.integers(0, 6)),
        seen=st.integers(0, 6),
    )
    def store(
        self,
        pieces: Sequence[tuple[float, float]],
        operation: FlagOperation,
        flags: tuple[str, ...],
        since: int | None,
        seen: int,
    ) -> None:
        base, _ = self._numbers()
        among = self._among(pieces)
        unchanged = None if since is None else max(1, base - since)
        with self.database.transaction():
            done = store_flags(
                self.database,
                self.mailbox,
                among,
                FlagChange(operation, flags),
                unchanged_since=unchanged,
                seen_at=base - seen,
            )
        failed, external = [], []
        for uid in self._uids(among):
            one = self.model[uid]
            if unchanged is not None and one.modseq > unchanged:
                failed.append(uid)
                continue
            if one.modseq > base - seen:
                external.append(uid)
            after = _changed(one.flags, operation, _lower(flags))
            if after != one.flags:
                self.model[uid] = one._replace(flags=after, modseq=base + 1)
        assert list(done.failed) == failed
        assert list(done.external) == external
        self._heard(done.delta)

    @rule(
        pieces=st.lists(st.tuples(places, places), min_size=1, max_size=4),
        deleted_only=st.booleans(),
    )
    def expunge(
        self, pieces: Sequence[tuple[float, float]], deleted_only: bool
    ) -> None:
        among = self._among(pieces)
        with self.database.transaction():
            delta = expunge(
                self.database, self.mailbox, among, NOW, deleted_only=deleted_only
            )
        gone = [
            uid
            for uid in self._uids(among)
            if not deleted_only or "\\deleted" in self.model[uid].flags
        ]
        assert list(delta.vanished if delta else ()) == gone
        for uid in gone:
            del self.model[uid]
        if delta is not None:
            self._heard(delta)

    @precondition(lambda self: len(self.model) < _MOST)
    @rule(piece=st.tuples(places, places), elsewhere=st.booleans())
    def copy(self, piece: tuple[float, float], elsewhere: bool) -> None:
        base, _ = self._numbers()
        to = "Other" if elsewhere else "INBOX"
        with self.database.transaction():
            done = copy(self.database, self.mailbox, self._among([piece]), to, NOW)
        if not elsewhere:
            for was, uid in zip(done.source, done.target, strict=True):
                self.model[uid] = self.model[was]._replace(modseq=base + 1)
        for delta in done.deltas:
            self._heard(delta)

    @rule()
    def leap(self) -> None:
        """As after a power cut."""
        with self.database.transaction():
            upkeep.leap(self.database)
        base, _ = self._numbers()
        for uid, one in self.model.items():
            self.model[uid] = one._replace(modseq=base)
        self._catch_up()

    @rule()
    def reopen(self) -> None:
        self.database.close()
        self.database = Database.open(self.path / "index.db")
        self.state = state_of(self.database)

    # -- damage

    @precondition(lambda self: self.model)
    @rule(
        place=places,
        what=st.sampled_from(
            ["DELETE FROM flag_block", "UPDATE flag_block SET octets = x'00'"]
        ),
    )
    def lose_flags(self, place: float, what: str) -> None:
        """A page of blocks is lost: so are the flags of their messages, no more."""
        before, _ = self._numbers()
        uid = sorted(self.model)[int(place * (len(self.model) - 1))]
        self._damage(f"{what} WHERE mailbox = ? AND block = ?", uid)
        assert flagproof.contradictions(self.database)
        if "DELETE" in what:  # nobody misses a message for it
            assert {row.uid for row in self._rows()} == self.model.keys()
        self._repair()
        after, _ = self._numbers()
        known = {u: seq for u, _, seq in flagblocks.flags(self.database, self.mailbox)}
        for one, message in self.model.items():
            if block_of(one) == block_of(uid):
                assert before < known[one] <= after
                self.model[one] = message._replace(flags=frozenset(), modseq=known[one])

    @precondition(lambda self: self._sealed())
    @rule(
        place=places,
        seed=st.integers(0, 2**16),
        what=st.sampled_from(["flip", "cut", "swap", "drop"]),
    )
    def damage_a_seal(self, place: float, seed: int, what: str) -> None:
        """A seal is a copy: whatever becomes of it, nothing is lost nor shown wrong."""
        numbers = self._sealed()
        number = numbers[int(place * (len(numbers) - 1))]
        ((octets,),) = self.database.all(
            "SELECT octets FROM sealed WHERE mailbox = ? AND block = ?",
            (self.mailbox, number),
        )
        damaged = bytearray(octets)
        dice = random.Random(seed)
        if what == "flip":
            # Not of the header: an octet of it is not used.
            damaged[dice.randrange(8, len(damaged))] ^= 1 << dice.randrange(8)
        elif what == "cut":
            del damaged[dice.randrange(len(damaged)) :]
        sql = "UPDATE sealed SET octets = ?3 WHERE mailbox = ?1 AND block = ?2"
        if what == "swap":
            sql = "UPDATE sealed SET block = ?2 + 7 WHERE mailbox = ?1 AND block = ?2"
        elif what == "drop":
            sql = "DELETE FROM sealed WHERE mailbox = ?1 AND block = ?2"
        more = (bytes(damaged),) if "?3" in sql else ()
        with self.database.transaction():
            self.database.execute(sql, (self.mailbox, number, *more))
        assert bool(seals.contradictions(self.database)) == (what != "drop")
        self.messages_are_those_of_the_model()
        self._repair()

    def _damage(self, sql: str, uid: int) -> None:
        with self.database.transaction():
            self.database.execute(sql, (self.mailbox, block_of(uid)))

    def _repair(self) -> None:
        with self.database.transaction():
            for mend in (mending.places, mending.flags, mending.copies):
                mend(self.database, NOW)
            mending.counters(self.database, NOW)
        self.state = state_of(self.database)

    # -- what has to be so

    @invariant()
    def messages_are_those_of_the_model(self) -> None:
        names = entries.keywords(self.database, self.mailbox)
        known: dict[int, frozenset[str]] = {}
        loaded = load(self.database)
        rows = NewColumns.of(self._rows())
        # Of messages that have gone a seal still knows that they were in no order.
        assert loaded == rows._replace(ordered=loaded.ordered)
        assert rows.ordered or not loaded.ordered
        found = {}
        for row in self._rows():
            if row.mask not in known:
                known[row.mask] = _names(row.mask, names)
            found[row.uid] = Message(known[row.mask], row.modseq, row.message)
        assert found == self.model

    @invariant()
    def nothing_contradicts_itself(self) -> None:
        for look in (
            values.contradictions,
            flagproof.contradictions,
            seals.contradictions,
            audit.counters,
            audit.numbers,
            audit.keywords,
        ):
            assert list(look(self.database)) == []

    @invariant()
    def memory_is_what_is_loaded(self) -> None:
        assert contents(self.state) == contents(state_of(self.database))

    # -- the rest

    def _numbers(self) -> tuple[int, int]:
        row = self.database.one(
            "SELECT highestmodseq, uidnext FROM mailbox WHERE id = ?", (self.mailbox,)
        )
        assert row is not None
        return row

    def _rows(self) -> list[EntryRow]:
        return entries.rows(self.database, self.mailbox)

    def _sealed(self) -> list[int]:
        rows = self.database.all(
            "SELECT block FROM sealed WHERE mailbox = ?", (self.mailbox,)
        )
        return [number for (number,) in rows]

    def _among(self, pieces: Iterable[tuple[float, float]]) -> Selection:
        """Give ranges of UIDs, ascending and apart."""
        _, uidnext = self._numbers()
        ends = sorted({1 + int(place * uidnext) for piece in pieces for place in piece})
        pairs = zip(ends[::2], ends[1::2] or ends, strict=False)
        return Selection(tuple(pairs))

    def _uids(self, among: Selection) -> list[int]:
        return [
            uid
            for uid in sorted(self.model)
            if any(low <= uid <= high for low, high in among.ranges)
        ]

    def _heard(self, delta: Delta) -> None:
        if delta.mailbox == self.mailbox and not self.state.apply(delta):
            self._catch_up()

    def _catch_up(self) -> None:
        state: MailboxState = self.state
        read = Missed(self.mailbox, state.modseq, state.uids, state.uidnext, None)
        missed = read(self.database)
        assert missed is None or state.apply(missed)


def _lower(flags: Iterable[str]) -> frozenset[str]:
    return frozenset(flag.lower() for flag in flags)


def _names(mask: int, names: tuple[str, ...]) -> frozenset[str]:
    system = [flag for flag, bit in SYSTEM_FLAGS.items() if mask & bit]
    return _lower([*system, *flag_names(mask, names)])


def _changed(
    before: frozenset[str], operation: FlagOperation, flags: frozenset[str]
) -> frozenset[str]:
    match operation:
        case FlagOperation.ADD:
            return before | flags
        case FlagOperation.REMOVE:
            return before - flags
        case FlagOperation.REPLACE:
            return flags


Blocks.TestCase.settings = settings(
    max_examples=max(6, settings().max_examples // 10),
    stateful_step_count=25,
    deadline=None,
)
test_blocks_are_as_the_model = Blocks.TestCase
