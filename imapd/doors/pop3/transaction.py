"""The commands after the login: STAT, LIST, UIDL, RETR, TOP, DELE, RSET, NOOP.

RFC 1939 §5, §7. Long answers leave in pieces, at the client's pace.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from imapd.doors.pop3.content import Dots, pieces, top
from imapd.doors.pop3.maildrop import Maildrop, NoSuchMessage
from imapd.doors.pop3.replies import Ok
from mailstore.blobs import BlobReader
from mailstore.errors import StoreError
from mailstore.lanes import give_way

if TYPE_CHECKING:
    from imapd.doors.pop3.session import Pop3

_IN_A_ROW = 4  # pieces of a listing before others have the event thread
_COUNT = re.compile(rb"[0-9]{1,18}")


class Transaction:
    """One client at its maildrop."""

    def __init__(self, session: Pop3, maildrop: Maildrop) -> None:
        self._session = session
        self._maildrop = maildrop
        self.commands: Mapping[bytes, Callable[[bytes], Awaitable[None]]] = {
            b"STAT": self._stat,
            b"LIST": self._list,
            b"UIDL": self._uidl,
            b"RETR": self._retr,
            b"TOP": self._top,
            b"DELE": self._dele,
            b"RSET": self._rset,
            b"NOOP": self._noop,
        }

    # -- listings

    async def _stat(self, argument: bytes) -> None:
        if self._no_argument("STAT", argument):
            self._session.ok(data=f"{self._maildrop.count} {self._maildrop.octets}")

    async def _list(self, argument: bytes) -> None:
        maildrop = self._maildrop
        if not argument:
            self._session.ok(f"{maildrop.count} messages ({maildrop.octets} octets)")
            await self._tell(maildrop.sizes())
            return
        at = self._place(argument)
        if at is not None:
            self._session.ok(data=f"{at + 1} {maildrop.size(at)}")

    async def _uidl(self, argument: bytes) -> None:
        maildrop = self._maildrop
        if not argument:
            self._session.ok(f"{maildrop.count} messages")
            await self._tell(maildrop.unique_ids())
            return
        at = self._place(argument)
        if at is not None:
            self._session.ok(data=f"{at + 1} {maildrop.unique_id(at)}")

    async def _tell(self, lines: Iterator[bytes]) -> None:
        session = self._session
        session.speaking = True
        for at, piece in enumerate(lines, 1):
            await session.pour(piece)
            if at % _IN_A_ROW == 0:
                await give_way(session.services.runtime)
        await session.pour(b".\r\n")
        session.speaking = False

    # -- messages

    async def _retr(self, argument: bytes) -> None:
        at = self._place(argument)
        if at is None:
            return
        answer = Ok(f"{self._maildrop.size(at)} octets")
        sent = await self._send(at, answer, pieces)
        if sent and self._session.options.mark_seen:
            try:
                await self._maildrop.retrieved(at)
            except StoreError as error:
                # The client has the message: what fails is a mark.
                session = self._session
                session.services.log.event("store", error=str(error), id=session.id)

    async def _top(self, argument: bytes) -> None:
        number, _, count = argument.partition(b" ")
        if not _COUNT.fullmatch(count):
            self._session.bad("TOP has a message and a number of lines")
            return
        lines = int(count)
        at = self._place(number)
        if at is not None:
            answer = Ok("top of message follows")
            await self._send(at, answer, lambda reader: top(pieces(reader), lines))

    async def _send(
        self,
        at: int,
        answer: Ok,
        choose: Callable[[BlobReader], Iterator[bytes]],
    ) -> bool:
        """Send a message, or what is chosen of it; False when it can't be read.

        When it fails in the middle the connection ends: nothing may stand for the
        octets that are missing.
        """
        session = self._session
        try:
            reader = await self._maildrop.reader(at)
        except StoreError as error:
            session.store_error(error)
            return False
        with reader:
            octets, dots = choose(reader), Dots()
            try:
                first = next(octets, b"")
            except StoreError as error:
                session.store_error(error)
                return False
            session.ok(answer.text)
            session.speaking = True
            await session.pour(dots.stuff(first))
            try:
                for piece in octets:
                    await session.pour(dots.stuff(piece))
            except StoreError as error:
                session.services.log.event("store", error=str(error), id=session.id)
                session.end(None)
                return False
            await session.pour(dots.end())
            session.speaking = False
        return True

    # -- marks

    async def _dele(self, argument: bytes) -> None:
        at = self._place(argument)
        if at is None:
            return
        if self._maildrop.readonly:
            self._session.no("this login may only read", "SYS/PERM")
            return
        self._maildrop.delete(at)
        self._session.ok(f"message {at + 1} goes at QUIT")

    async def _rset(self, argument: bytes) -> None:
        if self._no_argument("RSET", argument):
            self._maildrop.reset()
            self._session.ok(f"{self._maildrop.count} messages")

    async def _noop(self, argument: bytes) -> None:
        if self._no_argument("NOOP", argument):
            self._session.ok()

    # -- arguments

    def _no_argument(self, verb: str, argument: bytes) -> bool:
        if argument:
            self._session.bad(f"{verb} has no argument")
        return not argument

    def _place(self, argument: bytes) -> int | None:
        """Read a message's number; None: refused, and answered."""
        try:
            return self._maildrop.place(argument.strip(b" "))
        except NoSuchMessage:
            self._session.no("there is no such message")
            return None
