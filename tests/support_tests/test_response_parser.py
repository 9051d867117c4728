"""The strict parser: RFC 3501's own examples are read, near misses are refused."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reader import Malformed
from tests.support.response_parser import ResponseParser, parse_response
from tests.support.responses import (
    Address,
    Capabilities,
    Code,
    Continuation,
    Enabled,
    Envelope,
    Exists,
    Expunge,
    Extension,
    Fetch,
    FlagsLine,
    ListLine,
    Multipart,
    Namespace,
    Part,
    Recent,
    Response,
    SearchResult,
    ServerId,
    Status,
    StatusLine,
    UidFetch,
    Vanished,
    leaf_sections,
)

GRAY = (Address(b"Terry Gray", None, b"gray", b"cac.washington.edu"),)
ENVELOPE = (
    b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
    b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
    b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
    b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
    b'((NIL NIL "imap" "cac.washington.edu")) '
    b'((NIL NIL "minutes" "CNRI.Reston.VA.US")'
    b'("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
    b'"<B27397-0100000@cac.washington.edu>")'
)
SUMMARY = Envelope(
    b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
    b"IMAP4rev1 WG mtg summary and minutes",
    GRAY,
    GRAY,
    GRAY,
    (Address(None, None, b"imap", b"cac.washington.edu"),),
    (
        Address(None, None, b"minutes", b"CNRI.Reston.VA.US"),
        Address(b"John Klensin", None, b"KLENSIN", b"MIT.EDU"),
    ),
    (),
    None,
    b"<B27397-0100000@cac.washington.edu>",
)

KNOWN: list[tuple[bytes, Response]] = [
    # RFC 3501 §7.1
    (
        b"* OK IMAP4rev1 server ready\r\n",
        Status("OK", "IMAP4rev1 server ready"),
    ),
    (
        b"* OK [ALERT] System shutdown in 10 minutes\r\n",
        Status("OK", "System shutdown in 10 minutes", Code("ALERT")),
    ),
    (b"A001 NO no {5}\r\n", Status("NO", "no {5}", tag="A001")),
    (b"* BYE Autologout\r\n", Status("BYE", "Autologout")),
    (
        b"a OK [PERMANENTFLAGS (\\Deleted \\*)] Limited\r\n",
        Status(
            "OK",
            "Limited",
            Code("PERMANENTFLAGS", frozenset({"\\Deleted", "\\*"})),
            "a",
        ),
    ),
    (
        b"a NO [BADCHARSET (US-ASCII {5}\r\nUTF-8)] which?\r\n",
        Status("NO", "which?", Code("BADCHARSET", ("US-ASCII", "UTF-8")), "a"),
    ),
    (
        b"a OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] in\r\n",
        Status(
            "OK", "in", Code("CAPABILITY", frozenset({"IMAP4rev1", "AUTH=PLAIN"})), "a"
        ),
    ),
    (
        b"a OK [APPENDUID 38505 3955] done\r\n",
        Status("OK", "done", Code("APPENDUID", (38505, (3955,))), "a"),
    ),
    (
        b"a OK [COPYUID 38505 304,319:320 3956:3958] done\r\n",
        Status(
            "OK",
            "done",
            Code("COPYUID", (38505, (304, 319, 320), (3956, 3957, 3958))),
            "a",
        ),
    ),
    (
        b"a OK [X-NEW some thing] x\r\n",
        Status("OK", "x", Code("X-NEW", "some thing"), "a"),
    ),
    # RFC 3501 §7.2
    (
        b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=GSSAPI XPIG-LATIN\r\n",
        Capabilities(frozenset({"IMAP4rev1", "STARTTLS", "AUTH=GSSAPI", "XPIG-LATIN"})),
    ),
    (
        b'* LIST (\\Noselect) "/" ~/Mail/foo\r\n',
        ListLine("~/Mail/foo", "/", frozenset({"\\Noselect"})),
    ),
    (b"* LIST () NIL inbox\r\n", ListLine("INBOX", None)),
    (b'* list () "\\\\" {3}\r\na b\r\n', ListLine("a b", "\\")),
    (b'* LSUB () "." #news.comp\r\n', ListLine("#news.comp", ".", frozenset(), True)),
    (
        b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n",
        StatusLine("blurdybloop", {"MESSAGES": 231, "UIDNEXT": 44292}),
    ),
    (b"* STATUS x ()\r\n", StatusLine("x", {})),
    (b"* SEARCH 2 3 6\r\n", SearchResult((2, 3, 6))),
    (b"* SEARCH\r\n", SearchResult(())),
    (b"* FLAGS (\\Answered $Junk)\r\n", FlagsLine(frozenset({"\\Answered", "$Junk"}))),
    # §7.3, §7.4
    (b"* 23 EXISTS\r\n", Exists(23)),
    (b"* 0 RECENT\r\n", Recent(0)),
    (b"* 44 expunge\r\n", Expunge(44)),
    (
        b"* 23 FETCH (FLAGS (\\Seen \\Recent) UID 4 RFC822.SIZE 44827)\r\n",
        Fetch(
            23,
            {
                "FLAGS": frozenset({"\\Seen", "\\Recent"}),
                "UID": 4,
                "RFC822.SIZE": 44827,
            },
        ),
    ),
    (
        b'* 1 FETCH (INTERNALDATE " 7-Jul-1996 02:44:25 -0700")\r\n',
        Fetch(
            1,
            {
                "INTERNALDATE": dt.datetime(
                    1996, 7, 7, 2, 44, 25, tzinfo=dt.timezone(dt.timedelta(hours=-7))
                )
            },
        ),
    ),
    (
        (
            b"* 2 FETCH (BODY[1.2.HEADER.FIELDS (from {2}\r\nto)]<9> {3}\r\n\r\n) "
            b'RFC822 NIL BODY[] "")\r\n'
        ),
        Fetch(
            2,
            {
                "BODY[1.2.HEADER.FIELDS (FROM TO)]<9>": b"\r\n)",
                "RFC822": None,
                "BODY[]": b"",
            },
        ),
    ),
    (
        b"* 12 FETCH (ENVELOPE " + ENVELOPE + b")\r\n",
        Fetch(
            12,
            {
                "ENVELOPE": SUMMARY,
            },
        ),
    ),
    (
        b'* 1 FETCH (BODY (("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3 1)'
        b'("message" "rfc822" NIL NIL NIL "7bit" 9 '
        + ENVELOPE
        + b' ("text" "html" NIL NIL "d" "base64" 0 0) 4) "MIXED"))\r\n',
        Fetch(
            1,
            {
                "BODY": Multipart(
                    (
                        Part(
                            "TEXT",
                            "PLAIN",
                            (("CHARSET", b"US-ASCII"),),
                            None,
                            None,
                            "7BIT",
                            3,
                            1,
                        ),
                        Part(
                            "MESSAGE",
                            "RFC822",
                            (),
                            None,
                            None,
                            "7BIT",
                            9,
                            4,
                            SUMMARY,
                            Part("TEXT", "HTML", (), None, b"d", "BASE64", 0, 0),
                        ),
                    ),
                    "MIXED",
                )
            },
        ),
    ),
    (
        (
            b'* 1 FETCH (BODYSTRUCTURE (("application" "pdf" NIL NIL NIL "base64" 3 '
            b'NIL ("attachment" ("filename" "a")) "en" NIL 1 ("x" NIL)) "mixed" '
            b'("boundary" "b") NIL ("de" "fr") "here"))\r\n'
        ),
        Fetch(
            1,
            {
                "BODYSTRUCTURE": Multipart(
                    (
                        Part(
                            "APPLICATION",
                            "PDF",
                            (),
                            None,
                            None,
                            "BASE64",
                            3,
                            extension=Extension(
                                None,
                                ("ATTACHMENT", (("FILENAME", b"a"),)),
                                ("en",),
                                None,
                                (1, (b"x", None)),
                            ),
                        ),
                    ),
                    "MIXED",
                    (("BOUNDARY", b"b"),),
                    Extension(None, None, ("de", "fr"), b"here"),
                )
            },
        ),
    ),
    # §7.5
    (b"+ Ready for literal\r\n", Continuation("Ready for literal")),
    (b"+ \r\n", Continuation("")),
    (
        b"+ YGgGCSqGSIb3EgECAgIAAgAxAgMA\r\n",
        Continuation("YGgGCSqGSIb3EgECAgIAAgAxAgMA"),
    ),
    (b"+ idling {3}\r\n", Continuation("idling {3}")),
    # other RFCs
    (b"* ENABLED CONDSTORE\r\n", Enabled(frozenset({"CONDSTORE"}))),
    (b"* ENABLED\r\n", Enabled(frozenset())),
    (b"* VANISHED (EARLIER) 1:3,7\r\n", Vanished(((1, 3), (7, 7)), earlier=True)),
    (b"* VANISHED 41\r\n", Vanished(((41, 41),))),
    (b"* SEARCH 2 5 (MODSEQ 917162500)\r\n", SearchResult((2, 5), 917_162_500)),
    (b"* 7 FETCH (UID 9 MODSEQ (12))\r\n", Fetch(7, {"UID": 9, "MODSEQ": 12})),
    (b"* 9 UIDFETCH (MODSEQ (12))\r\n", UidFetch(9, {"MODSEQ": 12})),
    (
        b'* ID ("Name" "Cyrus" "os" NIL)\r\n',
        ServerId((("name", b"Cyrus"), ("os", None))),
    ),
    (b"* ID NIL\r\n", ServerId(None)),
    (
        b'* NAMESPACE (("" "/")("#mh/" "/" "X-PARAM" ("a" "b"))) NIL (("" NIL))\r\n',
        Namespace((("", "/"), ("#mh/", "/")), (), (("", None),)),
    ),
]

REFUSED = [
    b"* OK\r\n",
    b"* OK \r\n",
    b"*  OK two spaces\r\n",
    b"* OK [ALERT]\r\n",
    b"* OK [ALERT with] x\r\n",
    b"* OK [UIDNEXT 0] x\r\n",
    b"* OK [UIDNEXT] x\r\n",
    b"* OK \xc3\xa4\r\n",
    b"* OK a\nb\r\n",
    b"* OK no end\n",
    b"a BYE never tagged\r\n",
    b"a+ OK tag with a plus\r\n",
    b"* CAPABILITY STARTTLS\r\n",
    b"* CAPABILITY IMAP4rev1 IDLE IDLE\r\n",
    b"* SEARCH 2  3\r\n",
    b"* SEARCH 0\r\n",
    b"* SEARCH 3 3\r\n",
    b"* SEARCH 3 \r\n",
    b"* 4294967296 EXISTS\r\n",
    b"* 0 FETCH (UID 1)\r\n",
    b"* 0 EXPUNGE\r\n",
    b"* 1 FETCH ()\r\n",
    b"* 1 FETCH (UID 0)\r\n",
    b"* 1 FETCH (UID 1 UID 2)\r\n",
    b"* 1 FETCH (NOSUCH 2)\r\n",
    b"* 1 FETCH (FLAGS (\\Seen \\seen))\r\n",
    b"* 1 FETCH (FLAGS (\\*))\r\n",
    b"* 1 FETCH (BODY[0] NIL)\r\n",
    b"* 1 FETCH (BODY[MIME] NIL)\r\n",
    b"* 1 FETCH (BODY[1.HEADER.FIELDS ()] NIL)\r\n",
    b"* 1 FETCH (BODY[] {3}\r\nab)\r\n",
    b"* 1 FETCH (BODY[] {3}\r\na\0b)\r\n",
    b'* 1 FETCH (BODY[] "a\x80")\r\n',
    b'* 1 FETCH (BODY[] "a\\n")\r\n',
    b'* 1 FETCH (INTERNALDATE "7-Jul-1996 02:44:25 -0700")\r\n',
    b'* 1 FETCH (INTERNALDATE "31-Feb-1996 02:44:25 -0700")\r\n',
    b'* 1 FETCH (BODY ("" "" NIL NIL NIL "7bit" 0))\r\n',
    b'* 1 FETCH (BODY ("text" "plain" NIL NIL NIL "7bit" 0))\r\n',
    b'* 1 FETCH (BODY ("text" "plain" () NIL NIL "7bit" 0 0))\r\n',
    b'* 1 FETCH (BODY ("text" "plain" NIL NIL NIL NIL 0 0))\r\n',
    b'* 1 FETCH (BODY ("multipart" "mixed" NIL NIL NIL "7bit" 0))\r\n',
    b'* 1 FETCH (BODY ("a" "b" NIL NIL NIL "7bit" 0 NIL))\r\n',
    b'* 1 FETCH (BODY ("message" "rfc822" NIL NIL NIL "7bit" 0))\r\n',
    b'* 1 FETCH (BODY (("a" "b" NIL NIL NIL "7bit" 0)"mixed"))\r\n',
    b'* 1 FETCH (BODY ("mixed"))\r\n',
    b"* 1 FETCH (BODY " + b"(" * 5_000 + b"\r\n",
    b"* 1 FETCH (ENVELOPE (NIL NIL () NIL NIL NIL NIL NIL NIL NIL))\r\n",
    b'* 1 FETCH (ENVELOPE (NIL NIL NIL NIL ((NIL NIL "" NIL)) NIL NIL NIL NIL))\r\n',
    b"* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL))\r\n",
    b"* FLAGS (\\Recent)\r\n",
    b"* FLAGS (\\Seen  \\Draft)\r\n",
    b"* LIST (\\Noselect \\Marked) NIL x\r\n",
    b"* LIST (Marked) NIL x\r\n",
    b'* LIST () "//" x\r\n',
    b'* LIST () "/" a b\r\n',
    b"* STATUS x (MESSAGES)\r\n",
    b"* STATUS x (MESSAGES 1 MESSAGES 2)\r\n",
    b"* NAMESPACE NIL NIL\r\n",
    b"* NAMESPACE () NIL NIL\r\n",
    b"* WHATEVER\r\n",
    b"+\r\n",
    b"+nothing\r\n",
    b"a OK [COPYUID 1 1:3 1:2] x\r\n",
    b"a OK [COPYUID 1 1:* 1:2] x\r\n",
    b"a OK [COPYUID 1 1:4000000000 1:2] x\r\n",
    b"\r\n",
]


@pytest.mark.parametrize(("wire", "value"), KNOWN, ids=range(len(KNOWN)))
def test_known_answers(wire: bytes, value: Response):
    assert parse_response(wire) == value


@pytest.mark.parametrize("wire", REFUSED, ids=lambda wire: repr(wire[:40]))
def test_what_the_grammar_does_not_allow_is_refused(wire: bytes):
    with pytest.raises(Malformed):
        parse_response(wire)


@given(st.data())
def test_cut_anywhere_the_same_responses(data: st.DataObject):
    chosen = data.draw(st.lists(st.sampled_from(KNOWN), max_size=8))
    stream = b"".join(wire for wire, _ in chosen)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    parser = ResponseParser()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        parser.feed(stream[start:end])
        while (one := parser.next()) is not None:
            found.append(one)
    assert found == [value for _, value in chosen]
    assert not parser.pending


@given(
    st.lists(st.sampled_from([wire for wire, _ in KNOWN] + REFUSED)).flatmap(
        lambda wires: st.tuples(
            st.just(b"".join(wires)), st.integers(0, 400), st.binary(max_size=4)
        )
    )
    | st.tuples(st.binary(), st.just(0), st.binary())
)
def test_any_octets_are_read_or_refused(drawn: tuple[bytes, int, bytes]):
    stream, at, noise = drawn
    parser = ResponseParser()
    parser.feed(stream[:at] + noise + stream[at:])
    while (raw := parser.next_raw()) is not None:
        with contextlib.suppress(Malformed):
            parse_response(raw)


def test_literals_arrive_in_linear_time():
    parser = ResponseParser()
    head, tail = b"* 1 FETCH (BODY[] {3000000}\r\n", b")\r\n"
    parser.feed(head)
    found = []
    for _ in range(3_000):
        parser.feed(b"\r" * 1_000)
        found.append(parser.next())
    parser.feed(tail)
    assert found == [None] * 3_000
    last = parser.next()
    assert isinstance(last, Fetch)
    assert last.section("BODY[]") == b"\r" * 3_000_000


def test_leaf_sections_are_numbered_as_the_rfc_does():
    """RFC 3501 §6.4.5 gives this message as its example."""
    text = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1)'
    other = b'("APPLICATION" "OCTET-STREAM" NIL NIL NIL "7BIT" 1)'
    message = b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 1 ' + ENVELOPE + b" %s 1)"
    gif = b'("IMAGE" "GIF" NIL NIL NIL "7BIT" 1)'
    third = message % (b"(" + text + other + b'"MIXED")').replace(b' "M', b' "M')
    third = third.replace(b')"MIXED"', b') "MIXED"')
    alternative = b"(" + text + text + b' "ALTERNATIVE")'
    fourth = b"(" + gif + message % (b"(" + text + alternative + b' "MIXED")')
    whole = b"(" + text + other + third + fourth + b' "MIXED") "MIXED")'
    parsed = parse_response(b"* 1 FETCH (BODY " + whole + b")\r\n")
    assert isinstance(parsed, Fetch)
    body = parsed.items["BODY"]
    assert isinstance(body, Multipart)
    assert [name for name, _ in leaf_sections(body)] == [
        *("1", "2", "3", "3.1", "3.2"),
        *("4.1", "4.2", "4.2.1", "4.2.2.1", "4.2.2.2"),
    ]
