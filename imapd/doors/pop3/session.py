"""One POP3 connection (RFC 1939 §3): its state, its commands, its end.

::

    S: +OK imapd ready
    C: CAPA
    S: +OK what can be done here
    S: TOP
    …
    S: .

Before the login the commands are those of `authorization`, after it of `transaction`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping

from imapd.doors.conversation import Conversation, Rendered, Why
from imapd.doors.intake import Intake
from imapd.doors.pop3.authorization import Authorization
from imapd.doors.pop3.maildrop import Maildrop
from imapd.doors.pop3.options import Pop3Service
from imapd.doors.pop3.replies import Err, Ok, of_error
from imapd.doors.pop3.transaction import Transaction
from imapd.session.context import Services
from imapd.session.languages import DEFAULT, ENGLISH, LANGUAGES
from imapd.session.reply import Transport
from imapd.session.state import Peer
from mailstore.errors import StoreError
from mailstore.service import Access

Command = Callable[[bytes], Awaitable[None]]

_DAY = 86_400
_NAMES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
_LATER = frozenset(
    (b"STAT", b"LIST", b"RETR", b"DELE", b"NOOP", b"RSET", b"TOP", b"UIDL")
)
_EARLIER = frozenset((b"USER", b"PASS", b"APOP", b"AUTH", b"STLS", b"UTF8"))


class Pop3(Conversation):
    """The sans-io session of one client."""

    protocol = "pop3"

    def __init__(
        self,
        services: Services,
        transport: Transport,
        peer: Peer,
        pop3: Pop3Service,
        *,
        secure: bool = False,
        stls: bool = False,
        plaintext_login: bool = False,
    ) -> None:
        # RFC 2449 §4 wants 255 octets; an initial response may be longer.
        line = services.limits().command_line_before_login
        super().__init__(
            services, transport, peer, Intake(line, bare=True), secure=secure
        )
        self.options = options = pop3.options
        self.delays = pop3.delays
        self.stls = stls
        self.plaintext_login = plaintext_login
        self.utf8 = False
        self.language = DEFAULT
        self.login_failures = 0
        self.account: Access | None = None
        self.maildrop: Maildrop | None = None
        self.stamp = self._new_stamp() if options.apop else b""
        self._result = ""
        self._commands: Mapping[bytes, Command] = Authorization(self).commands
        self._everywhere: Mapping[bytes, Command] = {
            b"CAPA": self._capa,
            b"LANG": self._lang,
            b"QUIT": self._quit,
        }

    def _new_stamp(self) -> bytes:
        now = int(self.services.runtime.now())
        return f"<{secrets.token_hex(16)}.{now}@{self.options.host}>".encode()

    # -- what others ask

    @property
    def may_login(self) -> bool:
        """Whether a password may cross this connection."""
        return self.secure or self.plaintext_login

    def is_stranger(self) -> bool:
        """Tell whether nobody is logged in."""
        return self.account is None

    def selected(self) -> tuple[str | None, bool]:
        """Give what is open."""
        if self.maildrop is None:
            return None, False
        return "INBOX", self.maildrop.readonly

    def entered(self, account: Access, maildrop: Maildrop, admin: str | None) -> None:
        """Somebody has logged in."""
        self.account, self.maildrop = account, maildrop
        self.user, self.admin = account.name, admin
        self.errors = 0
        self._commands = Transaction(self, maildrop).commands

    # -- answers

    def say(self, answer: Rendered) -> None:
        """Answer, in the client's language (RFC 6856 §3.2)."""
        if isinstance(answer, Ok | Err):
            answer = answer.said_in(self.language)
        super().say(answer)

    def ok(self, text: str = "", data: str = "") -> None:
        """Say that it is done."""
        self._result = "OK"
        self.say(Ok(text, data))

    def no(self, text: str, code: str = "") -> None:
        """Say that it is not done, and whose fault it isn't."""
        self._result = "ERR"
        self.say(Err(text, code))

    def bad(self, text: str) -> None:
        """Say that the client is wrong; it may not be so for long."""
        self._result = "ERR"
        self.fail(Err(text))

    def store_error(self, error: StoreError) -> None:
        """Say what the store could not do."""
        self._result = "ERR"
        self.services.log.event("store", error=str(error), id=self.id)
        self.say(of_error(error))

    # -- the conversation

    def greeting(self) -> Ok:
        """Say who we are (RFC 1939 §4)."""
        stamp = f" {self.stamp.decode('ascii')}" if self.stamp else ""
        return Ok(data=f"{self.services.server_name} ready{stamp}")

    def words(self, why: Why, text: str) -> Rendered:
        """Say why it ends."""
        code = "SYS/TEMP" if why in (Why.STOPPING, Why.DEFECT) else ""
        return Err(text, code)

    def most_errors(self) -> int:
        """Give how many bad commands are one too many."""
        limits = self.services.limits()
        if self.account is None:
            return limits.bad_commands_before_login
        return limits.bad_commands

    def time_left(self) -> tuple[float, Why, str]:
        """Give the time to log in, or the time of silence (RFC 1939 §3)."""
        limits = self.services.limits()
        if self.account is None:
            now = self.services.runtime.monotonic()
            return self.began + limits.login_seconds - now, Why.SLOW, "log in sooner"
        left = limits.pop3_idle_seconds - self.idle()
        return left, Why.SILENT, "nothing was heard for too long"

    async def obey(self, line: bytes) -> None:
        """Do what a line says."""
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        began, octets = self.services.runtime.monotonic(), self.octets_out
        run = self._everywhere.get(verb) or self._commands.get(verb)
        known = run is not None or verb in _LATER or verb in _EARLIER
        self._result = ""
        if run is not None:
            await run(argument)
        elif not known and self.commands == 1:
            # HTTP or SMTP aimed at this port by a web page (ALPACA, 2021).
            self.end(Err("this is a POP3 server"))
        elif known:
            self.bad("not now" if self.account is not None else "log in first")
        else:
            self.bad("no such command")
        self.services.log.event(
            "command",
            id=self.id,
            user=self.user,
            command=verb.decode("ascii") if known else "",
            result=self._result,
            octets=self.octets_out - octets,
            ms=round((self.services.runtime.monotonic() - began) * 1000, 1),
        )

    async def left(self) -> None:
        """Give back what the session held: nothing is removed (RFC 1939 §6)."""
        account, self.account = self.account, None
        maildrop, self.maildrop = self.maildrop, None
        if account is None:
            return
        try:
            if maildrop is not None:
                await maildrop.close()
        except StoreError as error:
            self.services.log.event("store", error=str(error), id=self.id)
        finally:
            self.services.admission.logout(account.id, self.peer.address)
            await account.close()

    # -- commands of both states

    async def _capa(self, argument: bytes) -> None:
        if argument:
            self.bad("CAPA has no argument")
            return
        self.ok("what can be done here")
        lines = "".join(f"{line}\r\n" for line in self._capabilities())
        await self.pour(f"{lines}.\r\n".encode("ascii"))

    def _capabilities(self) -> list[str]:
        """List what is true at this moment (RFC 2449 §5)."""
        options = self.options
        days = options.expire_days
        found = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"]
        found.append(f"EXPIRE {days}" if days else "EXPIRE NEVER")
        if options.login_delay_seconds:
            found.append(f"LOGIN-DELAY {options.login_delay_seconds}")
        if self.stls and not self.secure:
            found.append("STLS")
        if self.may_login:
            offered = self.services.authenticator.mechanisms(self.transport.channel())
            found.append("USER")
            if offered:
                found.append("SASL " + " ".join(offered))
        return [*found, "UTF8 USER", "LANG", "IMPLEMENTATION imapd"]

    async def _lang(self, argument: bytes) -> None:
        if not argument:
            self.ok("languages")
            listings = [f"{one} {_NAMES.get(one, '')}".rstrip() for one in LANGUAGES]
            lines = "".join(f"{one}\r\n" for one in listings)
            await self.pour(f"{lines}.\r\n".encode())
            return
        found = _language(argument.decode("ascii", "replace"))
        if found is None:
            self.no("that language is not spoken here")
        else:
            self.language = found
            self.ok("this language it is", found)

    async def _quit(self, argument: bytes) -> None:
        if argument:
            self.bad("QUIT has no argument")
        elif self.maildrop is None:
            self._result = "OK"
            self.end(Ok("goodbye"))
        else:
            await self._update(self.maildrop)

    async def _update(self, maildrop: Maildrop) -> None:
        """Enter the UPDATE state: now, and only now, messages go (RFC 1939 §6)."""
        before = None
        if self.options.expire_days:
            now = int(self.services.runtime.now())
            before = now - self.options.expire_days * _DAY
        self.storing = True
        try:
            removed = await maildrop.update(seen_before=before)
        except StoreError as error:
            self._result = "ERR"
            self.services.log.event("store", error=str(error), id=self.id)
            self.end(Err("nothing was removed: " + error.text, "SYS/TEMP"))
        else:
            self._result = "OK"
            self.end(Ok(f"goodbye, {removed} removed"))
        finally:
            self.storing = False


def _language(language_range: str) -> str | None:
    """Find the language of a range (RFC 6856 §3.2): ``*`` is ours to choose."""
    wanted = ENGLISH if language_range == "*" else language_range.lower()
    while wanted:
        if wanted in LANGUAGES:
            return wanted
        wanted = wanted.rpartition("-")[0]
    return None
