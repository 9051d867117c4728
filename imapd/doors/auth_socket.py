"""The auth service for an MTA: Dovecot's auth client protocol, version 1.

Postfix (``smtpd_sasl_type = dovecot``) and Exim have people prove here who they are
before they may send. Lines end in LF, their words are parted by tabs::

    S: VERSION  1  1
    S: MECH  PLAIN  plaintext
    S: DONE
    C: VERSION  1  1
    C: CPID  4711
    C: AUTH  1  PLAIN  service=smtp  secured  rip=192.0.2.1  resp=AGFubgBz...
    S: OK  1  user=ann

Requests have numbers: several may be under way, and one that waits keeps none of the
others waiting. It must not know mechanisms: those are exchanges of `imapd.auth`.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import os
import re
import secrets
from dataclasses import dataclass

from imapd.doors.conversation import Conversation, Rendered, Why
from imapd.doors.intake import Intake
from imapd.session.context import Services
from imapd.session.credentials import (
    NO_CHANNEL,
    Challenge,
    Client,
    Exchange,
    Grant,
    LoginRefused,
    MalformedExchange,
)
from imapd.session.login import REFUSALS, Visitor, note_refusal
from imapd.session.reply import Transport
from imapd.session.state import Peer
from mailstore.errors import StoreError

_connections = itertools.count(1)
_AT_ONCE = 1_000  # requests of one connection
_ROUNDS = 10  # no mechanism has more
_NUMBER = re.compile(rb"[0-9]{1,10}")
_WATCH = 3_600.0  # an MTA may be silent all night
_ESCAPES = {b"\x00": b"\x010", b"\x01": b"\x011", b"\t": b"\x01t", b"\r": b"\x01r"}
_ESCAPES[b"\n"] = b"\x01n"
_ESCAPED = {two: one for one, two in _ESCAPES.items()}
_SERVICES = {"submission": "smtp", "submissions": "smtp", "smtps": "smtp"}
"""What app passwords call a service; others are called as they say."""
_PARAMETERS = {
    "PLAIN": ("plaintext",),
    "LOGIN": ("plaintext",),
    "OAUTHBEARER": ("plaintext",),
    "XOAUTH2": ("plaintext",),
    "CRAM-MD5": ("dictionary", "active"),
    "SCRAM-SHA-1": ("mutual-auth",),
    "SCRAM-SHA-256": ("mutual-auth",),
}


@dataclass(frozen=True, slots=True)
class Line:
    """Words of one line."""

    words: tuple[str, ...]

    def render(self) -> bytes:
        """Write it."""
        return b"\t".join([_escaped(word.encode()) for word in self.words]) + b"\n"


@dataclass(frozen=True, slots=True)
class Lines:
    """Several lines at once."""

    lines: tuple[Line, ...]

    def render(self) -> bytes:
        """Write them."""
        return b"".join([line.render() for line in self.lines])


def _escaped(word: bytes) -> bytes:
    return re.sub(rb"[\x00\x01\t\r\n]", lambda one: _ESCAPES[one[0]], word)


def _unescaped(word: bytes) -> bytes:
    return re.sub(rb"\x01.", lambda two: _ESCAPED.get(two[0], two[0][1:]), word)


@dataclass(slots=True)
class Request:
    """One person who logs in somewhere."""

    number: str
    visitor: Visitor
    exchange: Exchange
    rounds: int = 0
    waits: bool = False  # for the client


class AuthSocket(Conversation):
    """One connection of an MTA."""

    protocol = "auth"

    def __init__(
        self,
        services: Services,
        transport: Transport,
        peer: Peer,
        *,
        plaintext_login: bool = False,
    ) -> None:
        intake = Intake(services.limits().command_line, bare=True)
        super().__init__(services, transport, peer, intake, secure=False)
        self._plaintext_login = plaintext_login
        self._requests: dict[str, Request] = {}
        self._welcome = False

    # -- the conversation

    def greeting(self) -> Lines:
        """Say what there is, without waiting for the client."""
        names = self.services.authenticator.mechanisms(NO_CHANNEL)
        lines = [Line(("VERSION", "1", "1"))]
        lines += [Line(("MECH", name, *_PARAMETERS.get(name, ()))) for name in names]
        lines.append(Line(("SPID", str(os.getpid()))))
        lines.append(Line(("CUID", str(next(_connections)))))
        lines.append(Line(("COOKIE", secrets.token_hex(16))))
        lines.append(Line(("DONE",)))
        return Lines(tuple(lines))

    def words(self, why: Why, text: str) -> Rendered | None:  # noqa: ARG002
        """Say nothing: the protocol has no words for that."""
        if why is Why.NO_LINE:
            self.end(None)  # whose line that was is not known
        return None

    def most_errors(self) -> int:
        """Give how many errors end the conversation."""
        return 1

    def time_left(self) -> tuple[float, Why, str]:
        """Give the time that an MTA may be silent: any."""
        return _WATCH, Why.SILENT, ""

    async def obey(self, line: bytes) -> None:
        """Do what a line says; what is not known is passed over."""
        verb, *words = [_unescaped(word) for word in line.split(b"\t")]
        match verb:
            case b"VERSION":
                if words[:1] != [b"1"]:
                    self._give_up("another version of the protocol")
            case b"CPID":
                self._welcome = True
            case b"AUTH":
                self._begin(words)
            case b"CONT":
                self._go_on(words)
            case b"CANCEL":
                if words:
                    self._requests.pop(words[0].decode("latin-1"), None)
            case _:
                pass

    async def left(self) -> None:
        """Forget whoever was about to log in."""
        self._requests.clear()

    def _give_up(self, text: str) -> None:
        self.services.log.event("auth-socket", id=self.id, error=text)
        self.end(None)

    def _tell(self, *words: str) -> None:
        self.say(Line(words))
        self.flush()

    # -- requests

    def _begin(self, words: list[bytes]) -> None:
        if not self._welcome:
            self._give_up("AUTH before CPID")
            return
        if len(words) < 2 or not _NUMBER.fullmatch(words[0]):
            self._give_up("AUTH without a number or a mechanism")
            return
        number = words[0].decode("ascii")
        if number in self._requests:
            self._give_up("a number that is taken")
            return
        said = _parameters(words[2:])
        if "service" not in said:
            self._give_up("AUTH without a service")
            return
        service = said["service"]
        visitor = Visitor(
            self.id,
            said.get("rip") or self.peer.address,
            "secured" in said,
            _SERVICES.get(service, service),
        )
        self._start(number, words[1].decode("latin-1").upper(), visitor, said)

    def _start(
        self, number: str, mechanism: str, visitor: Visitor, said: dict[str, str]
    ) -> None:
        if not visitor.secure and not self._plaintext_login:
            self._fail(number, "passwords need TLS here")
            return
        if len(self._requests) >= _AT_ONCE:
            self._fail(number, "too many at once", "temp", "code=temp_fail")
            return
        client = Client(visitor.address, protocol=visitor.protocol, id=self.id)
        try:
            exchange = self.services.authenticator.exchange(mechanism, client)
            response = _decoded(said["resp"]) if "resp" in said else None
        except KeyError:
            self._fail(number, "there is no such mechanism here")
            return
        except binascii.Error:
            self._fail(number, "the response is not base64")
            return
        request = Request(number, visitor, exchange)
        self._requests[number] = request
        self._spawn(request, response)

    def _go_on(self, words: list[bytes]) -> None:
        request = self._requests.get(words[0].decode("latin-1")) if words else None
        if request is None:
            return  # it was cancelled, or has failed already
        if not request.waits or len(words) < 2:
            self._give_up("CONT that nobody asked for")
            return
        try:
            response = _decoded(words[1].decode("latin-1"))
        except (binascii.Error, ValueError):
            self._end_request(request)
            self._fail(request.number, "the response is not base64")
            return
        self._spawn(request, response)

    def _spawn(self, request: Request, response: bytes | None) -> None:
        request.waits = False
        request.rounds += 1
        self.services.runtime.spawn(self._step(request, response))

    async def _step(self, request: Request, response: bytes | None) -> None:
        try:
            outcome = await request.exchange.step(response)
            if isinstance(outcome, Challenge) and request.rounds >= _ROUNDS:
                raise MalformedExchange("the exchange does not end")
        except LoginRefused as refused:
            note_refusal(self.services, request.visitor, refused)
            codes: tuple[str, ...] = ()
            if refused.code == "AUTHORIZATIONFAILED":
                codes = ("authz", "code=authz_fail")
            self._finish(request, REFUSALS[refused.code], *codes)
        except MalformedExchange as error:
            self._finish(request, str(error))
        except StoreError as error:
            self.services.log.event("store", error=str(error), id=self.id)
            self._finish(request, error.text, "temp", "code=temp_fail")
        except Exception as error:  # noqa: BLE001 - a defect ends one request only
            self.services.log.failure(error, id=self.id, protocol=self.protocol)
            text = "something is wrong here"
            self._finish(request, text, "temp", "code=temp_fail")
        else:
            self._answer(request, outcome)

    def _answer(self, request: Request, outcome: Challenge | Grant) -> None:
        if self._requests.get(request.number) is not request:
            return  # nobody waits any more
        if isinstance(outcome, Challenge):
            request.waits = True
            data = base64.b64encode(outcome.data).decode("ascii")
            self._tell("CONT", request.number, data)
            return
        self._end_request(request)
        if outcome.readonly:
            # Who may not even set a flag does not speak for somebody either.
            self._fail(request.number, "this password is for reading only")
            return
        self._log(request, outcome)
        self._tell("OK", request.number, f"user={outcome.user}")

    def _log(self, request: Request, grant: Grant) -> None:
        visitor = request.visitor
        facts: dict[str, object] = {}
        if grant.admin is not None:
            facts["admin"] = grant.admin
        if grant.by is not None:
            facts["app_password"] = grant.by
        self.services.log.event(
            "login",
            id=self.id,
            user=grant.user,
            address=visitor.address,
            tls=visitor.secure,
            mechanism=grant.mechanism,
            protocol=visitor.protocol,
            **facts,
        )

    def _end_request(self, request: Request) -> None:
        self._requests.pop(request.number, None)

    def _finish(self, request: Request, text: str, *codes: str) -> None:
        if self._requests.get(request.number) is request:
            self._end_request(request)
            self._fail(request.number, text, *codes)

    def _fail(self, number: str, text: str, *codes: str) -> None:
        self._tell("FAIL", number, *codes, f"reason={text}")


def _parameters(words: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        key, _, value = word.decode("utf-8", "replace").partition("=")
        found.setdefault(key, value)
    return found


def _decoded(written: str) -> bytes:
    """Read base64; ``=`` is an empty response. Raises `binascii.Error`."""
    if written == "=":
        return b""
    if not written.isascii():
        raise binascii.Error("not ASCII")
    return base64.b64decode(written, validate=True)
