from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime.envelope import envelope
from mailstore.mime.header import Field
from mailstore.mime.scanner import scan
from tests.mailstore.mime.corpus import OWN, own, real
from tests.mailstore.mime.grammar import Address, Envelope, read_envelope
from tests.mailstore.mime.growth import grows_linearly
from tests.mailstore.mime.strategies import messages, values


def of(data: bytes) -> Envelope:
    return read_envelope(envelope(scan(data).fields))


ADA: Address = (b"Ada", None, b"ada", b"example.org")


def test_an_ordinary_envelope():
    found = of(own("html"))
    assert found.date == b"Mon, 2 Mar 2026 10:00:00 +0100"
    assert found.subject == b"html"
    assert found.from_ == found.sender == found.reply_to == (ADA,)
    assert found.to == ((b"Bob", None, b"bob", b"example.net"),)
    assert found.cc == found.bcc == ()
    assert found.in_reply_to is None
    assert found.message_id == b"<html@example.org>"


def test_an_envelope_of_nothing():
    rendered = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
    assert envelope(()) == rendered


def test_empty_fields_are_empty_strings_and_absent_ones_nil():
    found = of(own("fields-empty"))
    assert (found.date, found.subject, found.message_id) == (b"", b"", b"")
    assert (found.from_, found.to, found.cc) == ((), (), ())


def test_sender_and_reply_to_are_as_from_when_absent_or_empty():
    found = of(b"From: a@b\nSender: c@d\nReply-To: \n\n")
    assert found.sender == ((None, None, b"c", b"d"),)
    assert found.reply_to == ((None, None, b"a", b"b"),)


def test_groups_begin_and_end():
    found = of(own("addresses-groups"))
    assert [(a[2], a[3]) for a in found.to] == [
        (b"A Group", None),
        (b"ed", b"example.net"),
        (b"joe", b"example.com"),
        (b"jdoe", b"example.com"),
        (None, None),
    ]
    assert [a[2] for a in found.cc] == [b"undisclosed-recipients", None]
    assert [a[2] for a in found.bcc] == [b"Open", b"one", b"two", None]


def test_repeated_address_fields_are_one_list_and_others_the_first():
    found = of(own("fields-repeated"))
    assert [a[2] for a in found.to] == [b"one", b"two"]
    assert [a[2] for a in found.from_] == [b"ada", b"second"]
    assert found.subject == b"first  folded   twice  and a tab"


def test_quotes_and_controls_go_as_literals():
    rendered = envelope(scan(own("quotes-controls")).fields)
    assert b'{17}\r\nA "quoted" \\ name' in rendered
    assert b"\\\\" not in rendered
    assert read_envelope(rendered).from_[0][2] == b'a"b'


def test_eight_bit_text_stays_as_it_is():
    found = of(own("eight-bit-header"))
    assert found.subject == b"caf\xc3\xa9 caf\xe9"
    assert found.from_ == (
        (b"J\xc3\xb6rg", None, b"j\xc3\xb6rg", b"ex\xc3\xa4mple.org"),
    )


def test_nul_never_appears():
    rendered = envelope(scan(own("nul-octets")).fields)
    assert b"\0" not in rendered
    assert read_envelope(rendered).subject == b"n?ul"


def test_many_addresses_are_bounded():
    found = of(b"To: " + b"a@b.c," * 500_000 + b"\n\n")
    assert len(found.to) == 10_000


def test_long_texts_are_bounded():
    found = of(b"Subject: " + b"x" * 1_000_000 + b"\n\n")
    assert found.subject == b"x" * 65_536


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_envelopes_of_ugly_messages_are_grammatical(path: Path):
    of(path.read_bytes())


def test_envelopes_of_real_messages_are_grammatical():
    for path in real():
        of(path.read_bytes())


@given(messages())
def test_envelopes_of_any_message_are_grammatical(data: bytes):
    of(data)


_NAMES = (b"from", b"to", b"sender", b"reply-to", b"cc", b"subject", b"date", b"bcc")
_FIELDS = st.builds(
    lambda n, v: Field(n, v, n + b":" + v), st.sampled_from(_NAMES), values
)


@given(st.lists(_FIELDS, max_size=6))
def test_envelopes_of_any_fields_are_grammatical(fields: list[Field]):
    found = read_envelope(envelope(fields))
    if any(field.name == b"from" for field in fields) and found.from_:
        assert found.sender
        assert found.reply_to


def test_many_fields_of_one_name_are_linear():
    assert grows_linearly(
        lambda n: envelope([Field(b"to", b" a@b", b"To: a@b\n")] * n), 500
    )
