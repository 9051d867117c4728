"""What hypothesis draws for the terminals of RFC 3501 §9 and the values made of them.

The strategies bear the names of the ABNF rules; those of octets give what stands on
the wire, those of values give the values. The character sets are the RFC's own sums
and differences, so that they prove `imapd.wire.abnf` instead of repeating it.
"""

from __future__ import annotations

from hypothesis import strategies as st

from imapd.syntax.flags import unique
from imapd.syntax.mailbox import InvalidMailboxName, canonical_inbox, check_name
from imapd.syntax.section import Partial, Section, SectionText
from imapd.syntax.sequence import NumberSet, SequenceSet, UidSet

CHAR = frozenset(range(0x01, 0x80))
CTL = frozenset(range(0x20)) | {0x7F}
QUOTED_SPECIALS = frozenset(b'"\\')
LIST_WILDCARDS = frozenset(b"%*")
RESP_SPECIALS = frozenset(b"]")
ATOM_SPECIALS = (
    frozenset(b"(){ ") | CTL | LIST_WILDCARDS | QUOTED_SPECIALS | RESP_SPECIALS
)
ATOM_CHAR = CHAR - ATOM_SPECIALS
ASTRING_CHAR = ATOM_CHAR | RESP_SPECIALS
TAG_CHAR = ASTRING_CHAR - frozenset(b"+")
LIST_CHAR = ATOM_CHAR | LIST_WILDCARDS | RESP_SPECIALS
TEXT_CHAR = CHAR - frozenset(b"\r\n")


def octets_of(
    chars: frozenset[int], *, least: int = 1, most: int = 12
) -> st.SearchStrategy[bytes]:
    """Draw octets out of a set."""
    some = st.sampled_from(sorted(chars))
    return st.lists(some, min_size=least, max_size=most).map(bytes)


atom = octets_of(ATOM_CHAR)
tag = octets_of(TAG_CHAR)
NAUGHTY = (
    b"", b" ", b"NIL", b"nil", b'"', b"\\", b'\\"', b"{5}", b"{5+}", b"~{5}",
    b"{0}\r\n", b"\r\n", b"\n", b"\r", b"\x7f", b"\x80\xff", b"(", b")",
    b"%", b"*", b"]", b"&-", b"x9 LOGOUT\r\n", b"a" * 1_001,
    "Entwürfe".encode(), "日本語".encode(),
)  # fmt: skip
"""Strings that deceived a parser somewhere."""

# A string may hold every octet but NUL (§9: CHAR8).
string = st.one_of(
    st.sampled_from(NAUGHTY),
    atom,
    st.binary(max_size=40).map(lambda data: data.replace(b"\x00", b"\x01")),
)

number = st.one_of(st.integers(0, 0xFFFF_FFFF), st.sampled_from([0, 0xFFFF_FFFF]))
nz_number = st.one_of(st.integers(1, 9), st.integers(1, 0xFFFF_FFFF))

# -- sets; 0 stands for "*"

seq_number = st.one_of(nz_number, st.just(0))
seq_range = st.tuples(seq_number, seq_number)
_ranges = st.lists(
    st.one_of(seq_range, seq_number.map(lambda n: (n, n))), min_size=1, max_size=6
).map(tuple)
sequence_set = _ranges.map(SequenceSet)
uid_set = _ranges.map(UidSet)
number_set: st.SearchStrategy[NumberSet] = st.one_of(sequence_set, uid_set)

# -- flags

system_flag = st.sampled_from(
    ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"]
)
flag_keyword = atom.map(bytes.decode)
flag = st.one_of(system_flag, flag_keyword, st.sampled_from(["$Junk", "$junk"]))
flag_list = st.lists(flag, max_size=6).map(unique)

# -- sections

header_fld_name = octets_of(frozenset(range(33, 127)) - frozenset(b":"))
section_part = st.lists(nz_number, max_size=5).map(tuple)
_header_list = st.lists(header_fld_name, min_size=1, max_size=4).map(tuple)
section = st.one_of(
    st.builds(
        Section,
        section_part,
        st.sampled_from([None, SectionText.HEADER, SectionText.TEXT]),
    ),
    st.builds(Section, section_part.filter(bool), st.just(SectionText.MIME)),
    st.builds(
        Section,
        section_part,
        st.sampled_from([SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT]),
        _header_list,
    ),
)
partial = st.builds(Partial, number, nz_number)

# -- names


def _is_valid(name: str) -> bool:
    try:
        return check_name(name) == name
    except InvalidMailboxName:
        return False


_level = st.one_of(
    st.sampled_from(["INBOX", "inbox", "Sent", "&", "&-", "~", "..", "日本語", "a b"]),
    st.text(st.characters(exclude_characters="/*%", exclude_categories=["C"])),
)
mailbox = (
    st.lists(_level, min_size=1, max_size=4)
    .map("/".join)
    .map(canonical_inbox)
    .filter(_is_valid)
)
"""Names that a mailbox may have, as text."""

list_mailbox = st.text("ab/*%iInNbBoOxX", max_size=12)
"""Patterns of LIST in which wildcards, levels and INBOX meet often."""

# -- dates: days since 1970-01-01; seconds and the zone in minutes

date = st.integers(-719_162, 2_932_896)
zone = st.integers(-23 * 60 - 59, 23 * 60 + 59)
date_time = st.tuples(st.integers(-62_135_510_400, 253_402_214_400), zone)

# -- commands, or nearly

_PIECES = (
    b"a1 NOOP", b"a2 LOGIN ", b" ", b"\r\n", b"\n", b"\r", b'"', b"\\", b"(",
    b"{", b"}", b"{}", b"{+}", b"{-1}", b"{0}\r\n", b"{3}\r\n", b"{3+}\r\n",
    b"~{4}\r\n", b"~{4+}\r\n", b"{5}\n", b"{2+}\n", b"{60+}\r\n", b"{70}\r\n",
    b"{00000000002+}\r\n", b"{12345678901}\r\n", b"{99999999999999999999999+}\r\n",
    b"{3+}\r\n\r\nx", b"x" * 30,
    b"7" * 40, b"\x00", b"\xff",
)  # fmt: skip
command_soup = st.lists(
    st.one_of(st.sampled_from(_PIECES), st.binary(max_size=4)), max_size=14
).map(b"".join)
"""Octets in which lines and literals begin, end and break off everywhere."""


def cuts(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Draw a way to cut octets to pieces."""
    return st.lists(st.integers(0, len(data)), max_size=12).map(
        lambda places: [
            data[start:stop]
            for start, stop in zip(
                [0, *sorted(places)], [*sorted(places), len(data)], strict=True
            )
        ]
    )
