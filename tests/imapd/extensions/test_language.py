"""LANGUAGE: those that are spoken, found by ranges (RFC 5255 §3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.language import Language, lookup
from imapd.session.languages import LANGUAGES
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
        (b"IT EN-CA", "en"),
        (b"FR-CA EN-CA", "fr"),
        (b"IT DE-AT", "de"),
        (b"ES-419", "es"),
        (b"I-DEFAULT", "i-default"),
        (b'"default"', "i-default"),
        (b'"*"', "en"),
        (b"it i-default en", "i-default"),
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


@pytest.mark.parametrize("ranges", [b"MUL", b"IT PT-BR", b"i", b"e", b"english"])
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


def test_what_people_read_is_in_the_language_at_once(world):
    ann = world.session(mailbox=b"INBOX")
    assert ann.ok(b"LANGUAGE DE").status.text == "LANGUAGE ausgeführt"
    assert ann.ok(b"NOOP").status.text == "NOOP ausgeführt"
    no = ann.no(b"STATUS missing (UIDNEXT)", "NONEXISTENT")
    assert no.status.text == "ein solches Postfach gibt es nicht"
    assert ann.bad(b"FETCH 7 UID").status.text == "es gibt keine Nachricht 7, nur 0"
    bad = ann.bad(b"FETCH x UID").status.text
    assert bad == "FETCH: eine Menge von Nachrichtennummern erwartet bei Oktett 9"
    opened = ann.ok(b"EXAMINE INBOX").raw
    assert "[UIDNEXT 1] vermutlich nächste UID".encode() in opened
    assert "bis später".encode() in ann.ok(b"LOGOUT").raw


def test_one_session_speaks_for_itself(world):
    ann, other = world.session(), world.session()
    ann.ok(b"LANGUAGE fr")
    assert ann.ok(b"NOOP").status.text == "NOOP terminé"
    assert other.ok(b"NOOP").status.text == "NOOP completed"
    # RFC 5255 §3.2: after a failure it goes on as before.
    assert ann.no(b"LANGUAGE it").status.text == (
        "aucune de ces langues n’est parlée ici"
    )
    ann.ok(b"LANGUAGE en")
    assert ann.ok(b"NOOP").status.text == "NOOP completed"


def test_nothing_that_a_client_says_breaks_a_line(world):
    stranger = world.connect()
    stranger.ok(b"LANGUAGE es")
    assert stranger.bad(b"DOIT\x01").status.text.startswith("orden desconocida DOIT")


def test_codes_and_names_stay_what_they_are(world):
    ann = world.session()
    ann.ok(b"LANGUAGE de")
    ann.no(b"CREATE INBOX", "ALREADYEXISTS")
    assert b'"/" Drafts' in ann.ok(b'LIST "" Drafts').raw


def test_namespaces_have_names_for_people(world):
    """RFC 5255 §3.4: in modified UTF-7, beside the prefix that stays what it is."""
    ann = world.session()
    plain = b'(("Other Users/" "/")) (("Shared/" "/"))'
    assert plain in ann.ok(b"NAMESPACE").raw
    told = ann.ok(b"LANGUAGE fr").raw
    assert (
        b'* NAMESPACE (("" "/")) (("Other Users/" "/" "TRANSLATION"'
        b' ("Autres utilisateurs/"))) (("Shared/" "/" "TRANSLATION" ("Partag&AOk-/")))'
    ) in told
    assert b"TRANSLATION" in ann.ok(b"NAMESPACE").raw
    ann.ok(b"LANGUAGE i-default")
    assert plain in ann.ok(b"NAMESPACE").raw
    assert b"NAMESPACE" not in world.connect().ok(b"LANGUAGE de").raw
