"""FETCH as text: known answers, inverse, refusals (RFC 3501 §6.4.5, §9)."""

import re

import pytest
from hypothesis import given

from imapd.commands.fetch.handler import Fetch
from imapd.commands.fetch.items import (
    BODY,
    BODYSTRUCTURE,
    ENVELOPE,
    FLAGS,
    INTERNALDATE,
    RFC822_SIZE,
    BodySection,
    Rfc822,
)
from imapd.session.faults import Bad
from imapd.session.fetch_attribute import UID
from imapd.session.plugs import Rendering
from imapd.syntax.section import Partial, Section, SectionText
from imapd.syntax.sequence import SequenceSet, UidSet
from tests.imapd.commands import strategies
from tests.imapd.commands.peers import parsed, reparsed, unparsed

ONE = SequenceSet(((1, 1),))
FIELDS = SectionText.HEADER_FIELDS

ITEMS = [
    (b"ALL", (FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE)),
    (b"fast", (FLAGS, INTERNALDATE, RFC822_SIZE)),
    (b"Full", (FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE, BODY)),
    (b"ENVELOPE", (ENVELOPE,)),
    (b"flags", (FLAGS,)),
    (b"INTERNALDATE", (INTERNALDATE,)),
    (b"RFC822", (Rfc822("RFC822"),)),
    (b"RFC822.HEADER", (Rfc822("RFC822.HEADER"),)),
    (b"RFC822.SIZE", (RFC822_SIZE,)),
    (b"rfc822.text", (Rfc822("RFC822.TEXT"),)),
    (b"BODY", (BODY,)),
    (b"BODYSTRUCTURE", (BODYSTRUCTURE,)),
    (b"UID", (UID,)),
    (b"BODY[]", (BodySection(Section()),)),
    (b"BODY.PEEK[]", (BodySection(Section(), peek=True),)),
    (b"body.peek[1]<0.256>", (BodySection(Section((1,)), Partial(0, 256), True),)),
    (b"BODY[HEADER]", (BodySection(Section((), SectionText.HEADER)),)),
    (b"BODY[TEXT]<7.1>", (BodySection(Section((), SectionText.TEXT), Partial(7, 1)),)),
    (b"BODY[4.2.2.1]", (BodySection(Section((4, 2, 2, 1))),)),
    (b"BODY[3.HEADER]", (BodySection(Section((3,), SectionText.HEADER)),)),
    (b"BODY.PEEK[1.MIME]", (BodySection(Section((1,), SectionText.MIME), None, True),)),
    (
        b"(FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
        (FLAGS, BodySection(Section((), FIELDS, (b"DATE", b"FROM")))),
    ),
    (
        b'BODY[2.HEADER.FIELDS.NOT ("to")]',
        (BodySection(Section((2,), SectionText.HEADER_FIELDS_NOT, (b"to",))),),
    ),
    (b"(UID)", (UID,)),
    (b"(FLAGS FLAGS)", (FLAGS, FLAGS)),
]


@pytest.mark.parametrize(("text", "items"), ITEMS)
def test_each_item_is_known(text, items):
    node = parsed(b"FETCH 1 " + text)
    assert node == Fetch(ONE, items)
    assert reparsed("FETCH", node) == node


def test_the_uid_form_is_the_same_node_with_a_set_of_uids():
    node = parsed(b"UID FETCH 4:*,7 (FLAGS)")
    assert node == Fetch(UidSet(((4, 0), (7, 7))), (FLAGS,))
    assert unparsed("UID FETCH", node) == b"UID FETCH 4:*,7 (FLAGS)"


def test_a_field_name_may_be_a_literal():
    node = parsed(b"FETCH 1 BODY[HEADER.FIELDS ({})]", b"X-Odd")
    assert node.items == (BodySection(Section((), FIELDS, (b"X-Odd",))),)
    # The next one may be another, behind the same text.
    node = parsed(b"FETCH 1 BODY[HEADER.FIELDS ({})]", b"X-Two")
    assert node.items == (BodySection(Section((), FIELDS, (b"X-Two",))),)


def test_what_clients_repeat_is_parsed_once():
    first = parsed(b"FETCH 1 (UID BODY.PEEK[1.MIME])")
    again = parsed(b"UID FETCH 7,9 (UID BODY.PEEK[1.MIME])")
    assert again == Fetch(UidSet(((7, 7), (9, 9))), first.items)
    assert again.items is first.items
    # What is long is not kept: a client could have anything kept.
    text = b"FETCH 1 (" + b" ".join([b"BODY.PEEK[HEADER]"] * 40) + b")"
    assert parsed(text) == parsed(text)
    assert parsed(text).items is not parsed(text).items


REFUSED = [
    (b"FETCH", "a space wanted at octet 7"),
    (b"FETCH 1", "a space wanted at octet 9"),
    (b"FETCH 0:* FLAGS", "a message sequence set wanted at octet 8"),
    (b"FETCH *:0 FLAGS", "a message sequence set wanted at octet 8"),
    (b"FETCH 4294967296 FLAGS", "a message sequence set wanted at octet 8"),
    (b"UID FETCH , FLAGS", "a UID set wanted at octet 12"),
    (b"FETCH 1 ", "a fetch item wanted at octet 10"),
    (b"FETCH 1 ()", "a fetch item wanted at octet 11"),
    (b"FETCH 1 WORDS", "a fetch item wanted at octet 10"),
    (b"FETCH 1 (ALL)", "a fetch item wanted at octet 11"),
    (b"FETCH 1 (FLAGS FAST)", "a fetch item wanted at octet 17"),
    (b"FETCH 1 FLAGS UID", "the end of the command wanted at octet 15"),
    (b"FETCH 1 ALL FLAGS", "a fetch item wanted at octet 10"),
    (b"FETCH 1 (FLAGS  UID)", "a fetch item wanted at octet 17"),
    (b"FETCH 1 (FLAGS", "')' wanted at octet 16"),
    (b"FETCH 1 BODY[]<0.0>", "a number above 0 wanted at octet 19"),
    (b"FETCH 1 BODY[]<5>", "'.' wanted at octet 18"),
    (b"FETCH 1 BODY[0]", "part numbers above 0 wanted at octet 15"),
    (b"FETCH 1 BODY[MIME]", "a part number, HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT"),
    (b"FETCH 1 BODY.PEEK", "'[' wanted at octet 19"),
    (b"FETCH 1 BODY[HEADER.FIELDS]", "a space wanted at octet 28"),
    (b"FETCH 1 BODY[HEADER.FIELDS ()]", "a string wanted at octet 30"),
    (b"FETCH 1 BODY[HEADER.FIELDS (a:b)]", "a header field name wanted at octet 30"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_fetch_is_refused(text, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(text)


@given(strategies.fetches)
def test_parse_is_the_inverse_of_unparse(node):
    name = "UID FETCH" if isinstance(node.messages, UidSet) else "FETCH"
    assert reparsed(name, node) == node


def test_a_rendering_says_what_its_values_are():
    with pytest.raises(ValueError, match="bytes or a number"):
        Rendering(b"X", lambda batch: [], b"%s")
    with pytest.raises(ValueError, match="is bytes"):
        Rendering(b"X", lambda batch: [], b"%d", reads_blobs=True)


def test_nodes_keep_their_invariants():
    with pytest.raises(ValueError, match="at least one item"):
        Fetch(ONE, ())
    with pytest.raises(ValueError, match="no such item"):
        Rfc822("RFC822.PEEK")
