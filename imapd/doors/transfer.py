"""LMTP (RFC 2033) and SMTP (RFC 5321) as a server that delivers, and never relays.

They differ in their hello, in who is trusted, and behind DATA: LMTP answers for each
recipient, SMTP for all of them at once. Extensions: PIPELINING, SIZE, 8BITMIME,
SMTPUTF8, ENHANCEDSTATUSCODES, CHUNKING and BINARYMIME, STARTTLS.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from imapd.doors.dots import DotStream
from imapd.doors.intake import PIECE
from imapd.doors.mta_conversation import MtaConversation
from imapd.doors.paths import (
    Envelope,
    PathError,
    read_address,
    read_recipient,
    read_sender,
    write_address,
)
from imapd.doors.receiving import Receiving
from imapd.doors.replies import BYE, GO_ON, OK, Answer, of_error
from imapd.doors.trace import Way, protocol_word, trace_fields
from imapd.session.context import Services
from imapd.session.reply import Transport
from imapd.session.state import Peer
from mailstore.delivery import Delivery, Recipient
from mailstore.errors import StoreError

_HELLO = re.compile(rb"[!-'*-;=?-~\x80-\xff]{1,255}")
_BODIES = ("7BIT", "8BITMIME", "BINARYMIME")
_CHUNK = re.compile(rb"(\d{1,18})(?: +(LAST))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class House:
    """What all conversations of one kind share.

    ``host`` is what we call ourselves. With ``refuse_over_quota`` mail for a full
    account is refused for good.
    """

    delivery: Delivery
    host: str
    lmtp: bool
    refuse_over_quota: bool = False


@dataclass(slots=True)
class Transaction:
    """A message on its way: from MAIL to the end of its data."""

    sender: str
    body: str
    utf8: bool
    began: float
    size: int = 0  # as the client says; 0: it doesn't
    recipients: list[Recipient] = field(default_factory=list)
    places: int = 0  # accounts that they lead to
    receiving: Receiving | None = None  # once its first octets are announced
    broken: bool = False  # its chunks are refused


class Transfer(MtaConversation):
    """One connection."""

    def __init__(
        self,
        services: Services,
        house: House,
        transport: Transport,
        peer: Peer,
        *,
        secure: bool,
        starttls: bool,
    ) -> None:
        super().__init__(services, transport, peer, secure=secure)
        self.protocol = "lmtp" if house.lmtp else "smtp"
        self._house = house
        self._starttls = starttls
        self._hello: str | None = None
        self._extended = False
        self._transaction: Transaction | None = None
        self._messages = 0
        self._verbs = self._known_verbs()

    def _known_verbs(self) -> Mapping[bytes, Callable[[bytes], Awaitable[None]]]:
        hello: dict[bytes, Callable[[bytes], Awaitable[None]]]
        if self._house.lmtp:
            hello = {b"LHLO": self._ehlo}  # RFC 2033 §4.1: HELO and EHLO are errors
        else:
            hello = {b"EHLO": self._ehlo, b"HELO": self._helo}
        return {
            **hello,
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"BDAT": self._bdat,
            b"RSET": self._rset,
            b"NOOP": self._noop,
            b"QUIT": self._quit,
            b"VRFY": self._vrfy,
            b"HELP": self._help,
            b"STARTTLS": self._start_tls,
        }

    @property
    def in_message(self) -> bool:
        """Whether a message is on its way."""
        return self._transaction is not None and bool(self._transaction.recipients)

    def greeting(self) -> Answer:
        """Say who we are."""
        word = "LMTP" if self._house.lmtp else "ESMTP"
        return Answer(220, "", f"{self._house.host} {word} imapd")

    def late(self) -> bool:
        """Tell whether the message takes too long."""
        if self._transaction is None:
            return False
        most = self.services.limits().transfer_seconds
        return self.services.runtime.monotonic() > self._transaction.began + most

    async def left(self) -> None:
        """Drop a message that didn't become whole."""
        self._reset()

    async def run(self, line: bytes) -> None:
        """Do what a line says."""
        verb, _, argument = line.partition(b" ")
        run = self._verbs.get(verb.upper())
        if run is None:
            known = verb.upper() in (
                b"HELO",
                b"EHLO",
                b"LHLO",
                b"EXPN",
                b"TURN",
                b"AUTH",
            )
            text = "not here" if known else "no such command"
            self.fail(Answer(502 if known else 500, "5.5.1", text))
            return
        await run(argument.strip(b" "))

    # -- hello

    async def _ehlo(self, argument: bytes) -> None:
        if self._greeted(argument, extended=True):
            self.say(Answer(250, "", self._house.host, self._extensions()))

    async def _helo(self, argument: bytes) -> None:
        if self._greeted(argument, extended=False):
            self.say(Answer(250, "", self._house.host))

    def _greeted(self, argument: bytes, *, extended: bool) -> bool:
        if not _HELLO.fullmatch(argument):
            self.fail(Answer(501, "", "say who you are: a domain or an address"))
            return False
        self._hello = argument.decode("utf-8", "replace")
        self._extended = extended
        self._reset()
        return True

    def _extensions(self) -> tuple[str, ...]:
        words = [
            "PIPELINING",
            f"SIZE {self.services.store.options.max_message}",
            "8BITMIME",
            "ENHANCEDSTATUSCODES",
            "CHUNKING",
            "BINARYMIME",
            "SMTPUTF8",
        ]
        if self._starttls and not self.secure:
            words.append("STARTTLS")
        return tuple(words)

    async def _start_tls(self, argument: bytes) -> None:
        if argument:
            self.fail(Answer(501, "5.5.4", "STARTTLS has no argument"))
        elif not self._starttls or self.secure:
            self.fail(Answer(503, "5.5.1", "there is no TLS to start"))
        elif self.intake.waiting:
            # RFC 3207 §6 with CVE-2011-0411: they would be obeyed as if they had come
            # inside TLS.
            self.end(Answer(521, "5.5.1", "nothing may follow STARTTLS before TLS"))
        else:
            self.say(Answer(220, "2.0.0", "begin TLS"))
            self._reset()
            self._hello = None  # RFC 3207 §4.2
            self.start_tls()

    # -- envelope

    async def _mail(self, argument: bytes) -> None:
        if self._hello is None:
            self.fail(Answer(503, "5.5.1", "say hello first"))
            return
        if self._transaction is not None:
            self.fail(Answer(503, "5.5.1", "there is a sender already"))
            return
        try:
            envelope = read_sender(argument)
            self._transaction = self._begun(envelope)
            self._house.delivery.check(self._transaction.size)
        except PathError as error:
            self._transaction = None
            self.fail(Answer(error.code, error.status, str(error)))
        except StoreError as error:
            self._transaction = None
            self.say(of_error(error))
        else:
            self.say(Answer(250, "2.1.0", "OK"))

    def _begun(self, envelope: Envelope) -> Transaction:
        given = envelope.parameters
        unknown = given.keys() - {"SIZE", "BODY", "SMTPUTF8"}
        if unknown or (given and not self._extended):
            raise PathError("that parameter is not offered", 555, "5.5.4")
        body = (given.get("BODY", "7BIT") or "").upper()
        if body not in _BODIES:
            raise PathError("BODY is 7BIT, 8BITMIME or BINARYMIME")
        if given.get("SMTPUTF8") is not None:
            raise PathError("SMTPUTF8 has no value")
        utf8 = "SMTPUTF8" in given
        _check_ascii(envelope.address, utf8=utf8)
        began = self.services.runtime.monotonic()
        return Transaction(envelope.address, body, utf8, began, _size(given))

    async def _rcpt(self, argument: bytes) -> None:
        transaction = self._transaction
        if transaction is None or transaction.receiving is not None:
            self.fail(Answer(503, "5.5.1", "MAIL comes first"))
            return
        try:
            envelope = read_recipient(argument)
            if envelope.parameters:
                raise PathError("that parameter is not offered", 555, "5.5.4")
            _check_ascii(envelope.address, utf8=transaction.utf8)
            found = self._house.delivery.recipient(envelope.address)
            await self._house.delivery.check_room(found, transaction.size)
        except PathError as error:
            self.fail(Answer(error.code, error.status, str(error)))
        except StoreError as error:
            refuse = self._house.refuse_over_quota
            self._refuse_recipient(of_error(error, refuse_over_quota=refuse))
        else:
            self._add(transaction, found)

    def _add(self, transaction: Transaction, found: Recipient) -> None:
        """Note a recipient, unless those before lead to enough accounts already."""
        after = transaction.places + len(found.places)
        if transaction.recipients and after > self.services.limits().recipients:
            # RFC 5321 §4.5.3.1.10: the client brings the others in another message.
            self.say(Answer(452, "4.5.3", "too many recipients"))
            return
        transaction.recipients.append(found)
        transaction.places = after
        self.idle_commands -= 1
        self.say(Answer(250, "2.1.5", "OK"))

    def _refuse_recipient(self, answer: Answer) -> None:
        if self._house.lmtp or answer.transient:
            self.say(answer)  # an MTA asks for whom it was told to
        else:
            self.fail(answer)  # a stranger may be trying names

    async def _vrfy(self, argument: bytes) -> None:
        if not self._house.lmtp:
            self.say(Answer(252, "2.0.0", "send some mail, and it will be seen"))
            return
        try:
            address = read_address(argument.strip(b"<>").decode("utf-8"))
            self._house.delivery.recipient(address)
        except (PathError, UnicodeDecodeError):
            self.fail(Answer(501, "5.1.3", "the address is malformed"))
        except StoreError as error:
            self.say(of_error(error))
        else:
            self.say(Answer(250, "2.1.5", write_address(address)))

    async def _rset(self, _: bytes) -> None:
        self._reset()
        self.say(OK)

    async def _noop(self, _: bytes) -> None:
        self.say(OK)

    async def _help(self, _: bytes) -> None:
        self.say(Answer(214, "2.0.0", "RFC 2033" if self._house.lmtp else "RFC 5321"))

    async def _quit(self, _: bytes) -> None:
        self.end(BYE)

    def _reset(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None and transaction.receiving is not None:
            transaction.receiving.close()

    # -- data

    async def _data(self, argument: bytes) -> None:
        transaction = self._ready_for_data()
        if transaction is None:
            return
        if argument or transaction.body == "BINARYMIME" or transaction.receiving:
            # RFC 3030 §3: DATA and BDAT don't mix, and dots want lines.
            self.fail(Answer(503, "5.5.1", "DATA is not possible here"))
            return
        receiving = self._receive(transaction)
        if receiving is None:
            return
        self.say(GO_ON)
        self.flush()
        stream, rest = DotStream(), None
        while rest is None:
            piece, rest = stream.feed(await self.take())
            if not receiving.write(piece):
                self.end(Answer(521, "5.3.4", "far too much for one message"))
                return
        self.intake.put_back(rest)
        receiving.bare = stream.bare
        await self._complete(transaction, receiving)

    async def _bdat(self, argument: bytes) -> None:
        match = _CHUNK.fullmatch(argument)
        if match is None:
            # Where the octets end that follow is not known.
            self.end(Answer(521, "5.5.4", "BDAT has a size, and may have LAST"))
            return
        size, last = int(match[1]), match[2] is not None
        transaction = self._transaction
        receiving = None
        if transaction is None or transaction.broken:
            self.fail(Answer(503, "5.5.1", "there is no message for these octets"))
        elif self._ready_for_data() is not None:
            receiving = self._receive(transaction)
        if transaction is not None and receiving is None:
            transaction.broken = True  # until RSET (RFC 3030 §4.2)
        if not await self._take_chunk(receiving, size):
            return
        if transaction is None or receiving is None:
            return
        if last:
            receiving.end_chunks(binary=transaction.body == "BINARYMIME")
            await self._complete(transaction, receiving)
        else:
            self.idle_commands -= 1
            self.say(Answer(250, "2.0.0", f"{size} octets"))

    async def _take_chunk(self, receiving: Receiving | None, size: int) -> bool:
        """Take a chunk's octets; False when the conversation ends over them."""
        most = self.services.limits().literal_discard
        if receiving is None and size > most:
            self.end(Answer(521, "5.3.4", "far too much for one message"))
            return False
        while size:
            data = await self.take(min(size, PIECE))
            size -= len(data)
            if receiving is not None and not receiving.write_chunk(data):
                self.end(Answer(521, "5.3.4", "far too much for one message"))
                return False
        return True

    def _ready_for_data(self) -> Transaction | None:
        transaction = self._transaction
        if transaction is None or not transaction.recipients:
            if transaction is None:
                self.fail(Answer(503, "5.5.1", "MAIL comes first"))
            else:  # no error: it came along with recipients that were refused
                self.say(Answer(503, "5.5.1", "there is no recipient"))
            return None
        return transaction

    def _receive(self, transaction: Transaction) -> Receiving | None:
        """Begin to take the message, or go on; None: refused, and answered."""
        if transaction.receiving is None:
            try:
                incoming = self._house.delivery.begin()
            except StoreError as error:
                self.say(of_error(error))
                return None
            most = self.services.limits().literal_discard
            transaction.receiving = Receiving(incoming, most)
        return transaction.receiving

    async def _complete(self, transaction: Transaction, receiving: Receiving) -> None:
        self._messages += 1
        self.idle_commands = 0
        way = Way(
            transaction.sender,
            self._hello or "",
            "" if self.peer.address == "unix" else self.peer.address,
            self._house.host,
            protocol_word(
                "LMTP" if self._house.lmtp else "SMTP",
                extended=self._extended,
                secure=self.secure,
                utf8=transaction.utf8,
            ),
            f"{self.id}-{self._messages:x}",
            self.services.runtime.now(),
        )
        self.storing = True
        try:
            answers = await receiving.deliver(
                self.services,
                self._house.delivery,
                transaction.recipients,
                lambda recipient: trace_fields(way, recipient.address),
                lmtp=self._house.lmtp,
                refuse_over_quota=self._house.refuse_over_quota,
            )
            self._log(transaction, receiving.octets, answers, way.id)
        finally:
            self.storing = False
            self._reset()
        for answer in answers:
            self.say(answer)
        if not self._house.lmtp and not answers[0].good:
            self.errors += 1

    def _log(
        self,
        transaction: Transaction,
        octets: int,
        answers: list[Answer],
        id_: str,
    ) -> None:
        each = answers if self._house.lmtp else answers * len(transaction.recipients)
        for recipient, answer in zip(transaction.recipients, each, strict=True):
            self.services.log.event(
                "delivery",
                id=id_,
                protocol=self.protocol,
                sender=transaction.sender,
                recipient=recipient.address,
                octets=octets,
                code=answer.code,
                text=f"{answer.status} {answer.text}",
            )


def _size(parameters: Mapping[str, str | None]) -> int:
    """Read the size that a client says its message has (RFC 1870 §4)."""
    if "SIZE" not in parameters:
        return 0
    size = parameters["SIZE"] or ""
    if not re.fullmatch(r"[0-9]{1,20}", size):
        raise PathError("SIZE is a number of up to 20 digits")
    return int(size)


def _check_ascii(address: str, *, utf8: bool) -> None:
    if not utf8 and not address.isascii():
        raise PathError("an address in UTF-8 wants SMTPUTF8", 553, "5.6.7")
