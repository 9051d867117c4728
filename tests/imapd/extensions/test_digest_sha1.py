"""DIGEST.SHA1 in FETCH."""

from __future__ import annotations

import hashlib

from imapd.extensions.digest_sha1 import DIGEST, FEATURE
from mailstore.lanes import Pool
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Fetch


def test_the_item_is_known():
    node = parsed(b"FETCH 1 digest.sha1")
    assert node.items == (DIGEST,)
    assert reparsed("FETCH", node) == node


def test_it_is_that_of_the_octets_and_is_kept(world):
    mails = [b"Subject: %d\r\n\r\nbody\r\n" % at for at in range(3)]
    world.deliver(*mails)
    ann = world.session(mailbox=b"INBOX")
    wanted = [hashlib.sha1(mail).hexdigest() for mail in mails]
    for pools in (1, 0):
        world.runtime.pools.clear()
        answer = ann.ok(b"UID FETCH 1:* (DIGEST.SHA1)")
        assert [one.items["DIGEST.SHA1"] for one in answer.of(Fetch)] == wanted
        assert world.runtime.pools.count(Pool.READ) == pools


def test_the_feature_has_its_capability():
    assert [c.text for c in FEATURE.capabilities] == ["DIGEST=SHA1"]
