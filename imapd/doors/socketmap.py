"""Lookups for Postfix: its socketmap protocol over the directory.

A request and its answer are netstrings: a length, a colon, so many octets, a comma.
The request names a map and a key::

    C: 23:mailbox ann@example.org,
    S: 6:OK ann,

Maps: ``mailbox`` tells whose an address is, by the same rules as LMTP; ``domain``
whether a domain is ours; ``senders`` which accounts may send by an address: those that
get its mail; ``full`` what to say to who brings mail for an address, if nobody whom it
leads to has room.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from imapd.doors.conversation import Conversation, Rendered, Why
from imapd.doors.intake import Intake
from imapd.session.context import Services
from imapd.session.reply import Transport
from imapd.session.state import Peer
from mailstore.delivery import Delivery
from mailstore.errors import NotFound, NotPermitted, StoreError, TooMany
from mailstore.model import INBOX, AccountId

_MOST = 10_000  # octets of a request; Postfix itself takes answers of 100,000
_WATCH = 3_600.0
_PARTS = frozenset(", \t\r\n")  # what ends a name in smtpd_sender_login_maps
_NOBODY = "/"  # no account can have this name


@dataclass(frozen=True, slots=True)
class Found:
    """An answer; ``text`` is what a map says, or why it doesn't."""

    status: str
    text: str = ""

    def render(self) -> bytes:
        """Write it."""
        data = f"{self.status} {self.text}".encode()
        return b"%d:%b," % (len(data), data)


class Socketmap(Conversation):
    """One connection of a Postfix."""

    protocol = "socketmap"

    def __init__(
        self,
        services: Services,
        delivery: Delivery,
        transport: Transport,
        peer: Peer,
        *,
        refuse_over_quota: bool = False,
    ) -> None:
        super().__init__(services, transport, peer, Intake(_MOST), secure=False)
        self._delivery = delivery
        self._refuse_over_quota = refuse_over_quota
        self._maps: Mapping[str, Callable[[str], Awaitable[Found]]] = {
            "mailbox": self._mailbox,
            "domain": self._domain,
            "senders": self._senders,
            "full": self._full,
        }

    # -- the conversation

    def greeting(self) -> None:
        """Say nothing: the client begins."""

    def words(self, why: Why, text: str) -> Rendered | None:
        """Say why it ends, where somebody asks."""
        return Found("PERM", text) if why is Why.HOSTILE else None

    def most_errors(self) -> int:
        """Give how many errors end the conversation."""
        return 1

    def time_left(self) -> tuple[float, Why, str]:
        """Give the time that an MTA may be silent: any."""
        return _WATCH, Why.SILENT, ""

    async def request(self) -> bytes:
        """Give the next netstring's content."""
        while (found := self.intake.netstring()) is None:
            await self.wait()
        return found

    async def obey(self, line: bytes) -> None:
        """Look something up."""
        try:
            name, _, key = line.decode("utf-8").partition(" ")
        except UnicodeDecodeError:
            self.say(Found("NOTFOUND"))
            return
        look = self._maps.get(name)
        if look is None:
            self.say(Found("PERM", "there is no such map"))
            return
        try:
            self.say(await look(key))
        except (NotFound, NotPermitted):
            self.say(Found("NOTFOUND"))
        except TooMany as error:
            self.say(Found("PERM", error.text))
        except StoreError as error:
            self.services.log.event("store", error=str(error), id=self.id)
            self.say(Found("TEMP", error.text))

    # -- maps

    async def _mailbox(self, key: str) -> Found:
        names = self._names(key)
        return Found("OK", names[0] if len(names) == 1 else key)

    async def _senders(self, key: str) -> Found:
        """Tell who may send. A name that Postfix would part is left out.

        It takes commas and spaces for ends of names, and knows no quotes: "x, bob"
        would let bob send. Where nobody else is left, nobody may; not found would let
        all.
        """
        names = [one for one in self._names(key) if _PARTS.isdisjoint(one)]
        return Found("OK", ",".join(names) or _NOBODY)

    async def _domain(self, key: str) -> Found:
        ours = self.services.store.directory.addresses.is_domain(key)
        return Found("OK", key) if ours else Found("NOTFOUND")

    async def _full(self, key: str) -> Found:
        for place in self._delivery.recipient(key).places:
            if not await self._is_full(place.account):
                return Found("NOTFOUND")
        # As LMTP would say it, but before the message is sent.
        code = "552 5.2.2" if self._refuse_over_quota else "452 4.2.2"
        return Found("OK", f"{code} the mailbox is full")

    async def _is_full(self, id_: AccountId) -> bool:
        account = await self.services.store.account(id_)
        try:
            roots = await account.quota.roots(INBOX, limited=True)
        finally:
            await account.close()
        return any(root.filled(100) for root in roots)

    def _names(self, address: str) -> list[str]:
        if address.startswith("@"):
            # Postfix asks about the whole address first, catch-all and all.
            raise NotFound
        found = self._delivery.recipient(address)
        directory = self.services.store.directory
        rows = [directory.by_id(place.account) for place in found.places]
        return sorted([row.name for row in rows if row is not None])
