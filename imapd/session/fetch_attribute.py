"""Fetch items without arguments, as data: a name, its columns, how values are made.

::

    * 23 FETCH (RFC822.SIZE 44827)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imapd.session.plugs import FetchEnvironment, FetchItem, FetchItemSpec, Rendering
from imapd.wire.cursor import Cursor
from imapd.wire.decimals import decimals
from mailstore.model import Batch, Column

if TYPE_CHECKING:
    from imapd.session.context import Context

Values = Callable[[Batch], Iterable[object]]


@dataclass(frozen=True, slots=True)
class Attribute:
    """An item that is a name and nothing else, as FLAGS.

    ``asked`` is told when a client asks for it, before any answer. With ``common``
    nothing that ``make`` gives depends on the session; ``lasting`` is what never
    changes of a message (`Rendering`).
    """

    name: str
    columns: Collection[Column] = field(repr=False)
    make: Callable[[FetchEnvironment], Values] = field(repr=False)
    conversion: bytes = field(default=b"%b", repr=False)
    asked: Callable[[Context], None] | None = field(default=None, repr=False)
    common: bool = field(default=False, repr=False)
    lasting: bool = field(default=False, repr=False)

    @property
    def sets_seen(self) -> bool:
        """None of them does."""
        return False

    def unparse(self) -> bytes:
        """Write the item."""
        return self.name.encode("ascii")

    def compile(self, environment: FetchEnvironment) -> Rendering:
        """Prepare its answers."""
        if self.asked is not None:
            self.asked(environment.context)
        values = self.make(environment)
        common = self.common and self.asked is None
        return Rendering(
            self.unparse(),
            values,
            self.conversion,
            common=common,
            lasting=self.lasting,
        )

    def spec(self, rfc: str) -> FetchItemSpec:
        """Give its spec."""

        def parse(_: Cursor) -> FetchItem:
            return self

        return FetchItemSpec(self.name, parse, rfc)


def asked_for(context: Context, items: Iterable[FetchItem]) -> None:
    """Let items know that a command asks for them whose answers come later."""
    for item in items:
        if isinstance(item, Attribute) and item.asked is not None:
            item.asked(context)


def column(column: Column) -> Callable[[FetchEnvironment], Values]:
    """Give a column as the store has it: a number, or ready bytes."""

    def values(batch: Batch) -> Iterable[object]:
        return batch.columns[column]

    return lambda _: values


def _uids(_: FetchEnvironment) -> Values:
    return lambda batch: decimals(batch.uids)


UID = Attribute("UID", (), _uids, common=True, lasting=True)
"""The one that others than FETCH tell too."""
