"""When messages came into their mailbox (RFC 8514)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, cast

import pytest

from imapd.extensions.savedate import FEATURE, SAVEDATE, SavedKey, SupportedKey
from imapd.session.faults import Bad
from mailstore.query import Compare, SavedOn
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Fetch, SearchResult

if TYPE_CHECKING:
    from imapd.session.plugs import SearchEnvironment

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b"SAVEDBEFORE 28-Dec-2014", SavedKey("SAVEDBEFORE", 16_432)),
        (b"savedon 28-Dec-2014", SavedKey("SAVEDON", 16_432)),
        (b'SAVEDSINCE "28-Dec-2014"', SavedKey("SAVEDSINCE", 16_432)),
        (b"SAVEDATESUPPORTED", SupportedKey()),
    ],
)
def test_each_key_is_known(text, key):
    node = parsed(b"SEARCH " + text)
    assert node.keys == (key,)
    assert reparsed("SEARCH", node) == node


def test_the_item_is_known():
    node = parsed(b"FETCH 1 (savedate UID)")
    assert node.items[0] == SAVEDATE
    assert reparsed("FETCH", node) == node


@pytest.mark.parametrize(
    "text", [b"SEARCH SAVEDON", b"SEARCH SAVEDON 32-Dec-2014", b"SEARCH SAVEDAFTER 1"]
)
def test_what_is_no_key_is_refused(text):
    with pytest.raises(Bad):
        parsed(text)


def test_a_key_names_its_day():
    nothing = cast("SearchEnvironment", None)
    assert SavedKey("SAVEDSINCE", 5).lower(nothing) == SavedOn(Compare.AT_LEAST, 5)
    with pytest.raises(ValueError, match="no such key"):
        SavedKey("SAVEDAFTER", 5)


def saved(session, numbers=b"1:*"):
    answer = session.ok(b"FETCH " + numbers + b" (SAVEDATE)")
    return [one.typed("SAVEDATE", dt.datetime).timestamp() for one in answer.of(Fetch)]


def found(session, keys):
    (result,) = session.ok(b"SEARCH " + keys).of(SearchResult)
    return result.numbers


def day(when: float) -> bytes:
    return dt.datetime.fromtimestamp(when, dt.UTC).strftime("%d-%b-%Y").encode()


def test_it_is_the_time_of_saving_whatever_the_client_says(world):
    ann = world.session()
    ann.append(b"INBOX", b"a", b'"01-Jan-2001 00:00:00 +0000" ')
    ann.ok(b"SELECT INBOX")
    assert saved(ann) == [world.runtime.time]


def test_copies_and_moves_are_saved_anew(world):
    ann = world.session()
    world.deliver(b"a", b"b")
    first = world.runtime.time
    world.runtime.advance(10)
    ann.ok(b"SELECT INBOX")
    ann.ok(b"COPY 1 Archive")
    world.runtime.advance(10)
    ann.ok(b"MOVE 2 Archive")
    assert saved(ann) == [first]
    ann.ok(b"SELECT Archive")
    assert saved(ann) == [first + 10, first + 20]


def test_search_goes_by_days(world):
    ann = world.session(mailbox=b"INBOX")
    begin = world.runtime.time = (world.runtime.time // DAY) * DAY + 100
    for _ in range(3):
        world.deliver(b"x")
        world.runtime.time += DAY
    ann.ok(b"NOOP")
    days = [day(begin + DAY * at) for at in range(4)]
    assert found(ann, b"SAVEDON " + days[1]) == (2,)
    assert found(ann, b"SAVEDBEFORE " + days[1]) == (1,)
    assert found(ann, b"SAVEDSINCE " + days[1]) == (2, 3)
    assert found(ann, b"SAVEDON " + days[3]) == ()
    assert found(ann, b"NOT SAVEDON " + days[1]) == (1, 3)
    assert found(ann, b"OR SAVEDON %b SAVEDON %b" % (days[0], days[2])) == (1, 3)
    assert found(ann, b"SAVEDSINCE %b 1:2" % days[1]) == (2,)
    assert found(ann, b"SAVEDATESUPPORTED") == (1, 2, 3)
    assert found(ann, b"NOT SAVEDATESUPPORTED") == ()


def test_a_removed_message_keeps_it_as_long_as_it_is_served(world):
    world.deliver(b"a", b"b")
    ann, other = world.session(mailbox=b"INBOX"), world.session(mailbox=b"INBOX")
    when = world.runtime.time
    world.runtime.advance(50)
    other.ok(b"STORE 1 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    assert saved(ann) == [when, when]


def test_the_feature_has_its_capability():
    assert [c.text for c in FEATURE.capabilities] == ["SAVEDATE"]
