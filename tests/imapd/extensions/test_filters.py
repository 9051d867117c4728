"""FILTER as text, and the searches that it stands for (RFC 5466)."""

import re

import pytest

from imapd.commands.search.handler import Search
from imapd.commands.search.keys import Word
from imapd.extensions.filters import FilterKey
from imapd.session.faults import Bad
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Esearch, SearchResult
from tests.support.session import Session, World


def test_the_key_is_known():
    node = parsed(b"SEARCH filter on-the-road SEEN")
    assert node == Search((FilterKey("on-the-road"), Word("SEEN")))
    assert reparsed("SEARCH", node) == node


@pytest.mark.parametrize(
    "text",
    [b"FILTER", b"FILTER ", b'FILTER "x"', b"FILTER a/b", b"FILTER a%", b"FILTER a]"],
)
def test_what_is_no_name_of_a_filter_is_refused(text):
    with pytest.raises(Bad):
        parsed(b"SEARCH " + text)


def message(subject: str, size: int = 10) -> bytes:
    return f"Subject: {subject}\r\n\r\n".encode() + b"y" * size


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, "ann", "bob")
    made.deliver(
        message("one"), message("two", 9_000), message("boss", 9_000), message("näme")
    )
    yield made
    made.close()


@pytest.fixture
def ann(world):
    return world.session(mailbox=b"INBOX")


def keep(session: Session, name: bytes, text: bytes, place: bytes = b"private") -> None:
    entry = b"/%b/filters/values/%b" % (place, name)
    session.ok(b'SETMETADATA "" (%b {%d+}\r\n%b)' % (entry, len(text), text))


def keep_unchecked(world: World, name: str, text: bytes) -> None:
    """Keep what an older program took, or one that has other search keys."""
    owner = world.store.directory.find("ann")
    assert owner is not None
    put = world.store.directory.metadata.set
    values = {f"/private/filters/values/{name}": text}
    world.runtime.run(put(owner.id, values, admin=False, now=0, octets=9_999, most=99))


def found(session: Session, keys: bytes) -> tuple[int, ...]:
    (result,) = session.ok(b"SEARCH " + keys).of(SearchResult)
    return result.numbers


def test_its_text_stands_for_it(ann):
    """RFC 5466 §3.1, its example."""
    keep(ann, b"on-the-road", b"OR SMALLER 5000 SUBJECT boss")
    assert found(ann, b"FILTER on-the-road") == (1, 3, 4)
    assert found(ann, b"UID 1:3 FILTER On-The-Road LARGER 5000") == (3,)
    assert found(ann, b"NOT FILTER on-the-road") == (2,)
    keep(ann, b"on-the-road", b"SUBJECT two LARGER 5")
    assert found(ann, b"FILTER on-the-road") == (2,)
    assert found(ann, b"NOT FILTER on-the-road") == (1, 3, 4)


def test_its_strings_are_utf8(world, ann):
    keep(ann, b"f", 'SUBJECT "näme"'.encode())
    for charset in (b"", b"CHARSET UTF-8 ", b"CHARSET US-ASCII "):
        assert found(ann, charset + b"FILTER f") == (4,)
    answer = ann.run(b"SEARCH CHARSET ISO-8859-1 FILTER f")
    assert (answer.status.kind, answer.code) == ("BAD", "BADCHARSET")
    keep_unchecked(world, "f", b'SUBJECT "\xff"')
    assert ann.run(b"SEARCH FILTER f").status.kind != "OK"


def undefined(session: Session, keys: bytes, name: str) -> None:
    answer = session.run(b"SEARCH " + keys)
    assert answer.status.kind == "NO"
    assert answer.status.code is not None
    assert (answer.status.code.name, answer.status.code.value) == (
        "UNDEFINED-FILTER",
        name,
    )


def test_one_that_is_not_there_is_named(ann):
    undefined(ann, b"SEEN FILTER nobody", "nobody")
    keep(ann, b"a", b"FILTER b")
    undefined(ann, b"FILTER a", "b")
    ann.ok(b'SETMETADATA "" (/private/filters/values/a NIL)')
    undefined(ann, b"FILTER a", "a")


def test_filters_may_name_filters_but_not_themselves(ann):
    for name, text in (
        (b"a", b"FILTER b"),
        (b"b", b"NOT FILTER c"),
        (b"c", b"FILTER d"),
        (b"d", b"SUBJECT one"),
    ):
        keep(ann, name, text)
    assert found(ann, b"FILTER a FILTER a") == (2, 3, 4)
    keep(ann, b"d", b"OR SEEN FILTER A")
    undefined(ann, b"FILTER a", "A")


def test_a_chain_that_is_too_long_ends(ann):
    for at in range(12):
        keep(ann, b"f%d" % at, b"FILTER f%d" % (at + 1))
    keep(ann, b"f12", b"ALL")
    assert found(ann, b"FILTER f4") == (1, 2, 3, 4)
    undefined(ann, b"FILTER f0", "f10")


def test_filters_that_double_are_bounded(ann):
    for at in range(9):
        keep(ann, b"f%d" % at, b" ".join([b"FILTER f%d" % (at + 1)] * 9))
    keep(ann, b"f9", b"ALL")
    ann.no(b"SEARCH FILTER f0", "LIMIT")


@pytest.mark.parametrize(
    "text", [b"OR SMALLER", b"WORDS", b"", b"ALL) (", b"OR SMALLER 5 ALL x"]
)
def test_what_is_no_search_is_refused_when_it_is_used(world, ann, text):
    """RFC 5466 §3.1."""
    keep_unchecked(world, "f", text)
    ann.no(b"SEARCH FILTER f", "CANNOT")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"f", b"OR SMALLER"),
        (b"f", b""),
        (b"F", b"ALL) ("),
        (b"f", b'SUBJECT "\xff"'),
        (b"a/b", b"ALL"),
        (b'"a b"', b"ALL"),
    ],
)
def test_what_is_no_search_is_not_kept(ann, name, text):
    """RFC 5466 §3.2: all or nothing of the command, as of any other."""
    place = b"/private/filters/values/"
    entry = b'"%b%b"' % (place, name.strip(b'"'))
    ann.no(
        b'SETMETADATA "" (%bgood {3+}\r\nALL %b {%d+}\r\n%b)'
        % (place, entry, len(text), text),
        "CANNOT",
    )
    ann.no(b"SEARCH FILTER good", "UNDEFINED-FILTER")


def test_what_is_no_filter_is_not_looked_at(ann):
    ann.ok(b'SETMETADATA "" (/private/filters/other "no search" /private/x "(")')
    ann.ok(b"SETMETADATA INBOX (/private/filters/values/f {1+}\r\n()")


def test_everybodys_filter_is_used_where_one_has_none(world, ann):
    world.store.directory.set_admin("ann", admin=True)
    keep(ann, b"both", b"SUBJECT one")
    keep(ann, b"mine", b"SUBJECT one")
    keep(ann, b"both", b"ALL", b"shared")
    assert found(ann, b"FILTER both") == (1,)
    bob = world.session("bob", b"INBOX")
    undefined(bob, b"FILTER mine", "mine")
    world.deliver(message("of bob"), name="bob")
    bob.ok(b"NOOP")
    assert found(bob, b"FILTER both") == (1,)


def test_it_goes_with_the_other_searches(ann):
    keep(ann, b"f", b"LARGER 5000")
    assert ann.ok(b"ESEARCH IN (personal) RETURN (ALL) FILTER f").of(Esearch)[0][
        "ALL"
    ] == (2, 3)
    assert b"* SORT 3 2\r\n" in ann.ok(b"SORT (REVERSE UID) UTF-8 FILTER f").raw
    ann.ok(b"SEARCH RETURN (SAVE) FILTER f")
    assert found(ann, b"$") == (2, 3)
    assert found(ann, b"FUZZY FILTER f") == (2, 3)


def test_a_live_search_goes_on_by_its_name(ann):
    keep(ann, b"f", b"FLAGGED")
    ann.ok(b"UID SEARCH RETURN (UPDATE) FILTER f")
    (update,) = ann.ok(b"STORE 2 +FLAGS.SILENT (\\Flagged)").of(Esearch)
    assert update.data == (("ADDTO", ((0, (2,)),)),)


def test_the_reason_names_what_was_wanted(world, ann):
    keep_unchecked(world, "f", b"OR SMALLER")
    answer = ann.run(b"SEARCH FILTER f")
    assert re.search(r"f is no search: a space wanted", answer.status.text)
