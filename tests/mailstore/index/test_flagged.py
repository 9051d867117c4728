"""Single messages of columns: the same in a block and in a state."""

from __future__ import annotations

from array import array

from mailstore.index.blocks import Block
from mailstore.index.flagged import Flagged
from mailstore.index.records import LOW_BITS, MailboxRow, NewColumns
from mailstore.model import MailboxId
from mailstore.packed import Packed
from mailstore.state import MailboxState

UIDS = array("I", (3, 5, 6))
SYSTEM = bytearray((1, 0, 9))
KEYWORDS = (0, 2, 2**57 - 1)
MORE = {6: 5}


def columns() -> list[Block | MailboxState]:
    block = Block(0)
    block.uids, block.system = UIDS, SYSTEM
    block.keywords, block.more = Packed.of(KEYWORDS), MORE
    row = MailboxRow(MailboxId(1), "x", True, None, 1, 7, 1, 3, 0, 0, 0, 1)
    loaded = NewColumns.blank(3)._replace(
        uids=UIDS, system=SYSTEM, keywords=array("Q", KEYWORDS), more=MORE
    )
    return [block, MailboxState(row, loaded, ("one", "two"))]


def test_a_message_is_found_by_its_uid():
    for one in columns():
        found = [one.position(uid) for uid in range(1, 9)]
        assert found == [None, None, 0, None, 1, 2, None, None]
        assert isinstance(one, Flagged)


def test_a_mask_has_all_flags():
    for one in columns():
        masks = [one.mask(at) for at in range(3)]
        assert masks == [1, 2 << 7, 9 | (2**57 - 1) << 7 | 5 << LOW_BITS]
