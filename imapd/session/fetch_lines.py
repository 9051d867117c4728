"""FETCH responses put together from what never changes of a message and what may.

Of ``(UID RFC822.SIZE FLAGS ENVELOPE)`` only the number and the flags may be others the
next time. The parts between them are rendered once and kept (`KeptLines`), for whoever
asks for the same items of the same messages; a message that all is known of costs no
statement and no formatting::

    * 23 | FETCH (UID 7 RFC822.SIZE 44827 FLAGS | (\\Seen) | ENVELOPE (...))

It must not know which items last: their `Rendering` says so. What it keeps:

* nothing is found under another account, mailbox, UIDVALIDITY or state of a repair
  (`Mailbox.edition`), other items, or a session that is told otherwise;
* what says what a message *was* when it was read is asked for before it is read: a
  repair that comes between makes what is kept old, never what is old look new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import cast

from imapd.session.fetch_plan import Environment, Plan
from imapd.session.fetch_sender import AT_ONCE, Sender, parts_of
from imapd.session.kept_lines import Line, Listing, Reading
from imapd.session.plugs import Rendering
from imapd.wire.decimals import decimals
from mailstore.model import ROW_COLUMNS, Batch, Column

Parts = Sequence[Sequence[bytes]]
"""By part: what it is of each message of a batch."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A plan's response, cut where something stands that may change.

    One more part lasts than ``moving`` ones stand between them; behind the number
    of the message comes the first.
    """

    templates: tuple[bytes, ...]  # of the parts that last, for ``%``
    lasting: tuple[tuple[int, ...], ...]  # by part: the places of its renderings
    moving: tuple[int, ...]  # places of the others
    columns: frozenset[Column]  # that the others need

    @classmethod
    def of(cls, plan: Plan, name: bytes) -> Cut | None:
        """Cut a plan; ``name`` is the response's. None where it isn't worth it.

        That is when memory has all of it, or when what may change is not in memory.
        """
        templates, lasting, moving = [b" %b (" % name], [list[int]()], list[int]()
        columns: set[Column] = set()
        pairs = zip(plan.items, plan.renderings, strict=True)
        for place, (item, rendering) in enumerate(pairs):
            templates[-1] += b" " if place else b""
            if rendering.lasting:
                templates[-1] += rendering.template
                lasting[-1].append(place)
            else:
                templates[-1] += rendering.name.replace(b"%", b"%%") + b" "
                templates.append(b"")
                lasting.append([])
                moving.append(place)
                columns.update(item.columns)
        templates[-1] += b")\r\n"
        beside = plan.columns - columns - ROW_COLUMNS
        large = any(rendering.large for rendering in plan.renderings)
        if plan.sets_seen or large or not beside or not columns <= ROW_COLUMNS:
            return None
        parts = tuple(map(tuple, lasting))
        return cls(tuple(templates), parts, tuple(moving), frozenset(columns))

    def lasting_parts(self, values: Sequence[Iterable[object]], count: int) -> Parts:
        """Render what lasts, of the values of all renderings."""
        made: list[Sequence[bytes]] = []
        for template, places in zip(self.templates, self.lasting, strict=True):
            if places:
                rows = zip(*[values[place] for place in places], strict=True)
                made.append(list(map(template.__mod__, rows)))
            else:
                made.append([template % ()] * count)
        return made

    def moving_parts(
        self, renderings: Sequence[Rendering], values: Sequence[Iterable[object]]
    ) -> Parts:
        """Render what may change, of its values."""
        return [
            cast("Sequence[bytes]", found)
            if (conversion := renderings[place].conversion) == b"%b"
            else list(map(conversion.__mod__, found))
            for place, found in zip(self.moving, values, strict=True)
        ]


class Listed:
    """One FETCH whose answers are put together so. Made by `of`."""

    __slots__ = ("_cut", "_environment", "_plan", "_reading", "_sender")

    def __init__(
        self,
        plan: Plan,
        cut: Cut,
        reading: Reading,
        environment: Environment,
        sender: Sender,
    ) -> None:
        self._plan = plan
        self._cut = cut
        self._reading = reading
        self._environment = environment
        self._sender = sender

    @classmethod
    def of(
        cls, plan: Plan, environment: Environment, sender: Sender, count: int
    ) -> Listed | None:
        """Prepare it; None where nothing is kept of such a FETCH.

        So of a single message: who reads one after the other wants none of them again.
        """
        kept = environment.context.services.kept_lines
        if count < 2 or not kept.most:
            return None
        telling = environment.view.telling
        cut = Cut.of(plan, telling.fetch)
        edition = None if cut is None else environment.mailbox.edition
        if cut is None or edition is None:
            return None
        told = (telling.fetch, telling.global_messages, plan.ascii_headers(environment))
        octets = sum(map(len, cut.templates))
        reading = kept.reading(Listing((edition, plan.items, told), octets))
        return cls(plan, cut, reading, environment, sender)

    async def send(self, uids: Sequence[int]) -> int:
        """Answer for messages (ascending UIDs); gives how many there were."""
        context, mailbox = self._environment.context, self._environment.mailbox
        found = 0
        async for rows in mailbox.fetch(uids, self._cut.columns):
            lines = self._reading.find(rows.uids, rows.messages)
            if all(lines):
                found += await self._send_kept(rows, cast("list[Line]", lines))
            else:
                found += await self._send_some(rows, lines)
            context.progress(found, len(uids))
        return found

    async def _send_some(self, rows: Batch, lines: Sequence[Line | None]) -> int:
        """Answer for messages some of which are not kept, in their order."""
        if not any(lines):
            return await self._send_new(rows.uids)
        found = start = 0
        for is_kept, run in groupby(lines, bool):
            some = list(run)
            end = start + len(some)
            if is_kept:
                part = rows.part(slice(start, end))
                found += await self._send_kept(part, cast("list[Line]", some))
            else:
                found += await self._send_new(rows.uids[start:end])
            start = end
        return found

    async def _send_kept(self, rows: Batch, lines: Sequence[Line]) -> int:
        plan, cut = self._plan, self._cut
        values = [plan.renderings[place].values(rows) for place in cut.moving]
        moving = cut.moving_parts(plan.renderings, values)
        _, *lasting = zip(*lines, strict=True)
        await self._send(rows.uids, cast("Parts", lasting), moving)
        return len(rows.uids)

    async def _send_new(self, uids: Sequence[int]) -> int:
        """Render messages, and keep what lasts of those that were asked for before."""
        wants = self._reading.wants(uids)
        found = 0
        async for batch in self._plan.batches(self._environment, uids):
            found += len(batch.uids)
            if wants:
                await self._send_and_keep(batch)
            else:
                names = self._environment.view.names(batch.uids)
                await self._sender.send_all(self._plan, batch, names)
        return found

    async def _send_and_keep(self, batch: Batch) -> None:
        many = len(batch.uids) > AT_ONCE
        for part in parts_of(batch):
            if many:
                await self._environment.context.reply.stand_aside()
            await self._send_part(part)

    async def _send_part(self, batch: Batch) -> None:
        plan, cut = self._plan, self._cut
        values = plan.values(batch)
        if not plan.at_hand(values):
            await self._send_apart(batch, [list(column) for column in values])
            return
        lasting = cut.lasting_parts(values, len(batch.uids))
        self._reading.keep(batch.uids, batch.messages, lasting)
        moved = [values[place] for place in cut.moving]
        moving = cut.moving_parts(plan.renderings, moved)
        await self._send(batch.uids, lasting, moving)

    async def _send_apart(self, batch: Batch, values: list[list[object]]) -> None:
        """Send messages for some of which blobs are read; keep the others."""
        ready = [
            place
            for place, row in enumerate(zip(*values, strict=True))
            if all(isinstance(value, bytes | int) for value in row)
        ]
        if ready:
            some = [[column[place] for place in ready] for column in values]
            self._reading.keep(
                [batch.uids[place] for place in ready],
                [batch.messages[place] for place in ready],
                self._cut.lasting_parts(some, len(ready)),
            )
        names = self._environment.view.names(batch.uids)
        await self._sender.send_messages(self._plan.pieces([names, *values]))

    async def _send(self, uids: Sequence[int], lasting: Parts, moving: Parts) -> None:
        """Put responses together, and send them."""
        count = len(uids)
        width = 2 + len(lasting) + len(moving)
        pieces = [b"* "] * (width * count)
        pieces[1::width] = decimals(self._environment.view.names(uids))
        for place, part in enumerate(lasting):
            pieces[2 + 2 * place :: width] = part
        for place, part in enumerate(moving):
            pieces[3 + 2 * place :: width] = part
        step = width * AT_ONCE
        for start in range(0, len(pieces), step):
            await self._sender.send_bytes(b"".join(pieces[start : start + step]))
