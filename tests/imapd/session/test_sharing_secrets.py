"""What people are not told of mailboxes that they may not read."""

from __future__ import annotations

import pytest

from tests.imapd.session.test_sharing import BOX, MESSAGE, bob, world
from tests.support.responses import StatusLine

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
