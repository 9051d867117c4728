"""A FETCH compiled once: columns, one template, and how a batch is made.

It must not send anything. A batch whose values are all at hand is one ``%`` over one
template; only what reads a blob is put together message by message::

    * %d FETCH (UID %d FLAGS %b)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

from imapd.session.context import Context
from imapd.session.memo import Memo
from imapd.session.plugs import (
    CheckedItem,
    Converted,
    Derived,
    FetchEnvironment,
    FetchItem,
    Literal,
    Rendering,
)
from imapd.session.view import View
from imapd.wire.decimals import decimals
from mailstore.model import ROW_COLUMNS, SEEN, Batch, Column
from mailstore.service import Mailbox

Piece = bytes | Literal | Derived | Converted
_BYTES = frozenset({bytes})


class Environment(NamedTuple):
    """What compiling an item may ask for; see `FetchEnvironment`."""

    context: Context
    mailbox: Mailbox
    view: View


class Answers(NamedTuple):
    """The answers for one batch.

    One of the two is used: ``rows`` are whole responses, ready to be sent, and
    ``messages`` are responses in pieces, some of which are read from a blob. Both
    are made while they are taken, so that a slow client has no more of them waiting
    than it needs.
    """

    rows: Iterable[bytes] = ()
    messages: Iterable[tuple[Piece, ...]] = ()


class Segment(NamedTuple):
    """Ready octets of a response, and what is read from a blob behind them.

    By places of columns, of which the first names the message.
    """

    template: bytes  # for ``%``
    places: tuple[int, ...]  # of what it is filled with
    blobs: int  # 0: the response ends


@dataclass(frozen=True, slots=True)
class Plan:
    """What a FETCH asks of the store, and how it answers. Build it with `of`."""

    items: tuple[FetchItem, ...]  # each once
    columns: frozenset[Column]
    sets_seen: bool
    renderings: tuple[Rendering, ...] = field(repr=False)  # of the items
    start: bytes = field(repr=False)  # with %d for what names the message
    end: bytes = field(repr=False)
    quick: bool = field(init=False, repr=False, compare=False)
    """Whether memory has all that is told, and one template renders it."""
    segments: tuple[Segment, ...] = field(init=False, repr=False, compare=False)
    common: bool = field(init=False, repr=False, compare=False)
    """Whether it is the same in every session."""
    plain: bool = field(init=False, repr=False, compare=False)
    """Whether it changes nothing, and looks at nothing before it answers."""

    def __post_init__(self) -> None:
        """Work out once what each command of these items needs."""
        large = any(rendering.large for rendering in self.renderings)
        quick = self.columns <= ROW_COLUMNS and not large
        object.__setattr__(self, "quick", quick)
        checked = any(isinstance(item, CheckedItem) for item in self.items)
        plain = not (self.sets_seen or large or checked)
        object.__setattr__(self, "plain", plain)
        few = len(self.items) <= _FEW
        common = few and all(rendering.common for rendering in self.renderings)
        object.__setattr__(self, "common", common)
        object.__setattr__(self, "segments", _segments(self.start, self.renderings))

    @property
    def template(self) -> bytes:
        """One response, for ``%``."""
        return self.start + self.end

    @classmethod
    def of(cls, items: Sequence[FetchItem], environment: FetchEnvironment) -> Plan:
        """Compile items; one that is named twice is answered once."""
        unique = tuple(dict.fromkeys(items))
        # A mailbox that is open for reading only keeps its flags (RFC 3501 §6.3.2).
        sets_seen = any(item.sets_seen for item in unique) and bool(
            environment.mailbox.settable & SEEN
        )
        key = unique, sets_seen, environment.view.telling.fetch
        found = _COMMON.get(key)
        if found is None:
            found = cls._compiled(unique, environment, sets_seen=sets_seen)
            if found.common:
                _COMMON.keep(key, found)
        return found

    @classmethod
    def _compiled(
        cls,
        unique: tuple[FetchItem, ...],
        environment: FetchEnvironment,
        *,
        sets_seen: bool,
    ) -> Plan:
        renderings = tuple([item.compile(environment) for item in unique])
        columns = {column for item in unique for column in item.columns}
        if sets_seen:
            columns.add(Column.FLAGS)
        names = b" ".join([rendering.template for rendering in renderings])
        return cls(
            items=unique,
            columns=frozenset(columns),
            sets_seen=sets_seen,
            renderings=renderings,
            start=b"* %%d %b (" % environment.view.telling.fetch,
            end=names + b")\r\n",
        )

    def batches(
        self, environment: FetchEnvironment, uids: Sequence[int]
    ) -> AsyncIterator[Batch]:
        """Have the columns of messages read, as this client can read them.

        Raises `NotPermitted`.
        """
        ascii_headers = self.ascii_headers(environment)
        return environment.mailbox.fetch(
            uids, self.columns, ascii_headers=ascii_headers
        )

    @staticmethod
    def ascii_headers(environment: FetchEnvironment) -> bool:
        """Tell whether this client gets headers in ASCII.

        Who hasn't asked for UTF-8 does (RFC 6855 §8, RFC 6858 §3), unless an
        administrator wants all to have mail as it came.
        """
        context = environment.context
        downgrades = context.services.downgrade_headers
        return downgrades and not context.session.telling.utf8

    def render(self, batch: Batch, names: Sequence[int]) -> Answers:
        """Make the answers for messages; ``names`` are aligned with the batch.

        A message is named by its number, or in some sessions by its UID.
        """
        if self.quick:
            return Answers(rows=(self._joined(batch, names),))
        values = self.values(batch)
        columns = [names, *values]
        if not self.at_hand(values):
            return Answers(messages=self.pieces(columns))
        rows = zip(*columns, strict=True)
        return Answers(rows=map(self.template.__mod__, rows))

    def _joined(self, batch: Batch, names: Sequence[int]) -> bytes:
        """Make the answers of memory by one join: a number is a text already, often."""
        before, _, head = self.start.partition(b"%d")
        pieces = [before, b"", head % ()]
        columns: list[Sequence[bytes]] = [decimals(names)]
        for rendering in self.renderings:
            values, conversion = rendering.values(batch), rendering.conversion
            if conversion != b"%b":
                values = map(conversion.__mod__, values)
            columns.append(list(values))
            pieces[-1] += rendering.name + b" "
            pieces += [b"", b" "]
        pieces[-1] = b")\r\n"
        width = len(pieces)
        pieces *= len(names)
        for place, column in enumerate(columns):
            pieces[2 * place + 1 :: width] = column
        return b"".join(pieces)

    def one(self, batch: Batch, name: int) -> list[Piece]:
        """Make the answer for a batch of one message, in pieces."""
        row: list[Any] = [name]
        for rendering in self.renderings:
            row += rendering.values(batch)
        made: list[Piece] = []
        for template, places, blob in self.segments:
            made.append(template % tuple([row[place] for place in places]))
            if blob:
                made.append(row[blob])
        return made

    def values(self, batch: Batch) -> list[Iterable[object]]:
        """Give the values of each rendering; those that may read blobs as a list."""
        return [
            list(rendering.values(batch))
            if rendering.reads_blobs
            else rendering.values(batch)
            for rendering in self.renderings
        ]

    def at_hand(self, values: Sequence[Iterable[object]]) -> bool:
        """Tell whether no blob has to be read for them."""
        for _, _, blobs in self.segments:
            if blobs and not set(map(type, values[blobs - 1])) <= _BYTES:
                return False
        return True

    def unseen(self, batch: Batch, left_out: Container[int]) -> list[int]:
        """Give the UIDs that are to get \\Seen, ascending.

        ``left_out`` are places in the batch of messages that were not sent.
        """
        if not self.sets_seen:
            return []
        rows = enumerate(zip(batch.uids, batch.columns[Column.FLAGS], strict=True))
        return [
            uid
            for place, (uid, mask) in rows
            if not mask & SEEN and place not in left_out
        ]

    def pieces(self, columns: Sequence[Iterable[Any]]) -> Iterator[tuple[Piece, ...]]:
        """Put each message together: ready octets, between them what blobs have.

        Its name is in the first column.
        """
        streams: list[Iterable[Piece]] = []
        for template, places, blobs in self.segments:
            streams.append(_filled(template, [columns[place] for place in places]))
            if blobs:
                streams.append(columns[blobs])
        return zip(*streams, strict=False)


def _segments(start: bytes, renderings: Sequence[Rendering]) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    template, places = start, [0]
    for place, rendering in enumerate(renderings, 1):
        if rendering.reads_blobs:
            template += rendering.template.removesuffix(b"%b")
            segments.append(Segment(template, tuple(places), place))
            template, places = b" ", []
        else:
            template += rendering.template + b" "
            places.append(place)
    segments.append(Segment(template[:-1] + b")\r\n", tuple(places), 0))
    return tuple(segments)


# Plans of items that are the same in every session, by all that is in them.
_FEW = 16
_COMMON: Memo[tuple[tuple[FetchItem, ...], bool, bytes], Plan] = Memo(256)


def _filled(template: bytes, columns: Sequence[Iterable[Any]]) -> Iterable[bytes]:
    """Give the template with each row of columns; without any, the same for ever."""
    if not columns:
        return repeat(template % ())
    return map(template.__mod__, zip(*columns, strict=True))
