"""Items of STATUS, whoever asks for them."""

from __future__ import annotations

import pytest

from imapd.features import ALL
from imapd.session.plugs import StatusItemSpec
from imapd.session.registry import Feature, Registry
from imapd.session.status_items import parse_status_items, status_items
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


def test_what_is_malformed_is_said_where_it_stands():
    for text, at in ((b"(MESSAGES X.Y)", 10), (b"()", 1), (b"(MESSAGES  X)", 10)):
        for _ in range(2):
            with pytest.raises(Malformed) as caught:
                parse_status_items(Cursor(text), REGISTRY)
            assert caught.value.at == at


def test_features_have_items_of_their_own():
    with pytest.raises(Malformed):
        parse_status_items(Cursor(b"(X)"), Registry.of(ALL))
    assert parse_status_items(Cursor(b"(X)"), REGISTRY) == ("X",)


def test_a_value_is_a_number_or_ready_text():
    items = status_items(REGISTRY, ("MESSAGES", "X", "UIDNEXT"))
    told = items.response("a b", STATUS)
    assert told == b'STATUS "a b" (MESSAGES 4 X (a) UIDNEXT 5)'


def test_recent_messages_are_counted_for_who_asks():
    assert status_items(REGISTRY, ("UNSEEN", "RECENT")).recent
    assert not status_items(REGISTRY, ("UNSEEN", "MESSAGES")).recent


def test_the_same_is_told_of_what_is_the_same_and_of_nothing_else():
    items = status_items(REGISTRY, ("MESSAGES",))
    assert items.response("ä", STATUS) is items.response("ä", STATUS)
    assert items.response("ä", STATUS, utf8=True) == 'STATUS "ä" (MESSAGES 4)'.encode()
    assert items.response("b", STATUS) == b"STATUS b (MESSAGES 4)"
    other = status_items(REGISTRY, ("UIDNEXT",))
    assert other.response("b", STATUS) == b"STATUS b (UIDNEXT 5)"
    for messages in range(100):
        status = STATUS._replace(messages=messages)
        told = items.response("b", status)
        assert told == b"STATUS b (MESSAGES %d)" % messages


def test_what_is_told_is_a_field_of_the_status():
    for spec in REGISTRY.status_items.values():
        assert not isinstance(spec.value, str) or spec.value in MailboxStatus._fields
    for items, told in (
        (("UNSEEN",), b"STATUS box (UNSEEN 2)"),
        (
            ("MESSAGES", "UIDNEXT", "SIZE"),
            b"STATUS box (MESSAGES 4 UIDNEXT 5 SIZE 100)",
        ),
        (("UNSEEN", "X"), b"STATUS box (UNSEEN 2 X (a))"),
    ):
        assert status_items(REGISTRY, items).response("box", STATUS) == told
