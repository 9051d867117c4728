"""What a URL names: the same octets as FETCH, from a mailbox that was opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imapd.session.reply import CHUNK
from imapd.session.url_content import NoSuchContent, open_content
from imapd.syntax.url import parse_url
from mailstore.errors import Corrupt
from tests.support.session import World

BIG = b"Subject: x\r\n\r\n" + bytes(range(1, 256)) * 1_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.deliver(BIG)
    yield made
    made.close()


def read(world: World, url: bytes) -> list[bytes]:
    """Give the pieces that a URL names in INBOX."""

    async def work() -> list[bytes]:
        found = world.store.directory.find("ann")
        assert found is not None
        account = await world.store.account(found.id)
        mailbox = await account.open("INBOX", readonly=True)
        try:
            content = await open_content(world.runtime, mailbox, parse_url(url))
            try:
                pieces = list(content.pieces())
            finally:
                content.close()
            assert sum(map(len, pieces)) == content.size
            return pieces
        finally:
            await mailbox.close()
            await account.close()

    return world.runtime.run(work())


def test_much_is_read_in_chunks(world):
    pieces = read(world, b"/INBOX/;UID=1")
    assert b"".join(pieces) == BIG
    assert max(map(len, pieces)) <= CHUNK


@pytest.mark.parametrize(
    ("offset", "count"), [(0, 1), (5, 100_000), (len(BIG), 1), (4_000_000_000, 9)]
)
def test_a_range(world, offset, count):
    url = b"/INBOX/;UID=1/;PARTIAL=%d.%d" % (offset, count)
    assert b"".join(read(world, url)) == BIG[offset : offset + count]


@pytest.mark.parametrize(
    "rest", [b";UID=2", b";UID=1/;SECTION=2", b";UID=1/;SECTION=1.TEXT"]
)
def test_what_is_not_there(world, rest):
    with pytest.raises(NoSuchContent):
        read(world, b"/INBOX/" + rest)


def test_a_damaged_message_is_told_as_such(world, tmp_path):
    for path in (tmp_path / "accounts").rglob("*.pack"):
        path.write_bytes(b"")
    for path in (tmp_path / "accounts").rglob("blobs/*/*"):
        path.unlink()
    with pytest.raises(Corrupt):
        read(world, b"/INBOX/;UID=1")
