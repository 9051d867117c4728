"""Commands that name messages by number, and by UID."""

from __future__ import annotations

import pytest

from imapd.features import ALL
from imapd.session.numbered import both_forms
from imapd.session.registry import Completed, Effects, Registry, States
from imapd.syntax.sequence import SequenceSet, UidSet
from imapd.wire.cursor import Cursor


async def run(context, node):
    return Completed("done")


def parse(numbers, cursor, registry):
    return numbers, cursor.atom(), registry


def specs(**more):
    places = ("RFC 3501 §6.4.5", "RFC 3501 §6.4.8")
    return both_forms("PEEK", parse, bytes, run, rfc=places, **more)


def test_each_form_has_its_kind_of_set():
    registry = Registry.of(ALL)
    by_number, by_uid = specs()
    assert (by_number.name, by_uid.name) == ("PEEK", "UID PEEK")
    assert by_number.parse(Cursor(b"x"), registry) == (SequenceSet, b"x", registry)
    assert by_uid.parse(Cursor(b"x"), registry) == (UidSet, b"x", registry)
    assert (by_number.rfc, by_uid.rfc) == ("RFC 3501 §6.4.5", "RFC 3501 §6.4.8")


def test_numbers_stand_still_for_the_form_with_numbers_alone():
    """RFC 3501 §7.4.1: with UID, EXPUNGE may be told."""
    by_number, by_uid = specs(effects=Effects.HOLDS_REMOVALS)
    assert by_number.effects == Effects.HOLDS_REMOVALS | Effects.BY_NUMBER
    assert by_uid.effects == Effects.NONE
    assert specs()[0].effects == Effects.BY_NUMBER
    assert by_number.states is by_uid.states is States.SELECTED


@pytest.mark.parametrize("name", ["FETCH", "SEARCH", "STORE", "SORT", "THREAD"])
def test_what_holds_expunge_back(name):
    commands = Registry.of(ALL).commands
    assert commands[name].effects == Effects.HOLDS_REMOVALS | Effects.BY_NUMBER
    assert commands[f"UID {name}"].effects == Effects.NONE


@pytest.mark.parametrize("name", ["COPY", "MOVE"])
def test_what_tells_expunge_though_it_counts_by_number(name):
    commands = Registry.of(ALL).commands
    assert commands[name].effects == Effects.BY_NUMBER
    assert commands[f"UID {name}"].effects == Effects.NONE
