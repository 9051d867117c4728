from __future__ import annotations

import pytest

from mailstore.blobs.segment import message_of, record
from mailstore.errors import Corrupt
from mailstore.model import InternalDate

DATE = InternalDate(1_700_000_000, 60)


def test_a_head_is_read_as_a_whole_record_is():
    whole = bytearray(record(b"text", b"d" * 32, DATE))
    assert message_of(bytes(whole)) == b"text"
    for at in (0, 3, 4, 5, 7, 8, 11, 12, 15):  # all but the date
        damaged = whole.copy()
        damaged[at] ^= 0x40
        with pytest.raises(Corrupt):
            message_of(bytes(damaged))
    for octets in (b"", bytes(whole[:-1]), bytes(whole) + b"x"):
        with pytest.raises(Corrupt):
            message_of(octets)
