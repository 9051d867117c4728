"""The soak's mirror must not take for known what a client cannot know."""

from __future__ import annotations

from tests.soak.mirror import Kind, Message, Mirror
from tests.support.responses import Vanished

RED = frozenset({"\\Flagged"})


def seen(*messages: Message) -> Mirror:
    return Mirror(Kind.QRESYNC, mailbox="INBOX", messages=list(messages))


def test_which_of_some_untold_messages_has_vanished_is_not_known():
    mirror = seen(
        Message(1, RED, 5), Message(), Message(None, RED, 7), Message(9, RED, 6)
    )
    mirror.take(Vanished(((3, 3),), earlier=False))
    assert mirror.messages == [Message(1, RED, 5), Message(), Message(9, RED, 6)]


def test_the_only_untold_message_is_the_one_that_vanished():
    mirror = seen(Message(1, RED, 5), Message(None, RED, 7), Message(9), Message())
    mirror.take(Vanished(((3, 3),), earlier=False))
    assert mirror.messages == [Message(1, RED, 5), Message(9), Message()]
