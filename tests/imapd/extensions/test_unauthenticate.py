"""UNAUTHENTICATE: nothing of who was there before is left (RFC 8437)."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import imapd.testing
from imapd.extensions.unauthenticate import FEATURE
from imapd.session.limits import Limits
from imapd.session.state import _OF_THE_CONNECTION, SessionState
from mailstore.errors import Unavailable
from tests.support.client import Client
from tests.support.responses import Capabilities, Exists, SearchResult, Status
from tests.support.session import PASSWORD, Session, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "ann", "bob")
    made.deliver(b"Subject: of ann\r\n\r\n")
    yield made
    made.close()


def login(session: Session, name: bytes) -> None:
    session.ok(b"LOGIN %b {%d+}\r\n%b" % (name, len(PASSWORD), PASSWORD))


def test_another_person_may_log_in(world):
    session = world.session("ann", b"INBOX")
    session.ok(b"UNAUTHENTICATE")
    session.bad(b"FETCH 1 FLAGS")
    session.bad(b'LIST "" *')
    login(session, b"bob")
    session.bad(b"FETCH 1 FLAGS")
    assert session.ok(b"SELECT INBOX").of(Exists) == [Exists(0)]


def test_nothing_is_expunged_and_nobody_counts_twice(world):
    session = world.session("ann", b"INBOX")
    session.ok(b"STORE 1 +FLAGS (\\Deleted)")
    session.ok(b"UNAUTHENTICATE")
    login(session, b"ann")
    assert session.ok(b"SELECT INBOX").of(Exists) == [Exists(1)]


def test_connections_of_an_account_are_counted_right(tmp_path):
    limits = dataclasses.replace(Limits(), connections_per_account=1)
    world = World(tmp_path, "ann", limits=limits)
    session = world.session("ann")
    session.ok(b"UNAUTHENTICATE")
    other = world.session("ann")
    refused = b"LOGIN ann {%d+}\r\n%b" % (len(PASSWORD), PASSWORD)
    session.no(refused, "LIMIT")
    other.ok(b"LOGOUT")
    other.drop()
    login(session, b"ann")
    world.close()


def test_what_was_enabled_found_and_watched_is_forgotten(world):
    session = world.session("ann")
    session.ok(b"ENABLE CONDSTORE UIDONLY QRESYNC")
    session.ok(b"SELECT INBOX")
    session.ok(b"UID SEARCH RETURN (SAVE) ALL")
    session.ok(b"UNAUTHENTICATE")
    login(session, b"ann")
    session.ok(b"SELECT INBOX")
    assert session.ok(b"SEARCH $").of(SearchResult) == [SearchResult(())]
    state = session.connection.session
    assert state.enabled == set()
    assert state.watch is None
    assert not state.telling.vanished


def test_every_field_of_a_session_is_forgotten_unless_it_is_of_the_connection(world):
    """A field that a feature adds is one person's until it is listed otherwise."""
    session = world.session("ann", b"INBOX")
    session.ok(b"UNAUTHENTICATE")
    state = session.connection.session
    fresh = SessionState(state.peer, state.id)
    for spec in dataclasses.fields(SessionState):
        if spec.name not in _OF_THE_CONNECTION:
            assert getattr(state, spec.name) == getattr(fresh, spec.name), spec.name
    assert {spec.name for spec in dataclasses.fields(SessionState)} > _OF_THE_CONNECTION


def test_nothing_is_left_of_who_was_there_when_the_store_fails(world, monkeypatch):
    session = world.session("ann")
    session.ok(b"ENABLE CONDSTORE UIDONLY")
    session.ok(b"SELECT INBOX")
    state = session.connection.session

    async def fail(_):
        raise Unavailable

    monkeypatch.setattr(type(state.selected.mailbox), "close", fail)
    session.run(b"UNAUTHENTICATE")
    monkeypatch.undo()
    assert (state.user, state.enabled, state.selected) == ("", set(), None)
    login(session, b"bob")
    assert session.ok(b"SELECT INBOX").of(Exists) == [Exists(0)]


def test_it_is_told_while_it_can_be_used(world):
    session = world.session("ann")
    name = FEATURE.capabilities[0].text
    (found,) = session.ok(b"CAPABILITY").of(Capabilities)
    assert name in found.names
    session.ok(b"UNAUTHENTICATE")
    (found,) = session.ok(b"CAPABILITY").of(Capabilities)
    assert name not in found.names
    session.bad(b"UNAUTHENTICATE")


def test_the_next_login_may_be_sent_at_once(world):
    session = world.session("ann", b"INBOX")
    login_line = b"b LOGIN bob {%d+}\r\n%b\r\n" % (len(PASSWORD), PASSWORD)
    found = session.feed(b"a UNAUTHENTICATE\r\n" + login_line + b"c SELECT INBOX\r\n")
    tagged = [(s.tag, s.kind) for s in found if getattr(s, "tag", None)]
    assert tagged == [("a", "OK"), ("b", "OK"), ("c", "OK")]
    assert Exists(0) in found


def test_the_time_to_log_in_begins_anew(world):
    session = world.session("ann")
    world.runtime.advance(Limits().login_seconds + 1)
    session.ok(b"UNAUTHENTICATE")
    session.ok(b"NOOP")
    world.runtime.advance(Limits().login_seconds + 1)
    assert session.read()[-1].kind == "BYE"


# -- with compression, over a socket


@pytest.fixture
def client() -> Iterator[Client]:
    with (
        imapd.testing.server() as server,
        Client.connect(server.host, server.port) as made,
    ):
        made.login(server.user, server.password)
        made.compress()
        yield made


@pytest.mark.net
def test_compression_ends_and_may_begin_again(client):
    """RFC 8437 §4.1: behind the command's line, and behind the OK."""
    tag = client.send("UNAUTHENTICATE")
    assert client.wait(tag).kind == "OK"
    client.login("user", "password")
    client.compress()
    client.ok("SELECT INBOX")


@pytest.mark.net
def test_a_stream_that_ends_may_be_followed_at_once(client):
    stream = client.deflater
    data = stream.compress(b"a UNAUTHENTICATE\r\n") + stream.flush(zlib.Z_FINISH)
    client.socket.sendall(data + b"b LOGIN user password\r\n")
    for tag in "ab":
        answer = client.read()
        assert isinstance(answer, Status)
        assert answer.tag == tag
    client.ok("NOOP")
