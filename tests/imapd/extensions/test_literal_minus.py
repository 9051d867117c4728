"""LITERAL-: big literals wait, and LITERAL+ isn't told (RFC 7888 §5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imapd.app import registry_of
from imapd.config import Config, FeatureSettings
from imapd.extensions.literal_minus import FEATURE
from imapd.features import ALL, OPTIONAL
from imapd.session.registry import Registry
from tests.support.responses import Capabilities, Exists
from tests.support.session import Session, World

MOST = 4_096


@pytest.fixture
def ann(tmp_path: Path) -> Iterator[Session]:
    world = World(tmp_path)
    world.services = replace(world.services, registry=Registry.of((*ALL, FEATURE)))
    yield world.session()
    world.close()


def test_one_of_the_two_is_told(ann):
    (found,) = ann.ok(b"CAPABILITY").of(Capabilities)
    assert "LITERAL-" in found.names
    assert "LITERAL+" not in found.names


def test_small_ones_need_not_ask(ann):
    assert ann.append(b"INBOX", b"x" * MOST).status.kind == "OK"


def test_big_ones_have_to_ask(ann):
    smuggled = b"x" * MOST + b"\r\nz DELETE Sent\r\n"
    answer = ann.append(b"INBOX", smuggled)
    assert (answer.status.kind, answer.code) == ("BAD", "TOOBIG")
    ann.ok(b"STATUS Sent (MESSAGES)")
    ann.begin(b"APPEND INBOX {%d}" % (MOST + 1))
    assert ann.feed(b"x" * (MOST + 1) + b"\r\n")[-1].kind == "OK"
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(1)]


def test_the_configuration_says_which():
    plain = registry_of(Config())
    minus = registry_of(Config(features=FeatureSettings(on=("literal-",))))
    neither = registry_of(
        Config(features=FeatureSettings(on=("LITERAL-",), off=("LITERAL-", "LITERAL+")))
    )
    told = [
        {c.text for c in made.capabilities} & {"LITERAL+", "LITERAL-"}
        for made in (plain, minus, neither)
    ]
    assert told == [{"LITERAL+"}, {"LITERAL-"}, set()]
    assert plain.unasked_literal is None
    assert minus.unasked_literal == MOST
    assert FEATURE in OPTIONAL
