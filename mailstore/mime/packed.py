"""The header fields that listings ask for, kept beside the index as raw lines.

It answers HEADER.FIELDS for them exactly as `mailstore.mime.header.select_fields`
would from the message; it doesn't know where either is stored. Layout, little
endian::

    flags u8 · fields u8 · number of its name in `names.LISTED`, u8 per field
    where each field's lines begin u16, the first at 0 · where the last ends u16
    lines, as they stand

Example: ``PackedFields({b"SUBJECT"}).render(packed) == b"Subject: x\\r\\n\\r\\n"``.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from itertools import accumulate

from mailstore.mime.header import Buffer, Field, ends_blank
from mailstore.mime.names import LISTED
from mailstore.mime.scanner import Part

_ID = {name: number for number, name in enumerate(LISTED)}
_COMPLETE = 1
_BLANK = 2  # the header ends in its blank line
_MAX_PACKED = 16_384  # octets of lines; a longer header is read from the message
_MAX_SHAPES = 1_024
_MISSING = b"\x00\x00"


def pack_header(data: Buffer, part: Part) -> bytes:
    """Pack the listed fields of a message; ``part`` is the root that `scan` gave."""
    chosen: Sequence[Field] = part.fields
    names, _, lines = zip(*chosen, strict=True) if chosen else ((), (), ())
    if not _ID.keys() >= {*names}:  # some are kept for the structure alone
        chosen = [field for field in chosen if field.name in _ID]
        names = tuple([field.name for field in chosen])
        lines = tuple([field.line for field in chosen])
    ids = [*map(_ID.__getitem__, names)]
    kept = b"".join(lines)
    if (
        not part.whole_header
        or len(ids) > 255
        or len(kept) > _MAX_PACKED
        or b"\x00" in kept
    ):
        return _MISSING
    flags = _COMPLETE
    if ends_blank(data[max(part.header, part.body - 3) : part.body]):
        flags |= _BLANK
    begin = struct.pack(f"<{len(ids) + 1}H", 0, *accumulate(map(len, lines)))
    return bytes((flags, len(ids), *ids)) + begin + kept


def unpack_header(packed: bytes) -> bytes | None:
    """Give all kept lines, without a blank line; None: the message must be read."""
    if not packed[0] & _COMPLETE:
        return None
    return packed[4 + 3 * packed[1] :]


class PackedFields:
    """HEADER.FIELDS for one list of names (any case), compiled once a command."""

    __slots__ = ("_shapes", "_wanted", "possible")

    def __init__(self, names: Collection[bytes]) -> None:
        lower = {name.lower() for name in names}
        self.possible = lower.issubset(_ID)  # else each message must be read
        self._wanted = frozenset(_ID[name] for name in lower if name in _ID)
        # The fields' ids of a message -> how to cut its lines. The messages of a
        # mailbox have few different sequences of fields.
        self._shapes: dict[bytes, _Shape] = {}

    def render(self, packed: bytes) -> bytes | None:
        """Give the raw lines and the blank line; None: the message must be read."""
        flags = packed[0]
        if not (flags & _COMPLETE and self.possible):
            return None
        count = packed[1]
        ids = packed[2 : 2 + count]
        shape = self._shapes.get(ids) or self._shape(ids)
        start = 4 + 3 * count
        if shape.all_wanted:
            pieces = [packed[start:]]
        else:
            at = shape.offsets(packed, 2 + count)
            pieces = [packed[start + at[i] : start + at[j]] for i, j in shape.runs]
        if flags & _BLANK:
            pieces.append(b"\r\n")
        return b"".join(pieces)

    def _shape(self, ids: bytes) -> _Shape:
        if len(self._shapes) >= _MAX_SHAPES:
            self._shapes.clear()
        shape = self._shapes[ids] = _Shape(ids, self._wanted)
        return shape


class _Shape:
    """Which runs of fields to give of the messages with one sequence of fields."""

    __slots__ = ("all_wanted", "offsets", "runs")

    def __init__(self, ids: bytes, wanted: frozenset[int]) -> None:
        runs: list[tuple[int, int]] = []  # first field, and the one behind the last
        for at, field in enumerate(ids):
            if field not in wanted:
                continue
            if runs and runs[-1][1] == at:
                runs[-1] = (runs[-1][0], at + 1)
            else:
                runs.append((at, at + 1))
        self.runs = tuple(runs)
        self.all_wanted = self.runs == ((0, len(ids)),)
        self.offsets = struct.Struct(f"<{len(ids) + 1}H").unpack_from
