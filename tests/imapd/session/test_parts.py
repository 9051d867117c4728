"""Names, responses and login, apart from the commands that use them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands import expunge
from imapd.session.faults import Bad, No
from imapd.session.login import user_name
from imapd.session.names import existing_name, new_name
from imapd.session.responses import expunges, flag_list, response_text
from mailstore.blobs.single import Files
from tests.support.response_parser import parse_response
from tests.support.responses import Fetch, Status


@pytest.fixture
def context(world):
    return world.session().connection._context


def test_a_name_that_cannot_be_has_a_code(context):
    assert existing_name(context, b"inbox") == "INBOX"
    assert new_name(context, b"a/", trailing=True) == "a"
    for octets in (b"a//b", b"&", b"", b"a*"):
        with pytest.raises(No) as told:
            existing_name(context, octets)
        assert told.value.code == "NONEXISTENT"
        with pytest.raises(No) as told:
            new_name(context, octets)
        assert told.value.code == "CANNOT"


def test_names_are_utf8_once_that_is_enabled(context):
    assert existing_name(context, b"a&-b") == "a&b"
    context.session.telling.utf8 = True
    assert existing_name(context, "ä&-b".encode()) == "ä&-b"


def test_user_names_are_utf8():
    assert user_name("ännä".encode()) == "ännä"
    with pytest.raises(Bad):
        user_name(b"\xff")


@given(st.text(max_size=40), st.one_of(st.none(), st.just("ALERT")))
def test_no_text_forges_a_line(text, code):
    line = b"* OK " + response_text(text, code) + b"\r\n"
    told = parse_response(line)
    assert isinstance(told, Status)
    assert line.count(b"\n") == 1
    assert (told.code is not None) is (code is not None)


@given(st.integers(0, 2**80 - 1), st.booleans())
def test_flags_are_well_formed(mask, recent):
    keywords = tuple(f"k{n}" for n in range(60))
    flags = flag_list(mask, keywords, recent=recent)
    told = parse_response(b"* 1 FETCH (UID 7 FLAGS %b)\r\n" % flags)
    assert isinstance(told, Fetch)
    assert told.items["UID"] == 7


def test_removals_go_down():
    assert expunges([3, 1]) == b"* 3 EXPUNGE\r\n* 1 EXPUNGE\r\n"
    assert [spec.name for spec in expunge.FEATURE.commands] == ["EXPUNGE"]
    assert Files.__doc__
