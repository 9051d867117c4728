"""Commands on messages as hypothesis draws them, one strategy for each node.

They follow the ABNF of RFC 3501 §9 rule by rule and bear its names.
"""

from __future__ import annotations

from hypothesis import strategies as st

from imapd.commands.copy import Copy
from imapd.commands.fetch.handler import Fetch
from imapd.commands.fetch.items import ATTRIBUTES, BODY, BodySection, Rfc822
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
from imapd.commands.store import Store, StoreFlags
from imapd.extensions.move import Move
from imapd.extensions.uidplus import UidExpunge
from imapd.session.search_program import AllOf, NumberKey
from imapd.syntax.section import Partial, Section, SectionText
from imapd.syntax.sequence import NumberSet, SequenceSet, UidSet
from mailstore.model import SYSTEM_FLAGS, FlagChange, FlagOperation

ATOM = "!#$&'+,-./0123456789:;<=>?@ABCXYZ^_`abcxyz|}~"

numbers = st.integers(1, 0xFFFF_FFFF)
ends = st.one_of(numbers, st.just(0))
ranges = st.lists(
    st.one_of(st.tuples(ends, ends), ends.map(lambda n: (n, n))), min_size=1, max_size=5
).map(tuple)
sequence_sets = ranges.map(SequenceSet)
uid_sets = ranges.map(UidSet)
sets: st.SearchStrategy[NumberSet] = st.one_of(sequence_sets, uid_sets)
atoms = st.text(ATOM, min_size=1, max_size=12)
strings = st.one_of(
    atoms.map(str.encode),
    st.binary(max_size=30).map(lambda data: data.replace(b"\x00", b"\x80")),
    st.sampled_from([b"", b'"', b"\\", b"{5}", b"NIL", b"a b", "ø".encode(), b"\r\n"]),
)
field_names = st.text(
    [chr(c) for c in range(33, 127) if chr(c) != ":"], min_size=1, max_size=10
).map(str.encode)

paths = st.lists(st.integers(1, 9), max_size=4).map(tuple)
_plain_texts = st.sampled_from([None, SectionText.HEADER, SectionText.TEXT])
_field_texts = st.sampled_from(
    [SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT]
)
sections = st.one_of(
    st.builds(Section, paths, _plain_texts),
    st.builds(Section, paths.filter(bool), st.just(SectionText.MIME)),
    st.builds(
        Section,
        paths,
        _field_texts,
        st.lists(field_names, min_size=1, max_size=4).map(tuple),
    ),
)
partials = st.builds(Partial, st.integers(0, 0xFFFF_FFFF), numbers)
fetch_items = st.one_of(
    st.sampled_from([*ATTRIBUTES, BODY]),
    st.sampled_from([Rfc822(n) for n in ("RFC822", "RFC822.HEADER", "RFC822.TEXT")]),
    st.builds(BodySection, sections, st.none() | partials, st.booleans()),
)
fetches = st.builds(
    Fetch, sets, st.lists(fetch_items, min_size=1, max_size=6).map(tuple)
)

keywords = atoms.filter(lambda text: not text.startswith("\\"))
flags = st.one_of(st.sampled_from(sorted(SYSTEM_FLAGS)), keywords)
changes = st.builds(
    FlagChange,
    st.sampled_from(FlagOperation),
    st.lists(flags, max_size=5, unique_by=str.upper).map(tuple),
)
stores = st.builds(Store, sets, st.builds(StoreFlags, changes, st.booleans()))
copies = st.builds(Copy, sets, strings)
moves = st.builds(Move, sets, strings)
uid_expunges = st.builds(UidExpunge, uid_sets)

WORDS = (
    *("ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "NEW", "OLD", "RECENT"),
    *("UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED", "UNSEEN"),
)
STRINGS = ("BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO")
DATES = ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE")
simple_keys = st.one_of(
    st.sampled_from(WORDS).map(Word),
    st.builds(KeywordKey, atoms, st.booleans()),
    st.builds(StringKey, st.sampled_from(STRINGS), strings),
    st.builds(HeaderKey, strings, strings),
    st.builds(DateKey, st.sampled_from(DATES), st.integers(-700_000, 2_900_000)),
    st.builds(
        SizeKey, st.sampled_from(["LARGER", "SMALLER"]), st.integers(0, 0xFFFF_FFFF)
    ),
    st.builds(NumberKey, sets),
)
search_keys = st.recursive(
    simple_keys,
    lambda keys: st.one_of(
        st.builds(NotKey, keys),
        st.builds(OrKey, keys, keys),
        st.lists(keys, min_size=1, max_size=4).map(lambda some: AllOf(tuple(some))),
    ),
    max_leaves=12,
)
searches = st.builds(
    Search,
    st.lists(search_keys, min_size=1, max_size=4).map(tuple),
    st.none() | strings,
    st.sampled_from([SequenceSet, UidSet]),
)
