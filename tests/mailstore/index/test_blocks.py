"""Blocks of flags, compared with a dictionary; and octets that are none."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.index.blocks import LAST as LAST_BLOCK
from mailstore.index.blocks import SIZE, Block, block_of, bounds, change_one
from mailstore.packed import Packed

MASKS = st.one_of(
    st.integers(0, 127),
    st.sampled_from([0, 1 << 7, 1 << 63, (1 << 64) - 1, 1 << 64, (1 << 262) - 1]),
    st.integers(0, (1 << 70) - 1),
)
NUMBER = 3
FIRST, LAST = bounds(NUMBER)


def test_uids_of_a_block():
    assert (FIRST, LAST) == (NUMBER * SIZE, NUMBER * SIZE + SIZE - 1)
    assert block_of(FIRST) == block_of(LAST) == NUMBER
    assert block_of(LAST + 1) == NUMBER + 1


def contents(block):
    return {uid: (mask, modseq) for uid, mask, modseq in block.rows()}


def ranges_of(draw):
    ends = draw(st.lists(st.integers(FIRST - 3, FIRST + 40), max_size=6, unique=True))
    ends.sort()
    return tuple(zip(ends[::2], ends[1::2], strict=False))


def swept(block, pieces, how, *, at_once):
    if at_once:
        return block.sweep_pieces(pieces, *how)
    marks = bytearray(len(block.uids))
    for start, stop in pieces:
        marks[start:stop] = block.sweep(start, stop, *how)
    return marks


@given(st.data())
def test_it_is_a_dictionary(data):
    block, modseq = Block.new(NUMBER), 5
    model: dict[int, tuple[int, int]] = {}
    for _ in range(data.draw(st.integers(1, 8))):
        modseq += data.draw(st.sampled_from([1, 300, 70_000]))
        free = range(max(model, default=FIRST - 1) + 1, FIRST + 40)
        what = data.draw(st.sampled_from(["add", "put", "sweep", "touch", "drop"]))
        ranges = ranges_of(data.draw)
        among = [u for u in model if any(low <= u <= high for low, high in ranges)]
        pieces = block.pieces(ranges)
        assert [block.uids[at] for s, e in pieces for at in range(s, e)] == among
        if what == "add" and free:
            uids = sorted(data.draw(st.sets(st.sampled_from(free), min_size=1)))
            masks = [data.draw(MASKS) for _ in uids]
            block.add(uids, masks, [modseq] * len(uids))
            model.update({u: (m, modseq) for u, m in zip(uids, masks, strict=True)})
        elif what == "put" and model:
            uid, mask = data.draw(st.sampled_from(sorted(model))), data.draw(MASKS)
            block.put(list(block.uids).index(uid), mask, modseq)
            model[uid] = mask, modseq
        elif what == "sweep":
            clears = data.draw(st.integers(0, (1 << 64) - 1))
            sets = data.draw(st.sampled_from([0, 1, 1 << 7, 1 << 63, clears]))
            at_once = data.draw(st.booleans())
            marks = swept(block, pieces, (clears, sets, modseq), at_once=at_once)
            for uid, mark in zip(block.uids, marks, strict=True):
                before = model[uid][0]
                after = before & ~clears | sets if uid in among else before
                assert mark == (after != before)
                if mark:
                    model[uid] = after, modseq
        elif what == "touch":
            for start, stop in pieces:
                block.touch(start, stop, modseq)
            model.update({uid: (model[uid][0], modseq) for uid in among})
        elif what == "drop":
            block.drop(pieces)
            model = {uid: row for uid, row in model.items() if uid not in among}
        assert contents(block) == model
        for after in {seq for _, seq in model.values()}:
            assert block.changed(ranges, after) == [
                (uid, *row)
                for uid, row in model.items()
                if row[1] > after and any(low <= uid <= high for low, high in ranges)
            ]
        assert block.masks() == [mask for mask, _ in model.values()]
        assert block.highest == max([seq for _, seq in model.values()], default=0)
        assert all(block.position(uid) is not None for uid in model)
        assert block.position(LAST) is None
        if model:
            again = Block.read(NUMBER, block.octets(), block.highest)
            assert contents(again) == model
            assert again.octets() == block.octets()


def test_a_mailbox_full_of_marks_fits_in_one_page():
    block = Block.new(NUMBER)
    block.add(range(FIRST, LAST + 1), [0] * SIZE, range(9, 9 + SIZE))
    assert len(block.octets()) < 1_600
    for at in range(0, SIZE, 7):
        block.put(at, 9, 60_000 + at)
    assert len(block.octets()) < 1_600
    assert block.sweep(0, SIZE, 0, 8, 70_000).count(1) == SIZE - len(range(0, SIZE, 7))


def test_columns_are_laid_out_once_for_scattered_messages(monkeypatch):
    block = Block.new(NUMBER)
    block.add(range(FIRST, LAST + 1), [0] * SIZE, [9] * SIZE)
    lays = 0
    lay_out = Packed._lay_out

    def count(packed, values):
        nonlocal lays
        lays += 1
        lay_out(packed, values)

    monkeypatch.setattr(Packed, "_lay_out", count)
    among = tuple((uid, uid) for uid in range(FIRST, LAST, 2))
    marks = block.sweep_pieces(block.pieces(among), 0, 1 << 9, 10)
    assert marks.count(1) == SIZE // 2
    assert lays == 2


@pytest.mark.parametrize("gaps", [False, True])
def test_octets_that_are_no_block_are_refused(gaps):
    block = Block.new(NUMBER)
    uids = [FIRST, FIRST + 1, FIRST + 2 + gaps]
    block.add(uids, [1, 2, 1 << 70], [5, 6, 300])
    octets = block.octets()
    assert contents(Block.read(NUMBER, octets))[uids[2]] == (1 << 70, 300)
    for length in range(len(octets)):
        try:
            found = Block.read(NUMBER, octets[:length])
        except ValueError:
            continue
        # Only what is behind the columns can be missing without a trace.
        assert length == len(octets) - 4
        assert not found.more
    for at in range(len(octets)):
        for other in (0, 1, 3, 0xFF):
            spoilt = octets[:at] + bytes([other]) + octets[at + 1 :]
            try:
                found = Block.read(NUMBER, spoilt)
            except ValueError:
                continue
            assert all(FIRST <= uid <= LAST for uid in found.uids)
            assert list(found.uids) == sorted(set(found.uids))
            assert list(found.rows())
            assert found.octets()


SYSTEM_MASKS = st.integers(0, 127)


@given(
    st.sets(st.integers(FIRST, FIRST + 20), min_size=1),
    st.integers(FIRST - 1, FIRST + 21),
    st.sampled_from([0, 1 << 7, 5 << 7, 1 << 63, 1 << 64]),
    SYSTEM_MASKS,
    st.one_of(SYSTEM_MASKS, st.just((1 << 262) - 1)),
    st.one_of(SYSTEM_MASKS, st.just(1 << 9)),
    st.sampled_from([0, 1, 300, 70_000, 1 << 33]),
)
def test_one_message_is_changed_where_it_stands(  # noqa: PLR0917
    there, uid, keywords, mask, clears, sets, step
):
    """As by `Block.put`, or not at all."""
    uids = sorted(there)
    block = Block.new(NUMBER)
    masks = [mask, *[mask | keywords] * (len(uids) - 1)]
    block.add(uids, masks, [9, *[9 + step // 2] * (len(uids) - 1)])
    row, modseq = block.octets(), 9 + step
    found = change_one(row, uid, clears, sets, modseq)
    if uid not in there:
        assert found is None
        return
    at = uids.index(uid)
    before = masks[at]
    after = before & ~clears | sets
    if found is None:
        # What it leaves to others: other keywords, and columns that have no room.
        wide = block.modseqs.width
        narrow = not wide or step >> 8 * wide
        assert narrow or wide > 4 or block.more or (before ^ after) >> 7
        return
    assert found[:3] == (before, after, block.modseqs[at])
    if after != before:
        block.put(at, after, modseq)
    assert found.octets == block.octets()


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row[:-1],
        lambda row: row + b"\0",
        lambda row: row[:10],
        lambda row: None,
        lambda row: b"\xff\x01" + row[2:],
        lambda row: row[:5] + b"\x03" + row[6:],
        lambda row: row[:6] + b"\x03" + row[7:],
        lambda row: row[:23] + b"\xff" + row[24:],
    ],
)
def test_nothing_is_changed_in_what_is_no_row(change):
    block = Block.new(NUMBER)
    block.add([FIRST, FIRST + 1], [1, 2], [3, 4])
    row = block.octets()
    assert change_one(row, FIRST, 0, 8, 5) is not None
    assert change_one(change(row), FIRST, 0, 8, 5) is None


def test_nothing_is_changed_in_what_is_a_part_of_a_row():
    block = Block.new(NUMBER)
    block.add([FIRST, FIRST + 2, FIRST + 5], [1, 2, 3], [3, 4, 5])
    row = block.octets()
    assert change_one(row, FIRST, 0, 8, 6) is not None
    for size in range(len(row)):
        assert change_one(row[:size], FIRST, 0, 8, 6) is None


def test_the_last_block_has_no_uids_behind_the_last():
    block = Block.new(LAST_BLOCK)
    block.add([bounds(LAST_BLOCK)[1] - 2, bounds(LAST_BLOCK)[1]], [1, 2], [3, 4])
    row, places = block.octets(), struct.calcsize("<HHBBBxQQ")
    assert Block.read(LAST_BLOCK, row).octets() == row
    with pytest.raises(ValueError, match="UIDs"):
        Block.read(LAST_BLOCK, row[: places + 2] + b"\xff\xff" + row[places + 4 :])
