"""When the store fails in the middle of a POP3 session."""

from __future__ import annotations

import pytest

from mailstore.blobs import BlobReader
from mailstore.errors import Corrupt, Unavailable
from mailstore.service import Mailbox
from tests.support.pop3 import Pop3Client

SMALL = b"Subject: a\r\n\r\nbody\r\n"
LARGE = b"Subject: b\r\n\r\n" + b"line of text\r\n" * 20_000


@pytest.fixture
def ann(world):
    world.deliver(SMALL, LARGE)
    return Pop3Client(world).login("ann")


def damage(monkeypatch, behind: int, error: Exception) -> None:
    """Have reads fail behind a place of the message."""
    read = BlobReader.pread

    def pread(self: BlobReader, start: int, length: int) -> bytes:
        if start >= behind:
            raise error
        return read(self, start, length)

    monkeypatch.setattr(BlobReader, "pread", pread)


@pytest.mark.parametrize(
    ("error", "code"),
    [(Corrupt(), "[SYS/PERM]"), (Unavailable(), "[SYS/TEMP]")],
)
def test_a_message_that_cannot_be_read_is_refused_and_others_are_not(
    ann, monkeypatch, error, code
):
    with monkeypatch.context() as patch:
        damage(patch, 0, error)
        assert ann.err(b"RETR 1").startswith(code)
        assert ann.err(b"TOP 1 0").startswith(code)
    assert ann.content(b"RETR 1") == SMALL


def test_nothing_stands_for_octets_that_are_missing(ann, monkeypatch):
    """The disk fails between the proof of the message and its sending."""

    async def prove(*_: object) -> None:
        pass

    monkeypatch.setattr(Mailbox, "prove", prove)
    damage(monkeypatch, 65_536, Corrupt())
    ann.feed(b"RETR 2\r\nNOOP\r\n")
    assert ann.closed
    assert not ann.raw.endswith(b"\r\n.\r\n")
    assert b"-ERR" not in ann.raw
    assert ann.raw == b"+OK %d octets\r\n" % len(LARGE) + LARGE[:65_536]


def test_quit_says_so_when_nothing_could_be_removed(world, ann, monkeypatch):
    async def fail(*_: object, **__: object) -> None:
        raise Unavailable

    ann.ok(b"DELE 1")
    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "expunge", fail)
        assert ann.err(b"QUIT").startswith("[SYS/TEMP] nothing was removed")
    assert ann.closed
    assert Pop3Client(world).login("ann").ok(b"STAT").startswith("2 ")


def test_a_mark_that_fails_is_no_failure_of_the_message(world, ann, monkeypatch):
    async def fail(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(Mailbox, "store_flags", fail)
    assert ann.content(b"RETR 1") == SMALL
    ann.drop()
    assert tuple(k for k, _ in world.log.events[-2:]) == ("store", "disconnect")
    assert world.services.admission.connections == 0


def test_a_client_that_goes_while_messages_are_removed_has_them_removed(world, ann):
    ann.ok(b"DELE 1")
    ann.talk.receive(b"QUIT\r\n")
    ann.drop()
    assert Pop3Client(world).login("ann").ok(b"STAT") == f"1 {len(LARGE)}"


def test_octets_that_are_not_what_was_stored_are_not_sent(world, tmp_path):
    world.deliver(b"Subject: a\r\n\r\nbody\r\n", b"Subject: b\r\n\r\n")
    (pack,) = (tmp_path / "store").rglob("*.pack")
    data = pack.read_bytes()
    at = data.index(b"body")
    pack.write_bytes(data[:at] + b"B" + data[at + 1 :])
    ann = Pop3Client(world).login("ann")
    ann.err(b"RETR 1")
    assert ann.content(b"RETR 2") == b"Subject: b\r\n\r\n"
