"""A move from one account to another, which have no commit in common: a power cut."""

from __future__ import annotations

import errno
import random
import shutil

import pytest

from mailstore.errors import StoreError
from mailstore.maintenance.check import check
from mailstore.rights import parse_rights
from mailstore.service.rights_lists import Change, RightsLists
from mailstore.service.transfer import settle
from tests.crash.cut import EVERYTHING, LUCKS, NOTHING, Image
from tests.crash.disk import DiskFiles, recorded
from tests.crash.faults import Failing, Fault
from tests.crash.operations import small_files
from tests.mailstore.stores import Home

MESSAGES = [b"Subject: %d\r\n\r\nbody\r\n" % n for n in range(3)]
SEED = 8


@pytest.fixture
def store(memory):
    """Give the folder of a store in which Bob may take Ann's messages."""
    path = memory / "store"
    home = Home(path)
    home.store.directory.create("bob", None)
    home.append("INBOX", *MESSAGES)
    lists = RightsLists(home.store, home.account)
    home.run(lists.change("INBOX", "bob", Change.REPLACE, parse_rights("lrswite")))
    home.run(home.store.account(bob(home)))
    home.close()
    yield path
    shutil.rmtree(path)


def bob(home):
    return home.store.directory.find("bob").id


def move(home):
    mailbox = home.run(
        home.run(home.store.access(bob(home))).open("Other Users/ann/INBOX")
    )
    home.run(mailbox.move(list(mailbox.uids), "INBOX"))


def both(home):
    """Count the messages of both, once what was begun is settled."""
    home.runtime.time += 2 * 3_600
    home.run(settle(home.account, home.store.account))
    theirs = home.run(home.store.account(bob(home)))
    return tuple(
        home.run(account.status("INBOX")).messages for account in (home.account, theirs)
    )


def test_a_move_is_whole_or_was_not_whenever_the_power_fails(store, memory):
    with small_files("before the cut"), recorded(store) as disk:
        home = Home(store, files=DiskFiles(disk))
        begun = len(disk.log)
        move(home)
        answered = len(disk.log)
        home.close()
    dice = random.Random(SEED)
    image, fed, seen = Image(), 0, set()
    for at in sorted(range(answered, begun, -3)):
        for entry in disk.log[fed:at]:
            image.feed(entry)
        fed = at
        for luck in {NOTHING, EVERYTHING, dice.choice(LUCKS)}:
            image.leave(memory / "left", luck, dice)
            with small_files("after the cut"):
                again = Home(memory / "left", fresh=True)
                found = both(again)
                again.close()
            assert check(memory / "left").whole
            shutil.rmtree(memory / "left")
            assert found in ((3, 0), (0, 3)), (at, luck, found)
            assert found == (0, 3) or at < answered - 1, (at, luck)
            seen.add(found)
    assert seen == {(3, 0), (0, 3)}


@pytest.mark.parametrize("forever", [False, True], ids=["once", "forever"])
def test_a_move_is_whole_or_was_not_whatever_fails(store, memory, forever):
    fault = Fault(errno.EIO, frozenset({"write", "sync", "create"}), forever)
    for at in range(1, 200, 4):
        failing = Failing(fault, at)
        path = memory / "failing"
        shutil.copytree(store, path)
        with small_files("one boot"), recorded(path) as disk:
            home = Home(path, files=DiskFiles(disk))
            disk.fault = failing
            refused = False
            try:
                move(home)
            except StoreError:
                refused = True
            disk.fault = lambda *_: None
            found = both(home)
            assert found in ((3, 0), (0, 3)), (at, found)
            assert refused or found == (0, 3)
            home.close()
        assert check(path).whole
        shutil.rmtree(path)
        if failing.left > 0:
            return
    raise AssertionError("the sweep does not end")
