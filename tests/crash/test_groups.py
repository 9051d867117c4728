"""Messages of many in one group, some of whom meet a fault of the disk."""

from __future__ import annotations

import random

import pytest

from tests.crash.groups import Groups, OfMessages
from tests.crash.operations import small_files

SEED = 8  # `python -m tests.crash faults` takes all
SOME = 40


@pytest.fixture(scope="module")
def groups(memory):
    with small_files("one boot"):
        yield Groups(memory / "groups")


def test_who_is_told_ok_has_his_messages_whoever_else_is_refused(groups):
    chosen = random.Random(SEED).sample(groups.failing(), SOME)
    assert list(groups.problems(chosen)) == []


def test_what_can_not_be_cut_off_again_is_not_told_stored(groups):
    """Neither are the messages of others that stand before it, and are not synced."""
    chosen = [
        failing
        for failing in groups.failing()
        if isinstance(failing, OfMessages)
        and failing.fault.forever
        and {"write", "truncate"} <= failing.fault.calls
    ]
    assert list(groups.problems(chosen[::2])) == []
