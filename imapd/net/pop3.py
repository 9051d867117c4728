"""POP3 over sockets: a session of `imapd.doors.pop3`."""

from __future__ import annotations

from imapd.doors.pop3.options import Pop3Service
from imapd.doors.pop3.replies import Err
from imapd.doors.pop3.session import Pop3
from imapd.net.door import Door, SocketProtocol, Talk
from imapd.session.state import Peer


class Pop3Protocol(SocketProtocol):
    """One socket and its session."""

    def __init__(self, pop3: Pop3Service, door: Door) -> None:
        super().__init__(door)
        self._pop3 = pop3
        self._session: Pop3 | None = None

    def new_talk(self, peer: Peer, *, secure: bool) -> Talk:
        """Make the session."""
        door = self._door
        self._session = Pop3(
            door.services,
            self._output,
            peer,
            self._pop3,
            secure=secure,
            stls=door.tls == "starttls",
            plaintext_login=door.plaintext_login,
        )
        return self._session

    def refusal(self, text: str) -> bytes:
        """Say that there is no service now."""
        return Err(text, "SYS/TEMP").render()

    def is_stranger(self) -> bool:
        """Tell whether nobody is logged in."""
        return self._session is None or self._session.is_stranger()
