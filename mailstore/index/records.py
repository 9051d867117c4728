"""The rows of the index as values: what transactions take and give.

A `Delta` is one transaction's effect on one mailbox: what memory needs to follow
the database without reading it again.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import lt
from typing import NamedTuple

from mailstore.mime.sorting import SortFields
from mailstore.model import FIRST_KEYWORD_BIT, MailboxId, MailboxStatus, SpecialUse

LOW_BITS = 64  # what one integer of SQLite holds
LOW_KEYWORDS = LOW_BITS - FIRST_KEYWORD_BIT
_MASK = (1 << LOW_BITS) - 1
_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1
_SIGN = 1 << (LOW_BITS - 1)


class EntryRow(NamedTuple):
    """One message of a mailbox, as its row of memory."""

    uid: int
    mask: int
    modseq: int
    size: int
    epoch: int
    zone: int
    message: int


class MailboxRow(NamedTuple):
    """One mailbox, as its row of the table."""

    id: MailboxId
    name: str
    selectable: bool
    special_use: SpecialUse | None
    uidvalidity: int
    uidnext: int
    highestmodseq: int
    messages: int
    unseen: int
    deleted: int
    bytes: int
    recent_from: int

    def status(
        self, recent: int, max_message: int, object_ids: tuple[str, str]
    ) -> MailboxStatus:
        """Give its counters; ``recent`` messages were claimed by no session.

        ``object_ids`` are its identifier and its account's.
        """
        return MailboxStatus(
            self.id,
            self.uidvalidity,
            self.uidnext,
            self.highestmodseq,
            self.messages,
            recent,
            self.unseen,
            self.deleted,
            self.bytes,
            max_message,
            *object_ids,
        )


@dataclass(frozen=True, slots=True)
class Surrogate:
    """What is kept of a message as clients see it that read ASCII alone (RFC 6858)."""

    size: int
    envelope: bytes
    bodystructure: bytes
    header: bytes
    parts: bytes
    edits: bytes


class MessageRecord(NamedTuple):
    """What is kept of one message, whatever mailboxes it is in."""

    blob: str
    size: int
    digest: bytes
    sent: int | None
    sent_zone: int
    message_id: bytes | None
    envelope: bytes
    bodystructure: bytes
    header: bytes
    parts: bytes
    preview: bytes
    sort: SortFields
    surrogate: Surrogate | None = None  # where its headers have UTF-8


class ChangedFlags(NamedTuple):
    """New flags of some messages, as the columns that memory holds.

    Made on the writer's thread, so that the event thread copies whole slices.
    ``modseqs`` is None when all have that of one commit.
    """

    uids: array[int]  # ascending
    system: bytes
    keywords: array[int]  # the first 57, from bit 0
    more: Mapping[int, int]  # by UID, the keywords behind them
    modseqs: array[int] | None = None

    @classmethod
    def of_several(cls, rows: Sequence[tuple[int, int, int]]) -> ChangedFlags:
        """Lay out (uid, mask, modseq) of several commits, ascending by UID."""
        one = cls.of([(uid, mask) for uid, mask, _ in rows])
        return one._replace(modseqs=array("Q", [modseq for _, _, modseq in rows]))

    @classmethod
    def of(cls, masks: Sequence[tuple[int, int]]) -> ChangedFlags:
        """Lay out (uid, mask) pairs, ascending by UID."""
        if len(masks) == 1 and masks[0][1] <= _MASK:  # as clients change flags
            ((uid, mask),) = masks
            keywords = array("Q", (mask >> FIRST_KEYWORD_BIT,))
            return cls(array("I", (uid,)), bytes((mask & _SYSTEM,)), keywords, {})
        low = [mask & _MASK for _, mask in masks]
        return cls(
            array("I", [uid for uid, _ in masks]),
            bytes([mask & _SYSTEM for mask in low]),
            array("Q", [mask >> FIRST_KEYWORD_BIT for mask in low]),
            {uid: mask >> LOW_BITS for uid, mask in masks if mask >> LOW_BITS},
        )


_NOBODY = array("I")  # nobody adds to it
NO_FLAGS = ChangedFlags(_NOBODY, b"", array("Q"), {})


@dataclass(frozen=True, slots=True)
class Sweep:
    """One change of flags for all messages of some ranges of UIDs.

    Those whose flags it changes have the commit's mod-sequence then, as in the rows.
    Memory does the same to its columns, and is told of no message.
    """

    ranges: tuple[tuple[int, int], ...]  # ascending, disjoint, closed
    clears: int  # bits of the first `LOW_BITS`
    sets: int


class NewColumns(NamedTuple):
    """New rows as the columns that memory holds, ascending by UID.

    Made on the writer's thread, so that the event thread copies whole slices: a copy
    may bring a hundred thousand rows at once.
    """

    uids: array[int]
    system: bytearray
    keywords: array[int]  # the first 57, from bit 0
    modseqs: array[int]
    sizes: array[int]
    dates: array[int]
    zones: array[int]
    messages: array[int]
    ordered: bool  # the messages ascend
    more: dict[int, int]  # by UID, the keywords behind the first 57

    @classmethod
    def blank(cls, count: int) -> NewColumns:
        """Give columns with room for so many rows."""
        wide = array("Q", (0,)) * count
        return cls(
            uids=array("I", (0,)) * count,
            system=bytearray(count),
            keywords=wide,
            modseqs=wide[:],
            sizes=wide[:],
            dates=array("q", (0,)) * count,
            zones=array("h", (0,)) * count,
            messages=wide[:],
            ordered=True,
            more={},
        )

    @classmethod
    def of(cls, rows: Sequence[EntryRow]) -> NewColumns:
        """Lay rows out."""
        columns = zip(*rows, strict=True) if rows else ((),) * len(EntryRow._fields)
        uids, masks, modseqs, sizes, epochs, zones, messages = columns
        return cls(
            uids=array("I", uids),
            system=bytearray([mask & _SYSTEM for mask in masks]),
            keywords=array(
                "Q", [(mask & _MASK) >> FIRST_KEYWORD_BIT for mask in masks]
            ),
            modseqs=array("Q", modseqs),
            sizes=array("Q", sizes),
            dates=array("q", epochs),
            zones=array("h", zones),
            messages=array("Q", messages),
            ordered=all(map(lt, messages, messages[1:])),
            more={
                uid: mask >> LOW_BITS
                for uid, mask in zip(uids, masks, strict=True)
                if mask >> LOW_BITS
            },
        )


class Delta(NamedTuple):
    """One commit's effect on one mailbox.

    It may be applied to a state at ``base``; any other state reads the database.
    Fields are empty where nothing happened; ``keywords`` is None if they are as
    before; ``gone`` tells that the mailbox itself was deleted. ``private`` holds
    (uid, flags) that a ``person`` has for himself: to others nothing has changed.
    """

    mailbox: MailboxId
    base: int
    modseq: int
    uidnext: int | None = None
    new: Sequence[EntryRow] = ()
    added: NewColumns | None = None  # the same, laid out
    changed: ChangedFlags = NO_FLAGS
    sweep: Sweep | None = None  # in place of ``changed``, where many are
    vanished: array[int] = _NOBODY  # ascending
    keywords: tuple[str, ...] | None = None
    gone: bool = False
    person: str = ""
    private: Sequence[tuple[int, int]] = ()  # ascending

    @property
    def of_flags(self) -> bool:
        """Whether flags of messages may have changed, and nothing else has."""
        return not (self.new or self.added or self.vanished or self.gone)


def to_columns(mask: int) -> tuple[int, bytes | None]:
    """Split a mask into the signed integer and the bitmap that a row holds."""
    if mask < _SIGN:
        return mask, None
    low = mask & _MASK
    high = mask >> LOW_BITS
    more = high.to_bytes((high.bit_length() + 7) // 8, "little") if high else None
    return low - (1 << LOW_BITS) if low & _SIGN else low, more


def to_mask(flags: int, more: bytes | None) -> int:
    """Put a row's two columns together."""
    low = flags & _MASK
    return low | int.from_bytes(more, "little") << LOW_BITS if more else low
