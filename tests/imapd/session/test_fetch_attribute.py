"""Fetch items that are a name and a column."""

from __future__ import annotations

from typing import Any, cast

from imapd.session.fetch_attribute import Attribute, column
from imapd.wire.cursor import Cursor
from mailstore.model import Batch, Column

SIZE = Attribute("X.SIZE", (Column.SIZE,), column(Column.SIZE), b"%d")


def test_it_is_written_read_and_compiled():
    assert SIZE.spec("").parse(Cursor(b"")) is SIZE
    assert SIZE.unparse() == b"X.SIZE"
    assert not SIZE.sets_seen
    rendering = SIZE.compile(cast("Any", None))
    assert rendering.template == b"X.SIZE %d"
    assert list(rendering.values(Batch([1, 2], {Column.SIZE: [7, 8]}))) == [7, 8]


def test_names_alone_tell_two_apart():
    other = Attribute("X.SIZE", (Column.MODSEQ,), column(Column.MODSEQ), b"%d")
    assert other != SIZE
    assert Attribute("X.SIZE", SIZE.columns, SIZE.make, b"%d") == SIZE
