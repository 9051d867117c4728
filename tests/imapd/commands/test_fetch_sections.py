"""BODY[section]<partial> on real and ugly messages (RFC 3501 §6.4.5)."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime.header import select_fields
from mailstore.mime.names import LISTED
from tests.imapd.commands.memory_store import World
from tests.imapd.commands.peers import Peer
from tests.support.responses import Fetch, Multipart, Part, leaf_sections

MAIL = sorted((Path(__file__).parents[2] / "data" / "mail").glob("*.eml"))


def crlf(text: str) -> bytes:
    return text.strip("\n").replace("\n", "\r\n").encode()


# The example of RFC 3501 §6.4.5, with a text in each part.
INNER_3 = crlf(
    """
Subject: third
Content-Type: multipart/mixed; boundary=c

--c
Content-Type: text/plain

three one
--c
Content-Type: application/octet-stream

three two
--c--"""
)
INNER_42 = crlf(
    """
Subject: four two
Content-Type: multipart/mixed; boundary=e

--e
Content-Type: text/plain

four two one
--e
Content-Type: multipart/alternative; boundary=f

--f
Content-Type: text/plain

plain
--f
Content-Type: text/richtext

rich
--f--
--e--"""
)
PART_4 = (
    crlf(
        """
--d
Content-Type: image/gif
Content-ID: <gif>

GIF
--d
Content-Type: message/rfc822

"""
    )
    + b"\r\n\r\n"
    + INNER_42
    + b"\r\n--d--"
)
HEADER = (
    crlf(
        """
From: Ada <ada@x.org>
Subject: complex
To: a@x.org
TO: b@x.org,
 c@x.org
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b"""
    )
    + b"\r\n\r\n"
)
BODY = (
    crlf(
        """
preamble
--b
Content-Type: text/plain
Content-Language: en

first
--b
Content-Type: application/octet-stream

second
--b
Content-Type: message/rfc822

"""
    )
    + b"\r\n\r\n"
    + INNER_3
    + b"\r\n--b\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n"
    + PART_4
    + b"\r\n--b--\r\n"
)
COMPLEX = HEADER + BODY

SECTIONS = [
    ("", COMPLEX),
    ("HEADER", HEADER),
    ("TEXT", BODY),
    ("1", b"first"),
    ("1.MIME", b"Content-Type: text/plain\r\nContent-Language: en\r\n\r\n"),
    ("2", b"second"),
    ("3", INNER_3),
    ("3.HEADER", INNER_3[: INNER_3.index(b"--c")]),
    ("3.TEXT", INNER_3[INNER_3.index(b"--c") :]),
    ("3.1", b"three one"),
    ("3.2", b"three two"),
    ("3.2.MIME", b"Content-Type: application/octet-stream\r\n\r\n"),
    ("4", PART_4),
    ("4.1", b"GIF"),
    ("4.1.MIME", b"Content-Type: image/gif\r\nContent-ID: <gif>\r\n\r\n"),
    ("4.2", INNER_42),
    ("4.2.HEADER", INNER_42[: INNER_42.index(b"--e")]),
    ("4.2.TEXT", INNER_42[INNER_42.index(b"--e") :]),
    ("4.2.1", b"four two one"),
    ("4.2.2.1", b"plain"),
    ("4.2.2.2", b"rich"),
    ("3.HEADER.FIELDS (SUBJECT)", b"Subject: third\r\n\r\n"),
    ("4.2.HEADER.FIELDS.NOT (CONTENT-TYPE)", b"Subject: four two\r\n\r\n"),
    ("HEADER.FIELDS (TO)", b"To: a@x.org\r\nTO: b@x.org,\r\n c@x.org\r\n\r\n"),
    ("HEADER.FIELDS (X-NONE)", b"\r\n"),
    (
        "HEADER.FIELDS.NOT (TO FROM CONTENT-TYPE MIME-VERSION)",
        b"Subject: complex\r\n\r\n",
    ),
]
# What a message doesn't have is NIL, of what kind ever it is.
ABSENT = ["5", "1.1", "1.HEADER", "2.TEXT", "4.HEADER", "3.3", "4.2.2.3", "9.9.9.MIME"]


def peer_of(*messages: bytes) -> Peer:
    made = World()
    for message in messages:
        made.box("INBOX").add(message)
    return Peer(made)


@pytest.mark.parametrize(("section", "octets"), SECTIONS)
def test_each_section_of_the_complex_message(section, octets):
    item = f"BODY[{section}]"
    answer = peer_of(COMPLEX).ok(b"FETCH 1 BODY.PEEK" + item[4:].encode())
    assert answer.fetches == {1: {item: octets}}


@pytest.mark.parametrize("section", ABSENT)
@pytest.mark.parametrize("partial", ["", "<0.10>", "<7.1>"])
def test_a_section_that_is_not_there_is_nil(section, partial):
    answer = peer_of(COMPLEX).ok(f"FETCH 1 BODY.PEEK[{section}]{partial}".encode())
    assert list(answer.fetches[1].values()) == [None]


def test_fields_of_a_section_that_is_not_there_are_nil():
    answer = peer_of(COMPLEX).ok(b"FETCH 1 BODY.PEEK[1.HEADER.FIELDS (SUBJECT)]")
    assert list(answer.fetches[1].values()) == [None]


@pytest.mark.parametrize(
    ("item", "octets"),
    [("RFC822", COMPLEX), ("RFC822.HEADER", HEADER), ("RFC822.TEXT", BODY)],
)
def test_the_older_names(item, octets):
    answer = peer_of(COMPLEX).ok(b"FETCH 1 " + item.encode())
    assert answer.of(Fetch)[0].items == {item: octets}


@pytest.mark.parametrize(("section", "octets"), SECTIONS)
@pytest.mark.parametrize(
    ("start", "count"),
    [(0, 1), (0, 4294967295), (3, 5), (10_000, 1), (4294967295, 4294967295)],
)
def test_partials_are_cut_and_named_by_their_origin(section, octets, start, count):
    peer = peer_of(COMPLEX)
    answer = peer.ok(f"FETCH 1 BODY.PEEK[{section}]<{start}.{count}>".encode())
    assert answer.fetches == {
        1: {f"BODY[{section}]<{start}>": octets[start : start + count]}
    }


def test_part_one_of_a_message_without_parts_is_its_body():
    answer = peer_of(b"Subject: x\r\n\r\nbody\r\n").ok(
        b"FETCH 1 (BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[1.HEADER] BODY.PEEK[2])"
    )
    assert answer.fetches[1] == {
        "BODY[1]": b"body\r\n",
        "BODY[1.MIME]": b"Subject: x\r\n\r\n",
        "BODY[1.HEADER]": None,
        "BODY[2]": None,
    }


def test_several_messages_of_which_only_some_have_the_section():
    answer = peer_of(COMPLEX, b"Subject: x\r\n\r\nbody\r\n").ok(
        b"FETCH 1:2 (UID BODY.PEEK[2] RFC822.SIZE)"
    )
    assert answer.fetches == {
        1: {"UID": 1, "BODY[2]": b"second", "RFC822.SIZE": len(COMPLEX)},
        2: {"UID": 2, "BODY[2]": None, "RFC822.SIZE": 20},
    }


# -- the ugly ones


def whole(data: bytes) -> bytes:
    return data.replace(b"\x00", b"\x80")


@pytest.fixture(params=MAIL, ids=lambda path: path.stem)
def ugly(request) -> bytes:
    data: bytes = request.param.read_bytes()
    return data


def test_an_ugly_message_comes_as_it_is_stored(ugly):
    answer = peer_of(ugly).ok(
        b"FETCH 1 (RFC822.SIZE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT])"
    )
    items = answer.fetches[1]
    assert items["BODY[]"] == whole(ugly)
    assert items["RFC822.SIZE"] == len(ugly)
    assert items["BODY[HEADER]"] + items["BODY[TEXT]"] == whole(ugly)


def test_sizes_of_the_structure_are_those_of_the_sections(ugly):
    """Thunderbird and others compare them."""
    peer = peer_of(ugly)
    answer = peer.ok(b"FETCH 1 (BODYSTRUCTURE BODY)").fetch
    plain = answer.items["BODY"]
    assert isinstance(plain, Part | Multipart)
    for name, part in leaf_sections(answer.structure):
        (found,) = peer.ok(f"FETCH 1 BODY.PEEK[{name}]".encode()).fetches.values()
        octets = found[f"BODY[{name}]"]
        assert octets is not None
        assert len(octets) == part.size
    assert [(name, part.size) for name, part in leaf_sections(plain)] == [
        (name, part.size) for name, part in leaf_sections(answer.structure)
    ]


def test_fields_from_the_index_are_those_of_the_header(ugly):
    """What is read from the packed header and from the blob is one and the same."""
    peer = peer_of(ugly)
    listed = b" ".join(re.sub(rb"[^!-~]", b"", name) for name in sorted(LISTED))
    header = peer.ok(b"FETCH 1 BODY.PEEK[HEADER]").fetches[1]["BODY[HEADER]"]
    answer = peer.send(b"FETCH 1 BODY.PEEK[HEADER.FIELDS (%b)]" % listed)
    other = peer.send(b"FETCH 1 BODY.PEEK[HEADER.FIELDS (%b X-Not)]" % listed)
    expected = select_fields(header, set(LISTED))
    for raw in (answer, other):
        literal = b"{%d}\r\n%b)\r\n" % (len(expected), expected)
        assert raw.split(b")] ", 1)[1].startswith(literal)


def test_nul_is_sent_as_another_octet_and_sizes_stay_true():
    message = b"Subject: a\x00b\r\n\r\nx\x00y\r\n"
    items = b"BODY.PEEK[] BODY.PEEK[TEXT]<1.2> BODY.PEEK[HEADER.FIELDS (SUBJECT)]"
    answer = peer_of(message).ok(b"FETCH 1 (RFC822.SIZE %b)" % items)
    assert answer.fetches[1] == {
        "RFC822.SIZE": len(message),
        "BODY[]": message.replace(b"\x00", b"\x80"),
        "BODY[TEXT]<1>": b"\x80y",
        "BODY[HEADER.FIELDS (SUBJECT)]": b"Subject: a\x80b\r\n\r\n",
    }


def test_an_empty_message_has_empty_sections():
    answer = peer_of(b"").ok(b"FETCH 1 (BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[1])")
    assert set(answer.fetches[1].values()) == {b""}


@given(st.binary(max_size=400), st.integers(0, 500), st.integers(1, 500))
def test_any_octets_come_back(data, start, count):
    peer = peer_of(data)
    text = f"FETCH 1 (BODY.PEEK[] BODY.PEEK[]<{start}.{count}>)"
    assert peer.ok(text.encode()).fetches[1] == {
        "BODY[]": whole(data),
        f"BODY[]<{start}>": whole(data)[start : start + count],
    }
