import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime.header import (
    Field,
    decode_words,
    ends_blank,
    fields,
    media_type,
    parameter,
    parameter_text,
    parameters,
    select_fields,
    token,
    unfold,
    wanted_fields,
)
from tests.mailstore.mime.corpus import own
from tests.mailstore.mime.growth import grows_linearly
from tests.mailstore.mime.strategies import messages, values

HEADER = (
    b"From mbox line\r\n"
    b"Subject: one\r\n"
    b"To: a@b,\r\n c@d\r\n"
    b"no field\r\n"
    b"SUBJECT : two\r\n"
    b"X-Empty:\r\n"
    b"\r\n"
)


def test_fields_come_in_order_with_their_offsets():
    found = list(fields(HEADER))
    assert [field.name for field in found] == [
        b"subject",
        b"to",
        b"subject",
        b"x-empty",
    ]
    field = found[1]
    assert HEADER[field.start : field.end] == b"To: a@b,\r\n c@d\r\n"
    assert HEADER[field.value : field.end] == b" a@b,\r\n c@d\r\n"


def test_fields_of_a_range_stay_in_it():
    data = b"A: 1\r\n\r\n" + HEADER
    assert [field.name for field in fields(data, 0, 8)] == [b"a"]
    assert next(fields(data, 8)).start == 8 + 16


def test_wanted_fields_stop_at_a_number():
    data = b"A: 1\nB: 2\nA: 3\nA: 4\n"
    found = wanted_fields(data, 0, len(data), {b"a"}, 2)
    assert found == [Field(b"a", b" 1", b"A: 1\n"), Field(b"a", b" 3", b"A: 3\n")]


def test_selected_fields_keep_order_repetition_and_folding():
    assert select_fields(HEADER, [b"to", b"sUbJeCt"]) == (
        b"Subject: one\r\nTo: a@b,\r\n c@d\r\nSUBJECT : two\r\n\r\n"
    )


def test_negated_selection_gives_the_other_fields():
    assert select_fields(HEADER, [b"SUBJECT"], negate=True) == (
        b"To: a@b,\r\n c@d\r\nX-Empty:\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("header", "selected"),
    [
        (b"", b""),
        (b"\r\n", b"\r\n"),
        (b"\n", b"\r\n"),
        (b"A: 1\n\n", b"A: 1\n\r\n"),
        # RFC 3501 §6.4.5: a message without body and blank line has no blank line.
        (b"A: 1\r\n", b"A: 1\r\n"),
        (b"B: 2\r\nA: 1", b"A: 1"),
        (b"B: 2\r\n\r\n", b"\r\n"),
    ],
)
def test_the_blank_line_is_there_if_the_header_has_it(header: bytes, selected: bytes):
    assert select_fields(header, {b"a"}) == selected
    assert ends_blank(header) is selected.endswith((b"\n\r\n",)) or selected in (
        b"",
        b"\r\n",
        b"A: 1\r\n",
        b"A: 1",
    )


@given(messages())
def test_a_selection_and_its_negation_are_all_fields(header: bytes):
    names = {b"content-type", b"to"}
    both = [*fields(select_fields(header, names))]
    both += fields(select_fields(header, names, negate=True))
    assert sorted(f.name for f in both) == sorted(f.name for f in fields(header))


@pytest.mark.parametrize(
    ("raw", "unfolded"),
    [
        (b" a\r\n b\r\n", b"a b"),
        (b" a\n\tb", b"a\tb"),
        (b"a\rb", b"a b"),
        (b"\r\n ", b""),
        (b" \x00a\x00b\x00 ", b"a\x00b"),
        (b"a\r\r\n b", b"a b"),
    ],
)
def test_unfolding(raw: bytes, unfolded: bytes):
    assert unfold(raw) == unfolded


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b" Text/HTML; charset=x", (b"text", b"html")),
        (b"text / plain", (b"text", b"plain")),
        (b"text/plain (comment)", (b"text", b"plain")),
        (b"text", None),
        (b"/plain", None),
        (b"text/", None),
        (b'"text/html"', None),
        (b"; a/b=c", None),
        (b"\xff/\xff", None),
    ],
)
def test_media_types(value: bytes, found: tuple[bytes, bytes] | None):
    assert media_type(value) == found


def test_tokens():
    assert token(b' "Base64"; x') == b"base64"
    assert token(b"\xff") == b""


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        (b"x; A=b", ((b"a", b"b"),)),
        (b'x; a="b;c=\\"d\\\\"; e=f', ((b"a", b'b;c="d\\'), (b"e", b"f"))),
        (b'x; a = b ; c= "d"', ((b"a", b"b"), (b"c", b"d"))),
        (b"x; a=b\r\n c; d=e", ((b"a", b"b"), (b"d", b"e"))),
        (b"x; name=two words (1).pdf ; a=b c", (
            (b"name", b"two words (1).pdf"), (b"a", b"b"))),
        (b"x; a; b=; =c;; d=e", ((b"b", b""), (b"d", b"e"))),
        (b'x; a="never closed; b=c', ((b"a", b"never closed; b=c"),)),
        (b"x; a*0*=utf-8''%41; a*1=b", ((b"a*0*", b"utf-8''%41"), (b"a*1", b"b"))),
        (b"x", ()),
    ],
)  # fmt: skip
def test_parameters(value: bytes, pairs: tuple[tuple[bytes, bytes], ...]):
    assert parameters(value) == pairs


def test_parameters_are_bounded():
    assert len(parameters(b"; x=y" * 5_000)) == 1_000
    assert len(parameters(b"; x=" + b"y" * 5_000)[0][1]) == 4_096


@pytest.mark.parametrize(
    ("value", "octets", "text"),
    [
        (b"; a=b", b"b", "b"),
        (b"; a*=utf-8''caf%C3%A9", b"caf\xc3\xa9", "café"),
        (b"; a*0*=iso-8859-1'de'%A3; a*1=%A3; a*2*=%A3", b"\xa3%A3\xa3", "£%A3£"),
        (b"; a*1=b; a*0=a; a*3=d", b"ab", "ab"),
        (b"; a=plain; a*=utf-8''extended", b"extended", "extended"),
        (b'; a="=?utf-8?Q?caf=C3=A9?="', b"=?utf-8?Q?caf=C3=A9?=", "café"),
        (b"; a*=no quotes", b"no", "no"),
        (b"; a*x=1; a*99999=2; ab=3", None, None),
        (b"; a*0*=x''%; a*1*=%4", b"%%4", "%%4"),
    ],
)
def test_rfc_2231(value: bytes, octets: bytes | None, text: str | None):
    pairs = parameters(value)
    assert parameter(pairs, b"a") == octets
    assert parameter_text(pairs, b"a") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # RFC 2047 §8
        (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
        (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a?=  \t  =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        # split in the middle of a character, as several mailers do
        (b"=?utf-8?B?w?= =?utf-8?B?w6k=?= =?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "éé"),
        (b"a=?us-ascii*en?q?b?=c", "abc"),
        (b"=?x-unknown?Q?caf=E9?=", "café"),
        (b"=?utf-8?Q?caf=E9?=", "café"),
        (b"=?utf-8?Q?open", "=?utf-8?Q?open"),
        (b"=?utf-8?X?bad?=", "=?utf-8?X?bad?="),
        (b"=?utf-8?Q??= x", " x"),
        (b"raw \xc3\xa9", "raw é"),
        (b"raw \xe9", "raw é"),
        (b"=?utf-8?Q?with space?=", "with space"),
    ],
)
def test_encoded_words(value: bytes, text: str):
    assert decode_words(value) == text


def test_the_encoded_words_of_an_ugly_message():
    header = own("encoded-words")
    subject = next(f for f in fields(header) if f.name == b"subject")
    text = decode_words(unfold(header[subject.value : subject.end]))
    assert text == "éécafé =?utf-8?X?bad?= =?utf-8?Q?open"


@given(values)
def test_any_value_can_be_read(value: bytes):
    unfolded = unfold(value)
    assert b"\r" not in unfolded
    assert b"\n" not in unfolded
    decode_words(value)
    media_type(value)
    pairs = parameters(value)
    for name in (b"x", b"a"):
        parameter(pairs, name)
        parameter_text(pairs, name)


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_word_in_base64_decodes_to_its_text(text: str):
    import base64

    word = b"=?utf-8?B?" + base64.b64encode(text.encode()) + b"?="
    assert decode_words(word) == text


@pytest.mark.parametrize(
    "make",
    [
        lambda n: b"A: b\r\n" * n,
        lambda n: b"a" * 10 * n,
        lambda n: b"A: b\r\n" + b" c\r\n" * n,
        lambda n: b"a \t" * n,
        lambda n: b":" * n,
        lambda n: b"\r" * n,
    ],
)
def test_selection_is_linear(make):
    assert grows_linearly(lambda n: select_fields(make(n), {b"a"}), 30_000)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: b"=?" * n,
        lambda n: b"=?a?b?" * n,
        lambda n: b"=?utf-8?Q?a?= " * n,
        lambda n: b"=?utf-8?Q?" + b"a" * n,
        lambda n: b"=?utf-8?B?" + b"=A" * n + b"?=",
        lambda n: b"=?utf-8?Q?" + b"=" * n + b"?=",
        lambda n: b"=?utf-7?Q?" + b"+AAA" * n + b"?=",
        lambda n: b"\xc3\xa9" * n,
        lambda n: b"?" * n,
    ],
)
def test_decoding_is_linear(make):
    assert grows_linearly(lambda n: decode_words(make(n)), 30_000)
