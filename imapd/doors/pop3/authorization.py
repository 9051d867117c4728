"""The commands before the login: USER and PASS, APOP, AUTH, STLS, UTF8.

RFC 1939 §4, §7; RFC 5034; RFC 2595 §4; RFC 6856 §2. Who is who is the authenticator's
to say, as in IMAP: the same mechanisms, delays and app passwords.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from imapd.doors.intake import LineError
from imapd.doors.pop3.maildrop import Maildrop
from imapd.doors.pop3.replies import Challenge, Err, of_error
from imapd.session.credentials import Challenge as ServerMessage
from imapd.session.credentials import (
    Client,
    Credentials,
    DigestAnswer,
    Exchange,
    Grant,
    LoginRefused,
    MalformedExchange,
)
from imapd.session.faults import No
from imapd.session.languages import DEFAULT
from imapd.session.login import REFUSALS, Visitor, note_refusal, open_granted
from imapd.syntax.secret import Secret
from mailstore.errors import StoreError

if TYPE_CHECKING:
    from imapd.doors.pop3.session import Pop3

_ROUNDS = 10  # no mechanism has more
_DIGEST = re.compile(rb"(.+) ([0-9a-f]{32})", re.DOTALL)
_CODES = {"LIMIT": "IN-USE", "AUTHENTICATIONFAILED": "AUTH"}


class Authorization:
    """What one stranger has said so far."""

    def __init__(self, session: Pop3) -> None:
        self._session = session
        self._name: str | None = None
        self.commands: Mapping[bytes, Callable[[bytes], Awaitable[None]]] = {
            b"USER": self._user,
            b"PASS": self._pass,
            b"APOP": self._apop,
            b"AUTH": self._auth,
            b"STLS": self._stls,
            b"UTF8": self._utf8,
        }

    @property
    def _client(self) -> Client:
        session = self._session
        return Client(
            session.peer.address,
            session.transport.channel(),
            protocol="pop3",
            id=session.id,
        )

    def _may_not_login(self) -> bool:
        """Refuse passwords that others could read."""
        if self._session.may_login:
            return False
        text = "passwords need TLS here: use STLS first"
        if not self._session.stls:
            text = "passwords need TLS here, on another port"
        self._session.no(text)
        return True

    # -- commands

    async def _user(self, argument: bytes) -> None:
        session = self._session
        if self._may_not_login():
            return
        try:
            name = argument.decode("utf-8")
        except UnicodeDecodeError:
            session.bad("the user name is not UTF-8")  # RFC 6856 §2.2
            return
        if not name:
            session.bad("USER has a name")
            return
        # Whoever it is: nobody learns by this who has an account (RFC 1939 §7).
        self._name = name
        session.ok("and the password?")

    async def _pass(self, argument: bytes) -> None:
        session = self._session
        if self._may_not_login():
            return
        name, self._name = self._name, None
        if name is None:
            session.bad("USER comes before PASS")
            return
        # RFC 1939 §7: spaces may be part of it.
        credentials = Credentials(name, Secret(argument))
        authenticator = session.services.authenticator
        await self._prove(authenticator.login(credentials, self._client))

    async def _apop(self, argument: bytes) -> None:
        session = self._session
        if not session.stamp:
            session.bad("there is no APOP here")
            return
        if self._may_not_login():
            return
        match = _DIGEST.fullmatch(argument)
        if match is None:
            session.bad("APOP has a name and a digest in hexadecimal")
            return
        try:
            name = match[1].decode("utf-8")
        except UnicodeDecodeError:
            session.bad("the user name is not UTF-8")
            return
        answer = DigestAnswer(name, match[2].decode("ascii"), self._client)
        authenticator = session.services.authenticator
        await self._prove(authenticator.digest(session.stamp, answer))

    async def _auth(self, argument: bytes) -> None:
        session = self._session
        if not argument:
            await self._tell_mechanisms()
            return
        if self._may_not_login():
            return
        mechanism, _, written = argument.partition(b" ")
        try:
            initial = _decoded(written) if written else None
            name = mechanism.decode("ascii").upper()
            exchange = session.services.authenticator.exchange(name, self._client)
        except binascii.Error:
            session.bad("the initial response is not base64")
        except (KeyError, UnicodeDecodeError):
            session.no("there is no such mechanism here")
        else:
            await self._prove(self._converse(exchange, initial))

    async def _tell_mechanisms(self) -> None:
        """Tell what there is, as clients from before CAPA ask (RFC 1734)."""
        session = self._session
        offered: tuple[str, ...] = ()
        if session.may_login:
            channel = session.transport.channel()
            offered = session.services.authenticator.mechanisms(channel)
        session.ok("mechanisms")
        lines = "".join(f"{name}\r\n" for name in offered)
        await session.pour(f"{lines}.\r\n".encode("ascii"))

    async def _converse(self, exchange: Exchange, response: bytes | None) -> Grant:
        session = self._session
        for _ in range(_ROUNDS):
            outcome = await exchange.step(response)
            if not isinstance(outcome, ServerMessage):
                return outcome
            session.say(Challenge(outcome.data))
            session.flush()
            line = await session.line()
            if line == b"*":
                raise _Cancelled  # RFC 5034 §4
            response = _decoded(line)
        raise MalformedExchange("the exchange does not end")

    async def _stls(self, argument: bytes) -> None:
        session = self._session
        if argument:
            session.bad("STLS has no argument")
        elif session.secure:
            session.bad("TLS protects this connection already")
        elif not session.stls:
            session.bad("there is no TLS on this port")
        elif session.intake.waiting:
            session.end(Err("nothing may follow STLS before TLS begins"))
        else:
            # RFC 2595 §4: nothing learnt before it may be kept.
            self._name, session.utf8, session.language = None, False, DEFAULT
            session.ok("begin TLS now")
            session.start_tls()

    async def _utf8(self, argument: bytes) -> None:
        session = self._session
        if argument:
            session.bad("UTF8 has no argument")
            return
        session.utf8 = True
        session.ok("mail is told in UTF-8")

    # -- from a proof to a maildrop

    async def _prove(self, proof: Awaitable[Grant]) -> None:
        session = self._session
        try:
            grant = await proof
        except LoginRefused as refused:
            note_refusal(session.services, self._visitor, refused)
            self._refuse(REFUSALS[refused.code])
        except MalformedExchange as error:
            self._refuse(str(error))
        except binascii.Error:
            session.bad("the response is not base64")
        except _Cancelled:
            session.no("AUTH was cancelled")
        except LineError as error:
            if error.fatal:
                session.end(Err(error.text))
            else:
                session.bad(error.text)
        except StoreError as error:
            session.store_error(error)
        else:
            await self._enter(grant)

    @property
    def _visitor(self) -> Visitor:
        session = self._session
        return Visitor(session.id, session.peer.address, session.secure, "pop3")

    def _refuse(self, text: str) -> None:
        session = self._session
        session.no(text, "AUTH")  # RFC 3206 §4
        session.login_failures += 1
        if session.login_failures >= session.services.limits().login_failures:
            session.end(Err("too many failures to log in"))

    async def _enter(self, grant: Grant) -> None:
        session = self._session
        services = session.services
        if grant.user.lower() in services.referrals:
            session.no("your mail is on another server", "SYS/PERM")
            return
        seconds = session.options.login_delay_seconds
        if not session.delays.may_enter(grant.account, seconds):
            session.no("your last login was just now", "LOGIN-DELAY")
            return
        try:
            account = await open_granted(services, self._visitor, grant)
        except No as no:
            session.no(no.text, _CODES.get(no.code or "", "SYS/TEMP"))
            return
        except StoreError as error:
            session.store_error(error)
            return
        try:
            maildrop = await Maildrop.open(
                account,
                ascii_headers=services.downgrade_headers and not session.utf8,
            )
        except BaseException as error:
            services.admission.logout(account.id, session.peer.address)
            await account.close()
            if not isinstance(error, StoreError):
                raise
            session.say(of_error(error))
            return
        session.entered(account, maildrop, grant.admin)
        session.ok(f"{maildrop.count} messages ({maildrop.octets} octets)")


class _Cancelled(Exception):
    """The client has thought better of it."""


def _decoded(written: bytes) -> bytes:
    """Read base64; ``=`` is an empty initial response. Raises `binascii.Error`."""
    return b"" if written == b"=" else base64.b64decode(written, validate=True)
