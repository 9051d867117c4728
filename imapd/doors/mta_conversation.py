"""What LMTP and SMTP have in common as conversations: their words and their bounds."""

from __future__ import annotations

import abc

from imapd.doors.conversation import Conversation, Why
from imapd.doors.intake import Intake
from imapd.doors.replies import DEFECT, Answer
from imapd.session.context import Services
from imapd.session.reply import Transport
from imapd.session.state import Peer

_WORDS = {
    Why.STOPPING: (421, "4.3.2"),  # RFC 5321 §3.8
    Why.SILENT: (421, "4.4.2"),
    Why.SLOW: (421, "4.4.2"),
    Why.ERRORS: (421, "4.7.0"),
    Why.DEFECT: (421, DEFECT.status),
    Why.NO_LINE: (500, "5.5.2"),
    # What follows may be a message in somebody else's eyes.
    Why.HOSTILE: (521, "5.5.2"),
}


class MtaConversation(Conversation):
    """One connection of somebody who brings mail."""

    def __init__(
        self, services: Services, transport: Transport, peer: Peer, *, secure: bool
    ) -> None:
        intake = Intake(services.limits().transfer_line)
        super().__init__(services, transport, peer, intake, secure=secure)
        self.idle_commands = 0  # since the last message

    @abc.abstractmethod
    async def run(self, line: bytes) -> None:
        """Do what a line says, and answer."""

    def late(self) -> bool:
        """Tell whether what is going on has lasted too long."""
        return False

    def words(self, why: Why, text: str) -> Answer:
        """Say why it ends, or why a line is none."""
        return Answer(*_WORDS[why], text)

    def most_errors(self) -> int:
        """Give how many errors end the conversation."""
        return self.services.limits().transfer_errors

    def time_left(self) -> tuple[float, Why, str]:
        """Give the time of silence (RFC 5321 §4.5.3.2.7), and of a message."""
        left = self.services.limits().transfer_idle_seconds - self.idle()
        if left > 0 and self.late():
            return 0.0, Why.SLOW, "the message takes too long"
        return left, Why.SILENT, "nothing was heard for too long"

    async def obey(self, line: bytes) -> None:
        """Do what a line says; too many that lead to no message are the end."""
        self.idle_commands += 1
        await self.run(line)
        if self.idle_commands > self.services.limits().transfer_commands:
            self.end(Answer(421, "4.7.0", "too many commands without a message"))
