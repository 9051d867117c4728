"""A maildrop of many messages, and what it costs."""

from __future__ import annotations

import pytest

from imapd.doors.pop3.maildrop import Maildrop, NoSuchMessage
from mailstore.errors import Corrupt
from mailstore.model import Arrival

MANY = 1_500
MESSAGE = b"Subject: %d\r\n\r\nbody\r\n"


@pytest.fixture
def account(world):
    async def fill():
        account = await world.store.account(world.store.directory.find("ann").id)
        await account.append("INBOX", [Arrival(MESSAGE % at) for at in range(MANY)])
        return account

    account = world.runtime.run(fill())
    yield account
    world.runtime.run(account.close())


def test_listings_come_in_pieces_and_touch_no_message(world, account, monkeypatch):
    maildrop = world.runtime.run(Maildrop.open(account, ascii_headers=True))
    monkeypatch.setattr(account.blobs, "open", None)
    pieces = list(maildrop.sizes())
    assert len(pieces) == 3
    assert b"".join(pieces).count(b"\r\n") == MANY
    assert b"".join(maildrop.unique_ids()).count(b"\r\n") == MANY
    assert maildrop.octets == sum(len(MESSAGE % at) for at in range(MANY))
    world.runtime.run(maildrop.close())


def test_removing_many_is_one_write(world, account):
    maildrop = world.runtime.run(Maildrop.open(account, ascii_headers=True))
    for at in range(0, MANY, 2):
        maildrop.delete(at)
    before = world.runtime.run(status(account)).highestmodseq
    assert world.runtime.run(maildrop.update()) == MANY // 2
    after = world.runtime.run(status(account))
    assert after.messages == MANY // 2
    assert after.highestmodseq == before + 1
    world.runtime.run(maildrop.close())


async def status(account):
    return await account.status("INBOX")


def test_seen_is_written_for_many_at_once(world, account):
    maildrop = world.runtime.run(Maildrop.open(account, ascii_headers=True))
    before = world.runtime.run(status(account)).highestmodseq
    for at in range(450):
        world.runtime.run(maildrop.retrieved(at))
    assert world.runtime.run(status(account)).highestmodseq == before + 2
    world.runtime.run(maildrop.close())
    after = world.runtime.run(status(account))
    assert after.highestmodseq == before + 3
    assert after.unseen == MANY - 450


def test_a_message_of_another_size_is_not_sent(world, account):
    maildrop = world.runtime.run(Maildrop.open(account, ascii_headers=True))
    maildrop._sizes[3] += 1
    with pytest.raises(Corrupt):
        world.runtime.run(maildrop.reader(3))
    with pytest.raises(NoSuchMessage):
        maildrop.place(b"%d" % (MANY + 1))
    world.runtime.run(maildrop.close())
