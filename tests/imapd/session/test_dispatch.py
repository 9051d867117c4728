"""Commands that come again are understood by their octets, and never wrongly."""

from __future__ import annotations

import pytest

from imapd.session import dispatch, languages, responses
from imapd.session.dispatch import read_head
from tests.support.session import World


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"a1 NOOP", (b"a1", "NOOP", 7)),
        (b"a1 noop x", (b"a1", "NOOP", 7)),
        (b"a uid fetch 1 x", (b"a", "UID FETCH", 11)),
        (b"a UID", (b"a", "UID", 5)),
        (b"a UID  FETCH", (b"a", "UID", 5)),
        (b"a UID 1", (b"a", "UID", 5)),
        (b"a uidx y", (b"a", "UIDX", 6)),
        (b"a", (b"a", "", 1)),
        (b"a ", (b"a", "", 1)),
        (b"a (", (b"a", "", 1)),
        (b"%b NOOP" % (b"t" * 255), (b"t" * 255, "NOOP", 260)),
        (b"%b NOOP" % (b"t" * 256), None),
        (b"a\tNOOP", None),
        (b"+ NOOP", None),
        (b" NOOP", None),
        (b"", None),
    ],
)
def test_heads(text, wanted):
    assert read_head(text) == wanted


def test_what_comes_again_is_parsed_once(world):
    registry = world.services.registry
    session = world.session(mailbox=b"INBOX")
    session.ok(b"SEARCH UNSEEN")
    node = registry.understood[b" SEARCH UNSEEN", False, True][1]
    other = world.session(mailbox=b"INBOX")
    other.ok(b"SEARCH UNSEEN")
    assert registry.understood[b" SEARCH UNSEEN", False, True][1] is node


def test_secrets_are_not_remembered(world):
    world.session().ok(b"NOOP")
    session = world.connect()
    session.ok(b'LOGIN ann "open sesame"')
    other = world.connect()
    other.no(b"LOGIN ann wrong", "AUTHENTICATIONFAILED")
    texts = b"".join(text for text, *_ in world.services.registry.understood)
    assert b"LOGIN" not in texts
    assert b"sesame" not in texts


def test_what_a_text_means_hangs_on_what_was_enabled(world):
    session = world.session()
    again = 'STATUS "ü" (MESSAGES)'.encode()
    session.bad(again)
    session.ok(b"ENABLE UTF8=ACCEPT")
    session.no(again, "NONEXISTENT")  # it is understood
    world.session().bad(again)


def test_what_was_understood_is_not_allowed_in_every_state(world):
    world.session(mailbox=b"INBOX").ok(b"CHECK")
    world.session().bad(b"CHECK")
    world.connect().bad(b"CHECK")


def test_little_is_remembered(world):
    session = world.session()
    for number in range(600):
        session.ok(b'LIST "" box%d' % number)
    session.bad(b"NOOP " + b"x" * 300)
    session.ok(b'LIST "" ' + b"y" * 300)
    understood = world.services.registry.understood
    assert len(understood) <= 256
    assert max(len(text) for text, *_ in understood) <= 256


def kept() -> int:
    """Count the texts of responses that are remembered."""
    return sum(
        [
            cache.cache_info().currsize
            for cache in (
                dispatch._rest_of_tagged,
                languages._found,
                responses._clean,
                responses._repeated,
            )
        ]
    )


@pytest.mark.parametrize("language", [b"i-default", b"de"])
def test_long_refusals_are_not_remembered(world, language):
    """A client could fill the memory of all with what it is told of its own words."""
    session = world.session()
    session.ok(b"LANGUAGE " + language)
    refused = b"APPEND INBOX CATENATE (URL {%d+}\r\n%b)"
    session.no(refused % (1, b"x"), "BADURL")
    session.bad(b'SEARCH X-GM-RAW "has:x"')
    before = kept()
    for number in range(5):
        text = b"%d" % number + b"x" * 10_000
        session.no(refused % (len(text), text), "BADURL")
        session.bad(b'SEARCH X-GM-RAW "has:%b"' % text)
    assert kept() == before


def test_lists_of_unusual_flags_are_not_remembered():
    """A client could fill the memory of all with keywords."""
    usual = tuple(f"k{number}" for number in range(64))
    told = responses.flag_list(1 | 1 << 7 | 1 << 70, usual)
    assert told == b"(\\Answered k0 k63)"
    before = responses._flag_lists.cache_info().currsize
    for number in range(5):
        many = (*usual, f"one{number}")
        assert responses.flag_list(1 << 7, many) == b"(k0)"
        most = (1 << 30) - 1 << 7 + number
        told = responses.flag_list(most, usual)
        assert told == b"(%b)" % b" ".join(b"k%d" % (number + at) for at in range(30))
    assert responses._flag_lists.cache_info().currsize == before
