"""Body sections: the grammar to the letter (RFC 3501 §6.4.5, §9: section)."""

from __future__ import annotations

import pytest
from hypothesis import given

from imapd.syntax.section import (
    MAX_DEPTH,
    MAX_FIELD,
    MAX_FIELDS,
    Partial,
    Section,
    SectionText,
)
from imapd.wire.cursor import Cursor, Malformed
from imapd.wire.framing import Literal
from tests.support import strategies

HEADER, FIELDS = SectionText.HEADER, SectionText.HEADER_FIELDS
NOT, TEXT, MIME = SectionText.HEADER_FIELDS_NOT, SectionText.TEXT, SectionText.MIME

KNOWN = [
    (b"[]", Section()),
    (b"[HEADER]", Section((), HEADER)),
    (b"[TEXT]", Section((), TEXT)),
    (b"[HEADER.FIELDS (From To)]", Section((), FIELDS, (b"From", b"To"))),
    (b"[HEADER.FIELDS.NOT (X)]", Section((), NOT, (b"X",))),
    (b"[1]", Section((1,))),
    (b"[4.2.2.1]", Section((4, 2, 2, 1))),
    (b"[1.MIME]", Section((1,), MIME)),
    (b"[3.HEADER]", Section((3,), HEADER)),
    (b"[3.TEXT]", Section((3,), TEXT)),
    (b"[4.2.HEADER.FIELDS (Subject)]", Section((4, 2), FIELDS, (b"Subject",))),
    (b"[4.2.HEADER.FIELDS.NOT (a b)]", Section((4, 2), NOT, (b"a", b"b"))),
    (b"[4294967295]", Section((4294967295,))),
    (b'[HEADER.FIELDS ("(x)" NILS)]', Section((), FIELDS, (b"(x)", b"NILS"))),
]


@pytest.mark.parametrize(("wire", "section"), KNOWN)
def test_a_section(wire: bytes, section: Section):
    cursor = Cursor(wire)
    assert Section.parse(cursor) == section
    cursor.end()
    assert section.unparse() == wire


@pytest.mark.parametrize(
    ("wire", "canonical"),
    [
        (b"[header]", b"[HEADER]"),
        (b"[1.mime]", b"[1.MIME]"),
        (b'[Header.Fields ("From" tO)]', b"[HEADER.FIELDS (From tO)]"),
        (b"[HEADER.FIELDS ({4}\r\n)]", b"[HEADER.FIELDS (Date)]"),
    ],
)
def test_a_response_repeats_it_in_one_spelling(wire: bytes, canonical: bytes):
    """Names of fields keep the case of the client, which may look for them so."""
    section = Section.parse(Cursor(wire, (Literal(4, b"Date"),)))
    assert section.unparse() == canonical


PART = "a part number, HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT or TEXT"
OF_PART = "HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME"


@pytest.mark.parametrize(
    ("wire", "wanted", "at"),
    [
        (b"", "'['", 0),
        (b"[", PART, 1),
        (b"[MIME]", PART, 1),
        (b"[.1]", PART, 1),
        (b"[*]", PART, 1),
        (b"[ HEADER]", PART, 1),
        (b"[-1]", PART, 1),
        (b"[1.]", OF_PART, 3),
        (b"[1..2]", OF_PART, 3),
        (b"[1.BODY]", OF_PART, 3),
        (b"[1 ]", "']'", 2),
        (b"[1x]", "']'", 2),
        (b"[1", "']'", 2),
        (b"[HEADERS]", "']'", 7),
        (b"[HEADER.MIME]", "']'", 7),
        (b"[TEXT.1]", "']'", 5),
        (b"[0]", "part numbers above 0", 1),
        (b"[1.0]", "part numbers above 0", 1),
        (b"[01]", "part numbers above 0", 1),
        (b"[4294967296]", "part numbers above 0", 1),
        (b"[HEADER.FIELDS]", "a space", 14),
        (b"[HEADER.FIELDS(From)]", "a space", 14),
        (b"[HEADER.FIELDS From]", "'('", 15),
        (b"[HEADER.FIELDS ()]", "a string", 16),
        (b"[HEADER.FIELDS (a b ]", "')'", 21),
        (b"[HEADER.FIELDS (a:b)]", "a header field name", 16),
        (b'[HEADER.FIELDS ("")]', "a header field name", 16),
        (b'[HEADER.FIELDS ("a b")]', "a header field name", 16),
        (b"[HEADER.FIELDS ({4}\r\n)]", "a header field name", 16),
        (b"[HEADER.FIELDS (%b)]" % (b"a" * 998), "a header field name", 16),
        (b"[" + b"9" * 5_000 + b"]", "part numbers above 0", 1),
    ],
)
def test_everything_else_is_refused(wire: bytes, wanted: str, at: int):
    with pytest.raises(Malformed) as refusal:
        Section.parse(Cursor(wire, (Literal(4, b"a\r\nb"),)))
    assert (refusal.value.wanted, refusal.value.at) == (wanted, at)


def test_depth_has_a_limit():
    deepest = b".".join([b"1"] * MAX_DEPTH)
    assert len(Section.parse(Cursor(b"[%b]" % deepest)).path) == MAX_DEPTH
    with pytest.raises(Malformed) as refusal:
        Section.parse(Cursor(b"[%b.1]" % deepest))
    assert (refusal.value.code, refusal.value.at) == ("LIMIT", 1)


def test_fields_have_a_limit():
    names = b" ".join([b"x"] * MAX_FIELDS)
    assert Section.parse(Cursor(b"[HEADER.FIELDS (%b)]" % names)).fields
    with pytest.raises(Malformed) as refusal:
        Section.parse(Cursor(b"[HEADER.FIELDS (%b x)]" % names))
    assert (refusal.value.code, refusal.value.at) == ("LIMIT", 15)


@pytest.mark.parametrize("name", [b"x" * MAX_FIELD, b"(" * MAX_FIELD, b'"\\'])
def test_a_field_is_repeated_without_a_literal(name: bytes):
    section = Section((), FIELDS, (name,))
    assert b"\r\n" not in section.unparse()
    assert Section.parse(Cursor(section.unparse())) == section


@pytest.mark.parametrize(
    ("path", "text", "fields"),
    [
        ((0,), None, ()),
        ((2**32,), None, ()),
        ((1,) * (MAX_DEPTH + 1), None, ()),
        ((), MIME, ()),
        ((), FIELDS, ()),
        ((), HEADER, (b"a",)),
        ((), FIELDS, (b"a b",)),
        ((), FIELDS, (b"a:",)),
        ((), FIELDS, (b"",)),
        ((), FIELDS, (b"x" * (MAX_FIELD + 1),)),
        ((), FIELDS, (b"x",) * (MAX_FIELDS + 1)),
    ],
)
def test_an_invalid_section_cannot_be_built(
    path: tuple[int, ...], text: SectionText | None, fields: tuple[bytes, ...]
):
    with pytest.raises(ValueError, match=r"part|field|MIME"):
        Section(path, text, fields)


@given(strategies.section)
def test_a_section_comes_back(section: Section):
    cursor = Cursor(section.unparse())
    assert Section.parse(cursor) == section
    cursor.end()


class TestPartial:
    @pytest.mark.parametrize(
        ("wire", "partial"),
        [
            (b"<0.1>", Partial(0, 1)),
            (b"<2048.65536>", Partial(2048, 65536)),
            (b"<4294967295.4294967295>", Partial(4294967295, 4294967295)),
        ],
    )
    def test_octets_of_a_section(self, wire: bytes, partial: Partial):
        cursor = Cursor(wire)
        assert Partial.parse(cursor) == partial
        cursor.end()
        assert partial.unparse() == wire

    def test_it_may_be_missing(self):
        cursor = Cursor(b" <0.1>")
        assert Partial.parse(cursor) is None
        assert cursor.at == 0

    @pytest.mark.parametrize(
        ("wire", "at"),
        [
            (b"<0.0>", 3),
            (b"<0>", 2),
            (b"<0.>", 3),
            (b"<.1>", 1),
            (b"<-1.1>", 1),
            (b"<0.-1>", 3),
            (b"<0.1", 4),
            (b"<0.01>", 3),
            (b"<4294967296.1>", 1),
            (b"<0.4294967296>", 3),
            (b"<0 .1>", 2),
        ],
    )
    def test_everything_else_is_refused(self, wire: bytes, at: int):
        with pytest.raises(Malformed) as refusal:
            Partial.parse(Cursor(wire))
        assert refusal.value.at == at

    @pytest.mark.parametrize(
        ("offset", "count"), [(-1, 1), (0, 0), (2**32, 1), (0, 2**32)]
    )
    def test_an_invalid_one_cannot_be_built(self, offset: int, count: int):
        with pytest.raises(ValueError, match="partial"):
            Partial(offset, count)

    @given(strategies.partial)
    def test_it_comes_back(self, partial: Partial):
        assert Partial.parse(Cursor(partial.unparse())) == partial
