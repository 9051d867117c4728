"""LANGUAGE: the two that are spoken, found by ranges (RFC 5255 §3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.language import LANGUAGES, Language, lookup
from tests.imapd.commands.peers import reparsed
from tests.support.responses import Capabilities, Languages
from tests.support.session import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("ranges", "language"),
    [
        (b"EN", "en"),
        (b"en-GB", "en"),
        (b"EN-CA-x-old", "en"),
        (b"FR-CA EN-CA", "en"),
        (b"I-DEFAULT", "i-default"),
        (b'"default"', "i-default"),
        (b'"*"', "en"),
        (b"de i-default en", "i-default"),
    ],
)
def test_the_first_range_that_fits_is_used(world, ranges, language):
    for session in (world.connect(), world.session(), world.session("ann", b"INBOX")):
        assert session.ok(b"LANGUAGE " + ranges).of(Languages) == [
            Languages((language,))
        ]


def test_all_are_told_and_the_capability_is_there_from_the_start(world):
    stranger = world.connect()
    assert stranger.ok(b"LANGUAGE").of(Languages) == [Languages(LANGUAGES)]
    (found,) = stranger.ok(b"CAPABILITY").of(Capabilities)
    assert "LANGUAGE" in found.names


@pytest.mark.parametrize("ranges", [b"MUL", b"DE FR-CA", b"i", b"e", b"english"])
def test_what_nobody_speaks_here_is_no(world, ranges):
    answer = world.session().no(b"LANGUAGE " + ranges)
    assert answer.untagged == ()


@pytest.mark.parametrize(
    "arguments", [b" ", b" (EN)", b' ""', b" en-", b" 12", b" en_US", b" en  de"]
)
def test_refusals(world, arguments):
    world.session().bad(b"LANGUAGE" + arguments)


RANGES = st.lists(
    st.from_regex(rb"\*|[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,3}", fullmatch=True),
    max_size=4,
).map(tuple)


@given(RANGES)
def test_inverse_and_any_range_has_an_answer(ranges):
    node = Language(ranges)
    assert reparsed("LANGUAGE", node) == node
    for one in ranges:
        assert lookup(one.decode("ascii")) in (None, *LANGUAGES)
