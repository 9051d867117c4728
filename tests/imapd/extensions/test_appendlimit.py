"""APPENDLIMIT: what is told is what holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imapd.extensions.appendlimit import FEATURE
from imapd.session.limits import Limits
from tests.support.furnished import OPTIONS
from tests.support.responses import Capabilities, StatusLine
from tests.support.session import World

LIMIT = 5_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(
        tmp_path,
        limits=replace(Limits(), message=LIMIT),
        options=replace(OPTIONS, max_message=LIMIT),
    )
    yield made
    made.close()


def test_the_limit_is_told_before_and_after_login(world):
    stranger, ann = world.connect(), world.session()
    for one in (stranger, ann):
        (found,) = one.ok(b"CAPABILITY").of(Capabilities)
        assert f"APPENDLIMIT={LIMIT}" in found.names
    assert FEATURE.capabilities[0].text == "APPENDLIMIT"


def test_each_mailbox_tells_it(world):
    ann = world.session()
    (found,) = ann.ok(b"STATUS Sent (APPENDLIMIT MESSAGES)").of(StatusLine)
    assert found.items == {"APPENDLIMIT": LIMIT, "MESSAGES": 0}
    told = ann.ok(b'LIST "" % RETURN (STATUS (APPENDLIMIT))').of(StatusLine)
    assert {one.items["APPENDLIMIT"] for one in told} == {LIMIT}
    assert len(told) == 6


def test_a_message_of_that_size_is_taken_and_a_bigger_one_is_not(world):
    ann = world.session()
    assert ann.append(b"INBOX", b"x" * LIMIT).status.kind == "OK"
    answer = ann.append(b"INBOX", b"x" * (LIMIT + 1))
    assert (answer.status.kind, answer.code) == ("NO", "TOOBIG")


def test_another_limit_holds_for_accounts_that_are_open(world):
    """As SIGHUP makes it (`imapd.app`)."""
    ann = world.session()
    world.store.use(replace(world.store.options, max_message=10))
    (found,) = ann.ok(b"STATUS INBOX (APPENDLIMIT)").of(StatusLine)
    assert found.items == {"APPENDLIMIT": 10}
    assert ann.append(b"INBOX", b"x" * 11).code == "TOOBIG"
