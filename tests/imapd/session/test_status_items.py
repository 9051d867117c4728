"""Items of STATUS, whoever asks for them."""

from __future__ import annotations

import pytest

from imapd.features import ALL
from imapd.session.plugs import StatusItemSpec
from imapd.session.registry import Feature, Registry
from imapd.session.status_items import (
    count_recent,
    parse_status_items,
    status_response,
)
from imapd.wire.cursor import Cursor, Malformed
from mailstore.model import MailboxId, MailboxStatus

STATUS = MailboxStatus(MailboxId(1), 9, 5, 7, 4, 3, 2, 1, 100)
REGISTRY = Registry.of(
    [*ALL, Feature("X", (), status_items=(StatusItemSpec("X", lambda _: "(a)", ""),))]
)


def test_items_are_read_once_in_any_case():
    cursor = Cursor(b"(unseen MESSAGES Unseen)")
    assert parse_status_items(cursor, REGISTRY) == ("UNSEEN", "MESSAGES")
    for text in (b"()", b"(NOTHING)", b"MESSAGES", b"(MESSAGES"):
        with pytest.raises(Malformed):
            parse_status_items(Cursor(text), REGISTRY)


def test_a_value_is_a_number_or_ready_text():
    told = status_response(REGISTRY, "a b", ("MESSAGES", "X", "UIDNEXT"), STATUS)
    assert told == b'STATUS "a b" (MESSAGES 4 X (a) UIDNEXT 5)'


def test_recent_messages_are_counted_for_who_asks():
    assert count_recent(REGISTRY, ("UNSEEN", "RECENT"))
    assert not count_recent(REGISTRY, ("UNSEEN", "MESSAGES"))
