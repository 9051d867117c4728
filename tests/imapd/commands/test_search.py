"""SEARCH as text, and what it finds (RFC 3501 §6.4.4, §6.4.8, §7.2.5)."""

import datetime as dt
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.commands.search.handler import Search
from imapd.commands.search.keys import (
    DateKey,
    HeaderKey,
    KeywordKey,
    NotKey,
    OrKey,
    SizeKey,
    StringKey,
    Word,
)
from imapd.session.faults import Bad
from imapd.session.limits import Limits
from imapd.session.plugs import SearchKey
from imapd.session.search_program import AllOf, NumberKey
from imapd.syntax.sequence import SequenceSet, UidSet
from mailstore.model import DELETED, SEEN, InternalDate
from tests.imapd.commands import strategies
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer, parsed, reparsed, unparsed
from tests.support.responses import SearchResult

FEB = (dt.date(1994, 2, 1) - dt.date(1970, 1, 1)).days

KEYS = [
    *((name.encode(), Word(name)) for name in strategies.WORDS),
    (b"unSeen", Word("UNSEEN")),
    *(
        (name.encode() + b' "Smith"', StringKey(name, b"Smith"))
        for name in strategies.STRINGS
    ),
    (b"FROM NIL", StringKey("FROM", b"NIL")),
    (b'SUBJECT ""', StringKey("SUBJECT", b"")),
    *(
        (name.encode() + b" 1-Feb-1994", DateKey(name, FEB))
        for name in strategies.DATES
    ),
    (b'ON "01-feb-1994"', DateKey("ON", FEB)),
    (b"KEYWORD $Label1", KeywordKey("$Label1")),
    (b"UNKEYWORD NonJunk", KeywordKey("NonJunk", is_set=False)),
    (b'HEADER Message-ID "<a@b>"', HeaderKey(b"Message-ID", b"<a@b>")),
    (b'HEADER Subject ""', HeaderKey(b"Subject", b"")),
    (b"LARGER 0", SizeKey("LARGER", 0)),
    (b"SMALLER 4294967295", SizeKey("SMALLER", 4294967295)),
    (b"2,4:7,9,12:*", NumberKey(SequenceSet(((2, 2), (4, 7), (9, 9), (12, 0))))),
    (b"*", NumberKey(SequenceSet(((0, 0),)))),
    (b"UID 443:557", NumberKey(UidSet(((443, 557),)))),
    (b"NOT SEEN", NotKey(Word("SEEN"))),
    (b"NOT NOT 1", NotKey(NotKey(NumberKey(SequenceSet(((1, 1),)))))),
    (b"OR SEEN FROM x", OrKey(Word("SEEN"), StringKey("FROM", b"x"))),
    (b"(SEEN)", AllOf((Word("SEEN"),))),
    (b"((NEW OLD) ALL)", AllOf((AllOf((Word("NEW"), Word("OLD"))), Word("ALL")))),
]


@pytest.mark.parametrize(("text", "key"), KEYS)
def test_each_key_is_known(text, key):
    node = parsed(b"SEARCH " + text)
    assert node == Search((key,))
    assert reparsed("SEARCH", node) == node


def test_charset_and_the_uid_form():
    node = parsed(b"UID SEARCH charset UTF-8 TEXT {} ALL", "naïve".encode())
    keys = (StringKey("TEXT", "naïve".encode()), Word("ALL"))
    assert node == Search(keys, b"UTF-8", UidSet)
    assert reparsed("UID SEARCH", node) == node


REFUSED = [
    (b"SEARCH", "a space wanted at octet 8"),
    (b"SEARCH ", "a search key wanted at octet 9"),
    (b"SEARCH ()", "a search key wanted at octet 10"),
    (b"SEARCH WORDS", "a search key wanted at octet 9"),
    (b"SEARCH SEEN ", "a search key wanted at octet 14"),
    (b"SEARCH NOT", "a space wanted at octet 12"),
    (b"SEARCH OR SEEN", "a space wanted at octet 16"),
    (b"SEARCH (SEEN", "')' wanted at octet 14"),
    (b"SEARCH FROM", "a space wanted at octet 13"),
    (b"SEARCH FROM (", "a string wanted at octet 14"),
    (b"SEARCH HEADER x", "a space wanted at octet 17"),
    (b"SEARCH ON 31-Feb-2020", "a date like 1-Feb-2026 wanted at octet 12"),
    (b"SEARCH LARGER -1", "a number wanted at octet 16"),
    (b"SEARCH SMALLER 4294967296", "a number up to 4294967295 wanted"),
    (b"SEARCH UID x", "a UID set wanted at octet 13"),
    (b"SEARCH 0", "a message sequence set wanted at octet 9"),
    (b"SEARCH CHARSET UTF-8", "a space wanted at octet 22"),
    (b"SEARCH KEYWORD \\Seen", "an atom wanted at octet 17"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_search_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


@pytest.mark.parametrize("nest", [b"(", b"NOT ", b"OR ALL ", b"(NOT (OR SEEN "])
def test_nesting_is_bounded(nest):
    with pytest.raises(Bad, match="levels") as caught:
        parsed(b"SEARCH " + nest * 20_000)
    assert caught.value.code == "LIMIT"


def test_a_nul_in_a_string_is_refused():
    with pytest.raises(Bad, match="NUL"):
        parsed(b"SEARCH TEXT {}", b"a\x00b")


def test_no_charset_after_utf8_was_accepted():
    """RFC 6855 §3."""
    parsed(b'SEARCH TEXT "\xc3\xa9"', utf8=True)
    with pytest.raises(Bad, match="no CHARSET"):
        parsed(b"SEARCH CHARSET UTF-8 ALL", utf8=True)


@given(strategies.searches)
def test_parse_is_the_inverse_of_unparse(node):
    name = "UID SEARCH" if node.answer is UidSet else "SEARCH"
    assert reparsed(name, node) == node


def test_nodes_keep_their_invariants():
    for make in (
        lambda: Search(()),
        lambda: AllOf(()),
        lambda: Word("UNNEW"),
        lambda: StringKey("WITH", b""),
        lambda: DateKey("AFTER", 1),
        lambda: SizeKey("EQUAL", 1),
    ):
        with pytest.raises(ValueError, match="key"):
            make()


# -- what it finds


def message(number: int = 0, **fields: str) -> bytes:
    named = {"From": f"ada{number}@x.org", "Subject": f"letter {number}", **fields}
    body = named.pop("Body", f"text {number}\r\n")
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items()]
    return ("".join(lines) + "\r\n" + body).encode()


def world(count: int = 6) -> World:
    made = World()
    for number in range(1, count + 1):
        made.box("INBOX").add(message(number), uid=number * 10)
    made.box("INBOX").claimed = made.box("INBOX").uidnext - 1
    return made


def numbers(peer: Peer, text: bytes, *literals: bytes) -> tuple[int, ...]:
    (found,) = peer.ok(text, *literals).of(SearchResult)
    return found.numbers


def test_numbers_or_uids_are_told():
    peer = Peer(world())
    assert numbers(peer, b"SEARCH 2:4 UID 30:60") == (3, 4)
    assert numbers(peer, b"UID SEARCH 2:4 UID 30:60") == (30, 40)
    assert peer.send(b"SEARCH TEXT {}", b"nowhere").startswith(b"* SEARCH\r\n")


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (b"ALL", (1, 2, 3, 4, 5, 6)),
        (b"*", (6,)),
        (b"*:5", (5, 6)),
        (b"4,2,2", (2, 4)),
        (b"UID 10,25,30:*", (1, 3, 4, 5, 6)),
        (b"UID 99:*", (6,)),
        (b"UID 99", ()),
        (b"NOT 2:5", (1, 6)),
        (b"OR 1 UID 60", (1, 6)),
        (b"1:3 2:6", (2, 3)),
        (b"NOT (1:3 2:6)", (1, 4, 5, 6)),
        (b"FROM ADA3", (3,)),
        (b"SUBJECT letter NOT SUBJECT 4", (1, 2, 3, 5, 6)),
        (b"HEADER Subject {}", (1, 2, 3, 4, 5, 6)),
        (b'HEADER X-None ""', ()),
        (b'HEADER "No such" ""', ()),
        (b'BODY ""', (1, 2, 3, 4, 5, 6)),
        (b'TEXT ""', (1, 2, 3, 4, 5, 6)),
        (b'CC ""', ()),
    ],
)
def test_keys_find(keys, found):
    literals = [b""] * keys.count(b"{}")
    assert numbers(Peer(world()), b"SEARCH " + keys, *literals) == found


def test_an_empty_mailbox_is_searched_without_finding():
    peer = Peer(World())
    for keys in (b"ALL", b"1:*", b"*", b"*:2", b"UID 1:*", b"UID *", b"NOT 1:*"):
        assert numbers(peer, b"SEARCH " + keys) == ()


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (b"7", ()),
        (b"6:7", (6,)),
        (b"7:6", (6,)),
        (b"*:7", (6,)),
        (b"7:*", (6,)),
        (b"101:200", ()),
        (b"NOT 7", (1, 2, 3, 4, 5, 6)),
        (b"(OR 1 7)", (1,)),
    ],
)
def test_a_number_beyond_the_mailbox_names_nothing(keys, found):
    """RFC 7377 §2: with SEARCH as with ESEARCH it is no error."""
    assert numbers(Peer(world()), b"SEARCH " + keys) == found


def test_flags_and_keywords():
    made = world(4)
    box = made.box("INBOX")
    box.rows[10].mask = box.mask(["\\Seen", "\\Answered", "$Label"])
    box.rows[20].mask = box.mask(["\\Flagged", "\\Draft"])
    box.rows[30].mask = box.mask(["\\Deleted", "\\Seen"])
    peer = Peer(made)
    for keys, found in {
        b"SEEN": (1, 3),
        b"UNSEEN": (2, 4),
        b"ANSWERED": (1,),
        b"UNANSWERED": (2, 3, 4),
        b"FLAGGED": (2,),
        b"UNFLAGGED": (1, 3, 4),
        b"DELETED": (3,),
        b"UNDELETED": (1, 2, 4),
        b"DRAFT": (2,),
        b"UNDRAFT": (1, 3, 4),
        b"KEYWORD $lABEL": (1,),
        b"UNKEYWORD $Label": (2, 3, 4),
        b"KEYWORD unknown": (),
    }.items():
        assert numbers(peer, b"SEARCH " + keys) == found, keys


def test_recent_is_what_this_session_was_told_is_recent():
    made = world(2)
    made.box("INBOX").add(message(3))
    made.box("INBOX").add(message(4), ("\\Seen",))
    first, second = Peer(made), Peer(made)
    assert numbers(first, b"SEARCH RECENT") == (3, 4)
    assert numbers(first, b"SEARCH NEW") == (3,)
    assert numbers(first, b"SEARCH OLD") == (1, 2)
    assert numbers(second, b"SEARCH RECENT") == ()
    assert numbers(second, b"SEARCH OLD") == (1, 2, 3, 4)


def test_dates_count_in_the_zone_that_the_message_names():
    made = World()
    late = InternalDate(1_000_000_000 // 86_400 * 86_400 + 86_400 - 60, 120)
    made.box("INBOX").add(message(1, Date="Sat, 8 Sep 2001 23:59:00 -0700"), date=late)
    made.box("INBOX").add(message(2, Date="never"))
    peer = Peer(made)
    for keys, found in {
        b"ON 10-Sep-2001": (1,),
        b"ON 9-Sep-2001": (2,),
        b"BEFORE 10-Sep-2001": (2,),
        b"SINCE 10-Sep-2001": (1,),
        b"SENTON 8-Sep-2001": (1,),
        b"SENTBEFORE 9-Sep-2001": (1,),
        b"SENTSINCE 8-Sep-2001": (1,),
        b"SENTSINCE 9-Sep-2001": (),
        b"NOT SENTON 8-Sep-2001": (2,),
    }.items():
        assert numbers(peer, b"SEARCH " + keys) == found, keys


def test_sizes_are_compared_strictly():
    made = World()
    made.box("INBOX").add(b"x" * 100)
    peer = Peer(made)
    assert numbers(peer, b"SEARCH LARGER 100") == ()
    assert numbers(peer, b"SEARCH LARGER 99") == (1,)
    assert numbers(peer, b"SEARCH SMALLER 100") == ()
    assert numbers(peer, b"SEARCH SMALLER 101") == (1,)


# -- charsets


@pytest.mark.parametrize(
    ("charset", "octets"),
    [
        (None, "Café".encode()),
        (b"UTF-8", "CAFÉ".encode()),
        (b'"utf-8"', "café".encode()),
        (b"ISO-8859-1", "café".encode("latin-1")),
        (b"latin1", "café".encode("latin-1")),
        (b"IBM437", "café".encode("cp437")),
        (b"macintosh", "café".encode("mac-roman")),
    ],
)
def test_strings_are_of_the_charset_that_is_named(charset, octets):
    made = World()
    made.box("INBOX").add(message(1, Subject="=?iso-8859-1?Q?Caf=E9?="))
    prefix = b"" if charset is None else b"CHARSET " + charset + b" "
    assert numbers(Peer(made), b"SEARCH " + prefix + b"SUBJECT {}", octets) == (1,)


@pytest.mark.parametrize(
    "charset", [b"X-UNKNOWN", b"zlib", b"rot13", b"idna", b"utf-7", b"UTF-16", b'""']
)
def test_an_unknown_charset_is_no_with_the_known_ones(charset):
    answer = Peer(world()).run(b"SEARCH CHARSET " + charset + b" TEXT x")
    assert answer.status.kind == "NO"
    assert answer.status.code is not None
    assert answer.status.code.name == "BADCHARSET"
    assert isinstance(answer.status.code.value, tuple)
    assert answer.status.code.value[:2] == ("US-ASCII", "UTF-8")
    assert answer.untagged == ()


@pytest.mark.parametrize(
    "text",
    [
        b"SEARCH CHARSET US-ASCII TEXT {}",
        b"SEARCH CHARSET UTF-8 HEADER Subject {}",
        b"SEARCH SUBJECT {}",
        b"SEARCH CHARSET EUC-JP NOT FROM {}",
    ],
)
def test_a_string_that_is_not_of_its_charset_is_bad(text):
    assert Peer(world()).run(text, b"\xff\xfe").status.kind == "BAD"


def test_too_many_keys_are_refused():
    peer = Peer(world(), limits=Limits(search_keys=4))
    peer.ok(b"SEARCH OR SEEN (ALL NOT ALL) 1")
    answer = peer.run(b"SEARCH OR SEEN (ALL NOT ALL) 1 2")
    assert (answer.status.kind, answer.status.code_name) == ("NO", "LIMIT")


# -- several sessions


def test_what_was_not_announced_is_not_found():
    made = world(3)
    peer = Peer(made)
    made.box("INBOX").add(message(4), uid=40)
    answer = peer.run(b"SEARCH ALL")
    assert answer.of(SearchResult) == [SearchResult((1, 2, 3))]
    assert answer.raw.index(b"* SEARCH") < answer.raw.index(b"* 4 EXISTS")
    made.box("INBOX").add(message(5), uid=50)
    assert numbers(peer, b"UID SEARCH NOT 1") == (20, 30, 40)
    assert numbers(peer, b"UID SEARCH NOT 1") == (20, 30, 40, 50)


def test_an_expunge_by_another_waits_while_search_by_number_runs():
    made = world(4)
    peer = Peer(made)
    made.box("INBOX").kill([20])
    answer = peer.run(b"SEARCH 1:4")
    assert answer.of(SearchResult) == [SearchResult((1, 3, 4))]
    assert b"EXPUNGE" not in answer.raw
    answer = peer.run(b"UID SEARCH 3:4")
    assert answer.of(SearchResult) == [SearchResult((30, 40))]
    assert b"* 2 EXPUNGE" in answer.raw
    assert numbers(peer, b"SEARCH ALL") == (1, 2, 3)


# -- many


@pytest.mark.parametrize("keep", [1, 2, 7, 50])
def test_a_long_answer_is_one_line_in_chunks(keep):
    made = World()
    for number in range(20_000):
        made.box("INBOX").add(b"x", ("\\Seen",) if number % keep == 0 else ())
    peer = Peer(made)
    peer.wire.slow = True
    expected = tuple(n + 1 for n in range(20_000) if n % keep == 0)
    answer = peer.ok(b"SEARCH SEEN")
    assert answer.of(SearchResult) == [SearchResult(expected)]
    assert peer.wire.waits >= len(expected) // 4_096


# -- against the reference


Rows = list[tuple[int, int]]
"""(uid, mask) by message number."""


def holds(key: object, number: int, rows: Rows, claimed: int) -> bool:
    """Tell by the words of the RFC whether a key holds of a message."""
    uid, mask = rows[number - 1]
    match key:
        case NumberKey(UidSet() as uids):
            return any(a <= uid <= b for a, b in uids.resolve(rows[-1][0]))
        case NumberKey(wanted):
            return any(a <= number <= b for a, b in wanted.resolve(len(rows)))
        case NotKey(inner):
            return not holds(inner, number, rows, claimed)
        case OrKey(first, second):
            return any(holds(k, number, rows, claimed) for k in (first, second))
        case AllOf(keys):
            return all(holds(inner, number, rows, claimed) for inner in keys)
        case Word(name):
            return {
                "ALL": True,
                "SEEN": bool(mask & SEEN),
                "UNDELETED": not mask & DELETED,
                "NEW": uid > claimed and not mask & SEEN,
                "OLD": uid <= claimed,
            }[name]
        case _:
            raise AssertionError(key)


def keys_for(count: int) -> st.SearchStrategy[SearchKey]:
    ends = st.integers(1, count) | st.just(0)
    leaf: st.SearchStrategy[SearchKey] = st.one_of(
        st.sampled_from(["ALL", "SEEN", "UNDELETED", "NEW", "OLD"]).map(Word),
        st.tuples(ends, ends).map(lambda pair: NumberKey(SequenceSet((pair,)))),
        st.tuples(st.integers(0, 30), st.integers(0, 30)).map(
            lambda pair: NumberKey(UidSet((pair,)))
        ),
    )
    return st.recursive(
        leaf,
        lambda keys: st.one_of(
            keys.map(NotKey),
            st.builds(OrKey, keys, keys),
            st.lists(keys, min_size=1, max_size=3).map(lambda k: AllOf(tuple(k))),
        ),
        max_leaves=8,
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_keys_mean_what_the_rfc_says(data):
    """On random flags, sets and nested keys."""
    made = World()
    box = made.box("INBOX")
    count = data.draw(st.integers(1, 6))
    for number in range(1, count + 1):
        uid = box.uidnext + data.draw(st.integers(0, 3))
        box.add(message(number), uid=uid)
        box.rows[uid].mask = data.draw(st.integers(0, 31))
    box.claimed = claimed = data.draw(st.integers(0, box.uidnext))
    rows = [(uid, row.mask) for uid, row in sorted(box.rows.items())]
    key = data.draw(keys_for(count))
    found = numbers(Peer(made), unparsed("SEARCH", Search((key,))))
    assert found == tuple(
        n for n in range(1, count + 1) if holds(key, n, rows, claimed)
    )
