"""What an MTA asks, over sockets: the auth service and the lookups."""

from __future__ import annotations

from imapd.doors.auth_socket import AuthSocket
from imapd.doors.socketmap import Socketmap
from imapd.net.door import Door, SocketProtocol, Talk
from imapd.session.state import Peer
from mailstore.delivery import Delivery


class _Asked(SocketProtocol):
    """A socket of an MTA, which is trusted and never a stranger."""

    def refusal(self, text: str) -> bytes:  # noqa: ARG002
        """Say nothing: there are no words for that."""
        return b""

    def is_stranger(self) -> bool:
        """Tell whether it may go when there are too many."""
        return False


class AuthProtocol(_Asked):
    """One socket of the auth service."""

    def new_talk(self, peer: Peer, *, secure: bool) -> Talk:  # noqa: ARG002
        """Make the conversation."""
        door = self._door
        return AuthSocket(
            door.services, self._output, peer, plaintext_login=door.plaintext_login
        )


class SocketmapProtocol(_Asked):
    """One socket of the lookups."""

    def __init__(self, delivery: Delivery, refuse_over_quota: bool, door: Door) -> None:
        super().__init__(door)
        self._delivery = delivery
        self._refuse_over_quota = refuse_over_quota

    def new_talk(self, peer: Peer, *, secure: bool) -> Talk:  # noqa: ARG002
        """Make the conversation."""
        return Socketmap(
            self._door.services,
            self._delivery,
            self._output,
            peer,
            refuse_over_quota=self._refuse_over_quota,
        )
