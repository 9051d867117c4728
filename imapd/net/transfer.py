"""LMTP and SMTP over sockets: conversations of `imapd.doors.transfer`."""

from __future__ import annotations

from typing import ClassVar

from imapd.doors.transfer import House, Transfer
from imapd.net.door import Door, SocketProtocol, Talk
from imapd.session.state import Peer


class TransferProtocol(SocketProtocol):
    """One socket and its conversation."""

    alpn: ClassVar[tuple[bytes, ...]] = (b"smtp", b"lmtp")

    def __init__(self, house: House, door: Door) -> None:
        super().__init__(door)
        self._house = house
        self._transfer: Transfer | None = None

    def new_talk(self, peer: Peer, *, secure: bool) -> Talk:
        """Make the conversation."""
        door = self._door
        self._transfer = Transfer(
            door.services,
            self._house,
            self._output,
            peer,
            secure=secure,
            starttls=door.tls == "starttls",
        )
        return self._transfer

    def refusal(self, text: str) -> bytes:
        """Say that there is no service (RFC 5321 §3.8)."""
        return f"421 4.3.2 {text}\r\n".encode("ascii")

    def is_stranger(self) -> bool:
        """Tell whether it may go when there are too many: nobody logs in here.

        Who brings a message may finish it, and so may an MTA that is trusted.
        """
        if self._house.lmtp or self._transfer is None:
            return not self._house.lmtp
        return not self._transfer.in_message
