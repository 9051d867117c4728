"""SMTP as a conversation: what differs from LMTP, RFC 5321 and STARTTLS."""

from __future__ import annotations

import pytest

from mailstore.delivery import Delivery
from mailstore.errors import OverQuota, Unavailable
from tests.support.session import World
from tests.support.transfer import Mta, stored, without_way

HI = b"Subject: hi\r\n\r\nhi\r\n"


def test_hello(world: World):
    mta = Mta(world, lmtp=False)
    assert mta.greeting == [(220, "mail.example.org ESMTP imapd")]
    assert mta.say(b"LHLO x", b"MAIL FROM:<>", b"HELO", b"EHLO a b", b"EHLO <x>") == [
        502,
        503,
        501,
        501,
        501,
    ]
    assert mta.feed(b"HELO x\r\n") == [(250, "mail.example.org")]
    assert mta.say(b"MAIL FROM:<> SIZE=5") == [555]
    for name in (b"[192.0.2.1]", b"[IPv6:::1]", b"my_host", b"a.example"):
        assert mta.say(b"EHLO " + name) == [250]


def test_nothing_is_relayed(stranger: Mta):
    assert stranger.say(
        b"MAIL FROM:<ann@example.org>",
        b"RCPT TO:<somebody@elsewhere.example>",
        b"RCPT TO:<ann%elsewhere.example@example.org>",
        b"RCPT TO:<@example.org:somebody@elsewhere.example>",
        b'RCPT TO:<"somebody@elsewhere.example">',
    ) == [250, 550, 550, 550, 550]


def test_there_is_one_answer_for_all_recipients(world: World, stranger: Mta):
    assert stranger.send(b"ann", b"bob", message=HI) == ["250 2.0.0 stored"]
    (message,) = stored(world, "bob")
    assert without_way(message) == HI
    assert b"\r\n\tby mail.example.org with ESMTP id " in message


def test_old_smtp_is_told(world: World):
    mta = Mta(world, lmtp=False)
    mta.say(b"HELO old")
    mta.send(b"ann", message=HI)
    assert b" with SMTP id " in stored(world)[0]


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: Exception) -> None:
    """Have nothing be stored for somebody."""
    real = Delivery._store_in

    async def store_in(self: Delivery, incoming, task, fields):
        found = self._store.directory.by_id(task.place.account)
        if found is not None and found.name == name:
            raise error
        return await real(self, incoming, task, fields)

    monkeypatch.setattr(Delivery, "_store_in", store_in)


def test_who_has_it_does_not_get_it_again(world: World, stranger: Mta, monkeypatch):
    with monkeypatch.context() as patch:
        failing(patch, "bob", Unavailable())
        (answer,) = stranger.send(b"ann", b"bob", message=HI)
        assert answer.startswith("451 4.3.0 ")
        (answer,) = stranger.send(b"ann", b"bob", message=HI)
        assert answer.startswith("451 4.3.0 ")
    assert stranger.send(b"ann", b"bob", message=HI) == ["250 2.0.0 stored"]
    assert len(stored(world, "ann")) == len(stored(world, "bob")) == 1
    # The next one is another message, though it is the same.
    assert stranger.send(b"ann", b"bob", message=HI) == ["250 2.0.0 stored"]
    assert len(stored(world, "ann")) == len(stored(world, "bob")) == 2


def test_a_failure_for_good_names_whom_it_is_about(world: World, monkeypatch):
    mta = Mta(world, lmtp=False, refuse_over_quota=True)
    mta.hello()
    failing(monkeypatch, "bob", OverQuota("there is no room"))
    assert mta.send(b"ann", b"bob", message=HI) == [
        "554 5.0.0 not delivered to <bob>: there is no room"
    ]
    assert mta.send(b"bob", message=HI) == ["552 5.2.2 there is no room"]
    assert len(stored(world, "ann")) == 1


def test_vrfy_tells_a_stranger_nothing(stranger: Mta):
    assert stranger.say(b"VRFY ann", b"VRFY nobody") == [252, 252]


def test_starttls_forgets_what_was_said_before(world: World):
    mta = Mta(world, lmtp=False, starttls=True)
    assert "STARTTLS" in mta.hello().splitlines()
    mta.say(b"MAIL FROM:<>")
    assert mta.feed(b"STARTTLS\r\n") == [(220, "2.0.0 begin TLS")]
    assert mta.secure
    assert mta.say(b"MAIL FROM:<>") == [503]
    assert "STARTTLS" not in mta.hello().splitlines()
    assert mta.say(b"STARTTLS") == [503]
    mta.send(b"ann", message=HI)
    assert b" with ESMTPS id " in stored(world)[0]


def test_octets_behind_starttls_end_the_conversation(world: World):
    mta = Mta(world, lmtp=False, starttls=True)
    mta.hello()
    assert mta.say(b"STARTTLS", b"MAIL FROM:<evil@example.net>") == [521]
    assert mta.closed
    assert not mta.secure


def test_starttls_where_there_is_none(stranger: Mta):
    assert stranger.say(b"STARTTLS", b"STARTTLS now") == [503, 501]


def test_one_sender_at_a_time(stranger: Mta):
    assert stranger.say(
        b"MAIL FROM:<>", b"MAIL FROM:<>", b"EHLO x", b"MAIL FROM:<>"
    ) == [
        250,
        503,
        250,
        250,
    ]
