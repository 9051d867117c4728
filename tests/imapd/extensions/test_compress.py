"""COMPRESS: agreed to once, by who is logged in, with nothing on its way."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

import imapd.testing
from imapd.extensions.compress import Compress, parse, unparse
from imapd.features import ALL
from imapd.session.registry import Registry
from imapd.wire.cursor import Cursor, Malformed
from tests.support.client import Client
from tests.support.responses import Exists, Fetch
from tests.support.session import World

REGISTRY = Registry.of(ALL)
BODY = b"Subject: x\r\n\r\n" + b"the same line\r\n" * 20_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("wire", [b" DEFLATE", b" deflate", b" Deflate"])
def test_known_answers(wire):
    node = parse(Cursor(wire), REGISTRY)
    assert node == Compress()
    assert parse(Cursor(unparse(node)[8:]), REGISTRY) == node


@pytest.mark.parametrize("wire", [b"", b" ", b" GZIP", b" DEFLATE 9", b"  DEFLATE"])
def test_refusals(wire):
    with pytest.raises(Malformed):
        parse(Cursor(wire), REGISTRY)


def test_only_who_is_logged_in_may_compress(world):
    stranger = world.connect()
    stranger.bad(b"COMPRESS DEFLATE")
    assert not stranger.compressed


def test_twice_is_refused_with_the_code(world):
    ann = world.session()
    ann.ok(b"COMPRESS DEFLATE")
    assert ann.compressed
    ann.no(b"COMPRESS DEFLATE", "COMPRESSIONACTIVE")


def test_what_follows_too_early_is_answered_in_the_clear(world):
    """RFC 4978 §3: the client waits for the result; one that doesn't is told so."""
    ann = world.session()
    said = ann.feed(b"c COMPRESS DEFLATE\r\nd NOOP\r\n")
    assert [(one.tag, one.kind) for one in said] == [("c", "BAD"), ("d", "OK")]
    assert not ann.compressed


@pytest.fixture(params=["plain", "tls"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Give a client whose every answer has to come without anything behind it."""
    with imapd.testing.server() as server:
        if request.param == "tls":
            context = ssl.create_default_context(cafile=str(server.certificate))
            made = Client.connect("localhost", server.tls_port, tls=context)
        else:
            made = Client.connect(server.host, server.port)
        with made:
            made.login(server.user, server.password)
            made.compress()
            yield made


@pytest.mark.net
def test_no_answer_waits_for_the_next(client):
    """Each answer is read to its end before anything else is sent: a flush that
    was forgotten anywhere would be waited for here until the time is up."""
    assert client.append(BODY)[1] == 1
    assert client.select().one(Exists).number == 1
    (row,) = client.ok("FETCH 1 (BODY.PEEK[] FLAGS)").of(Fetch)
    assert row.items["BODY[]"] == BODY
    client.ok("LOGOUT")


@pytest.mark.net
def test_news_in_idle_come_at_once(client):
    client.select()
    with imapd_other(client) as other, client.idle() as idle:
        other.append(b"Subject: news\r\n\r\n")
        assert idle.next() == Exists(1)


def imapd_other(client: Client) -> Client:
    """Log in once more where a client is."""
    host, port = client.socket.getpeername()[:2]
    tls = client.socket.context if isinstance(client.socket, ssl.SSLSocket) else None
    made = Client.connect(host, port, tls=tls)
    made.login("user", "password")
    return made


@pytest.mark.net
def test_a_literal_is_asked_for_and_taken_compressed(client):
    client.literal_plus = False
    uids = [client.append(BODY[:size])[1] for size in (40, 5_000, 100_000)]
    assert uids == [1, 2, 3]


@pytest.mark.net
def test_a_small_window_is_understood():
    with (
        imapd.testing.server() as server,
        Client.connect(server.host, server.port) as client,
    ):
        client.login(server.user, server.password)
        client.compress(bits=-9)
        client.append(BODY)
        client.ok("NOOP")
