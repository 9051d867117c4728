"""What people are not told of mailboxes that they may not read."""

from __future__ import annotations

import pytest

from mailstore.quotas import QuotaLimits
from tests.imapd.session.test_sharing import BOX, MESSAGE, bob, world
from tests.support.responses import StatusLine
from tests.support.session import World

__all__ = ["bob", "world"]


@pytest.mark.parametrize("name", ["APPEND", "COPY", "MOVE", "UID MOVE", "REPLACE"])
def test_no_uids_are_told_of_what_one_cannot_read(world, bob, name):
    world.share("Work", "bob", "li")
    world.deliver(MESSAGE, to="Work")
    world.deliver(MESSAGE, name="bob")
    bob.ok(b"SELECT INBOX")
    command = name.encode() + (b" 1 " if name != "APPEND" else b" ") + BOX
    if name in ("APPEND", "REPLACE"):
        command += b" {3+}\r\nnew"
    raw = bob.ok(command).raw
    assert b"UID " not in raw.removesuffix(b" UID MOVE completed\r\n")
    ann = world.session("ann")
    (line,) = ann.ok(b"STATUS Work (MESSAGES)").of(StatusLine)
    assert line.items == {"MESSAGES": 2}


def test_nobody_hears_how_full_somebody_elses_account_is(world, bob):
    async def limit():
        account = await world.store.account(world.store.directory.find("ann").id)
        await account.quota.set("", QuotaLimits(message=2))
        await account.close()

    world.runtime.run(limit())
    world.share("Work", "bob", "lrsi")
    world.deliver(MESSAGE, MESSAGE, to="Work")
    assert b"OVERQUOTA" in world.session("ann").ok(b"SELECT Work").raw
    assert b"OVERQUOTA" not in bob.ok(b"SELECT " + BOX).raw
    assert b"quota" not in bob.ok(b"NOOP").raw


def test_who_was_removed_is_read_by_nobody(world, bob):
    world.share("Work", "bob", "lr")
    world.deliver(MESSAGE, to="Work")
    bob.ok(b"SELECT " + BOX)
    bob.ok(b"FETCH 1 FLAGS")
    world.store.directory.remove("ann")
    answer = bob.run(b"FETCH 1 BODY[]")
    assert answer.status.kind == "BYE"
    assert b"world" not in answer.raw


def test_what_a_disabled_account_shares_stays_shared(world, bob):
    """Who may not log in any more has not taken back what he gave to others."""
    world.share("Work", "bob", "lrswi")
    world.deliver(MESSAGE, to="Work")
    bob.ok(b"SELECT " + BOX)
    world.store.directory.set_disabled("ann", disabled=True)
    bob.ok(b"STORE 1 +FLAGS (\\Seen)")
    again = world.session("bob")
    assert b"Other Users/ann/Work" in again.ok(b'LIST "" *').raw
    again.ok(b"SELECT " + BOX)
    assert b"world" in again.ok(b"FETCH 1 BODY[]").raw
    assert again.append(BOX, b"x").status.kind == "OK"


def test_a_right_to_post_neither_opens_nor_shuts_the_door_for_mail(world):
    """RFC 4314 §2.1: "p" is not enforced by IMAP; addresses are the MTA's."""
    world.share("Work", "anyone", "lp")
    eve = world.session("eve")
    eve.no(b"APPEND %b {1+}\r\nx" % BOX, "NOPERM")
    assert b"lp" in eve.ok(b"MYRIGHTS " + BOX).raw


def test_a_damaged_account_hides_its_own_names_alone(tmp_path):
    first = World(tmp_path, "ann", "bob", "eve")
    for name in ("ann", "eve"):
        first.session(name).ok(b"CREATE Work")
        first.share("Work", "anyone", "lr", owner=name)
    (found,) = [x for x in first.store.directory.accounts() if x.name == "ann"]
    folder = first.store.folder(found.id)
    first.close()
    (folder / "index.db").write_bytes(b"x" * 8_192)
    again = World(tmp_path)
    bob = again.session("bob")
    raw = bob.ok(b'LIST "" * RETURN (STATUS (MESSAGES) MYRIGHTS)').raw
    assert b"INBOX" in raw
    assert b"Other Users/eve/Work" in raw
    assert b"Other Users/ann" not in raw
    bob.no(b"SELECT " + BOX, "CORRUPTION")
    bob.ok(b'NOTIFY SET STATUS (subtree "Other Users" (MessageNew MessageExpunge))')
    again.close()
