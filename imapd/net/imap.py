"""IMAP over TCP: a session of `imapd.session.connection`, DEFLATE below it if asked."""

from __future__ import annotations

from imapd.net.compress import Inflater
from imapd.net.door import Door, SocketProtocol, Talk
from imapd.net.output import Output
from imapd.session.connection import Connection
from imapd.session.responses import status
from imapd.session.state import Peer


class ImapProtocol(SocketProtocol):
    """One socket and its IMAP session."""

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self._inflater: Inflater | None = None
        self._connection: Connection | None = None

    def new_talk(self, peer: Peer, *, secure: bool) -> Talk:
        """Make the session."""
        door = self._door
        self._connection = Connection(
            door.services,
            self._output,
            peer,
            secure=secure,
            starttls=door.tls == "starttls",
            plaintext_login=door.plaintext_login,
        )
        return self._connection

    def refusal(self, text: str) -> bytes:
        """Say BYE (RFC 3501 §7.1.5)."""
        return b"* %b\r\n" % status(b"BYE", text, "UNAVAILABLE")

    def is_stranger(self) -> bool:
        """Tell whether nobody is logged in."""
        return self._connection is None or self._connection.session.account is None

    def new_output(self) -> Output:
        """Make the way out, which may compress (RFC 4978)."""
        services = self._door.services
        return Output(
            self.transport,
            services.runtime,
            services.limits,
            self._new_tls,
            self._new_inflater,
            self._end_inflating,
        )

    def decrypted(self, data: bytes) -> None:
        """Take what the client said."""
        if self._inflater is not None:
            self._inflater.feed(data)
        else:
            super().decrypted(data)

    def _new_inflater(self) -> Inflater:
        output, connection = self._output, self._connection
        assert connection is not None
        if self._tls is None:
            self._taker = self.decrypted
        self._inflater = Inflater(
            self._door.services.runtime,
            super().decrypted,
            output.hold_reading,
            connection.give_up,
        )
        return self._inflater

    def _end_inflating(self, rest: bytes) -> None:
        self._inflater = None
        if rest:
            super().decrypted(rest)
