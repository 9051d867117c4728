"""CATENATE: pieces joined octet for octet, or nothing (RFC 4469)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.append import Append
from imapd.extensions import catenate
from imapd.extensions.catenate import MAX_PARTS, Catenate, TextPart, UrlPart
from imapd.extensions.url_partial import FEATURE as URL_PARTIAL
from imapd.session.append_program import NewMessage
from imapd.session.faults import Bad
from imapd.session.url_content import open_own
from imapd.wire.framing import Literal
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.furnished import OPTIONS
from tests.support.responses import Exists, Fetch, Status
from tests.support.session import Session, World

HEADER = b"Subject: source\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
ONE, TWO = b"first part", b"second\r\npart"
SOURCE = (
    HEADER
    + b"--b\r\nContent-Type: text/plain\r\n\r\n"
    + ONE
    + b"\r\n--b\r\nX-Two: y\r\n\r\n"
    + TWO
    + b"\r\n--b--\r\n"
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "ann", "bob")
    made.deliver(SOURCE)
    made.deliver(b"Subject: of bob\r\n\r\nsecret\r\n", name="bob")
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    return world.session()


def text(data: bytes) -> bytes:
    return b"TEXT {%d+}\r\n%b" % (len(data), data)


def append(*parts: bytes) -> bytes:
    return b"APPEND Drafts CATENATE (" + b" ".join(parts) + b")"


def made(session: Session, mailbox: bytes = b"Drafts") -> list[object]:
    session.ok(b"EXAMINE " + mailbox)
    found = session.ok(b"UID FETCH 1:* (BODY.PEEK[] RFC822.SIZE)").of(Fetch)
    for one in found:
        body = one.items["BODY[]"]
        assert isinstance(body, bytes)
        assert len(body) == one.items["RFC822.SIZE"]
    return [one.items["BODY[]"] for one in found]


@pytest.mark.parametrize(
    ("url", "octets"),
    [
        (b"/INBOX/;UID=1", SOURCE),
        (b"INBOX/;uid=1", SOURCE),
        (b"/inbox/;UID=1/;SECTION=HEADER", HEADER),
        (b"/INBOX/;UID=1/;SECTION=1", ONE),
        (b"/INBOX/;UID=1/;SECTION=2.MIME", b"X-Two: y\r\n\r\n"),
        (b"/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(SUBJECT)", HEADER[:17] + b"\r\n"),
        (b"/INBOX/;UID=1/;PARTIAL=9.6", SOURCE[9:15]),
        (b"/INBOX/;UID=1/;SECTION=2/;PARTIAL=3", TWO[3:]),
        (b"/INBOX/;UID=1/;SECTION=2/;PARTIAL=3.1000", TWO[3:]),
        (
            b"/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(SUBJECT)/;PARTIAL=2.5",
            HEADER[2:7],
        ),
    ],
)
def test_a_url_is_what_fetch_would_give(ann, url, octets):
    answer = ann.ok(append(text(b"<"), b'URL "%b"' % url, text(b">")))
    assert answer.code == "APPENDUID"
    assert made(ann) == [b"<" + octets + b">"]
    assert URL_PARTIAL.requires == ("CATENATE",)


def test_a_url_may_be_of_the_selected_mailbox(ann):
    ann.no(append(b"URL ;UID=1"), "BADURL")
    ann.ok(b"SELECT INBOX")
    ann.ok(append(b"URL ;UID=1/;SECTION=1", b"URL /;UID=1/;SECTION=2"))
    (found,) = ann.ok(b"FETCH 1 FLAGS").of(Fetch)
    assert "\\Seen" not in found.items["FLAGS"]
    assert made(ann) == [ONE + TWO]


def test_uidvalidity_has_to_be_right(ann):
    validity = ann.ok(b"STATUS INBOX (UIDVALIDITY)").untagged[0].items["UIDVALIDITY"]
    ann.ok(append(b"URL /INBOX;UIDVALIDITY=%d/;UID=1" % validity))
    ann.no(append(b"URL /INBOX;UIDVALIDITY=%d/;UID=1" % (validity + 1)), "BADURL")


@pytest.mark.parametrize(
    "url",
    [
        b"/INBOX/;UID=2",
        b"/INBOX/;UID=1/;SECTION=3",
        b"/INBOX/;UID=1/;SECTION=1.HEADER",
        b"/nowhere/;UID=1",
        b"/INBOX",
        b"no url",
        b"imap://ann@example.org/INBOX/;UID=1",
        b"imap://bob@example.org/INBOX/;UID=1",
        b"/INBOX/;UID=1;URLAUTH=anonymous",
        b"http://example.org/",
    ],
)
def test_a_wrong_url_is_told_and_nothing_is_stored(ann, url, tmp_path):
    big = text(b"x" * 2_000_000)
    answer = ann.no(append(big, b'URL "%b"' % url, b"URL /worse"), "BADURL")
    assert b'[BADURL "%b"]' % url in answer.raw
    assert made(ann) == []
    assert not list((tmp_path / "accounts").rglob("*.part"))


def test_a_url_cannot_forge_a_line(ann):
    answer = ann.no(append(b"URL {11+}\r\n/x] a\r\nb OK"), "BADURL")
    assert answer.raw.count(b"\r\n") == 1
    assert b"[BADURL " in answer.raw


def test_what_was_expunged_is_gone_for_urls(world, ann):
    ann.ok(b"SELECT INBOX")
    other = world.session(mailbox=b"INBOX")
    other.ok(b"STORE 1 +FLAGS (\\Deleted)")
    other.ok(b"EXPUNGE")
    ann.no(append(b"URL /INBOX/;UID=1"), "BADURL")


def test_texts_are_asked_for_and_urls_may_be_literals(ann):
    ann.begin(b"APPEND Drafts CATENATE (TEXT {3}")
    ann.feed(b"one URL {%d}\r\n" % 21)
    (asked,) = ann.feed(b"/INBOX/;UID=1/;SECTION=1"[:21] + b" TEXT {3}\r\n")
    assert asked.text
    done = ann.feed(b"two)\r\n")[-1]
    assert (done.kind, done.code.name) == ("NO", "BADURL")
    ann.begin(b"APPEND Drafts CATENATE (URL {24}")
    (asked,) = ann.feed(b"/INBOX/;UID=1/;SECTION=1 TEXT {3}\r\n")
    assert asked.text
    assert ann.feed(b"two)\r\n")[-1].kind == "OK"
    assert made(ann) == [ONE + b"two"]


def test_it_mixes_with_plain_messages(ann):
    ann.ok(
        b"APPEND Drafts {1+}\r\n1 (\\Seen) CATENATE (%b URL /INBOX/;UID=1/;SECTION=1)"
        b" {1+}\r\n3 CATENATE (%b)" % (text(b"2"), text(b"4"))
    )
    assert made(ann) == [b"1", b"2" + ONE, b"3", b"4"]


def test_messages_without_literals_stand_between_those_with(ann):
    """Each literal is of the message in which it stands, whatever was before."""
    url = b"CATENATE (URL /INBOX/;UID=1/;SECTION=1)"
    ann.ok(
        b"APPEND Drafts CATENATE (%b) %b %b CATENATE (%b %b) %b {1+}\r\n6"
        % (text(b"1"), url, url, text(b"4"), text(b"5"), url)
    )
    assert made(ann) == [b"1", ONE, ONE, b"45", ONE, b"6"]
    # An empty message is refused at once, and not asked for.
    found = ann.feed(
        b"x APPEND Drafts CATENATE (%b) %b CATENATE (%b) {0}\r\n"
        % (text(b"1"), url, text(b"2"))
    )
    assert [one.kind for one in found if isinstance(one, Status)] == ["NO"]


def test_replace_takes_it_too(ann):
    """RFC 8508 §4.2: a header in front of what is there."""
    ann.ok(b"SELECT INBOX")
    ann.ok(
        b"UID REPLACE 1 INBOX CATENATE (%b URL /INBOX/;UID=1)" % text(b"To: x@y.z\r\n")
    )
    assert made(ann, b"INBOX") == [b"To: x@y.z\r\n" + SOURCE]


def test_binary_texts_come_back_whole(ann):
    ann.ok(append(text(b"A: b\r\n\r\n"), b"TEXT ~{3+}\r\na\x00b"))
    ann.ok(b"EXAMINE Drafts")
    (found,) = ann.ok(b"FETCH 1 BINARY.PEEK[1]").of(Fetch)
    assert found.items["BINARY[1]"] == b"a\x00b"
    ann.no(append(text(b"A: b\r\n\r\n"), b"TEXT {3+}\r\na\x00b"), "CANNOT")


def test_raw_nuls_are_joined_as_fetch_gives_them(world, ann):
    world.deliver(b"A: b\r\n\r\n\x00", binary=True)
    ann.ok(append(b"URL /INBOX/;UID=2"))
    assert made(ann) == [b"A: b\r\n\r\n\x80"]


def test_too_much_and_nothing_are_refused(world, ann, tmp_path):
    ann.no(append(text(b""), text(b"")))
    big = b"x" * 9_000_000
    ann.append(b"INBOX", big)
    parts = [b"URL /INBOX/;UID=2"] * (OPTIONS.max_message // len(big) + 1)
    ann.no(append(*parts), "TOOBIG")
    ann.begin(b"APPEND Drafts CATENATE (URL /INBOX/;UID=1 TEXT {1}")
    (told,) = ann.feed(b"x TEXT {99999999}\r\n")
    assert (told.kind, told.code.name) == ("NO", "TOOBIG")
    assert ann.ok(b"SELECT Drafts").of(Exists) == [Exists(0)]
    assert not list((tmp_path / "accounts").rglob("*.part"))


def test_a_broken_connection_leaves_nothing(ann, tmp_path):
    ann.begin(b"APPEND Drafts CATENATE (TEXT {2000000}")
    ann.feed(b"x" * 2_000_000 + b" TEXT {2000000}\r\n" + b"y")
    ann.drop()
    assert not list((tmp_path / "accounts").rglob("*.part"))


def test_parts_are_bounded(ann):
    ann.bad(append(*[text(b"x")] * (MAX_PARTS + 1)))
    ann.ok(append(*[text(b"x")] * MAX_PARTS))
    assert made(ann) == [b"x" * MAX_PARTS]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (b"CATENATE", "a space wanted"),
        (b"CATENATE ()", "TEXT or URL wanted"),
        (b"CATENATE (TEXT x)", "a literal wanted"),
        (b"CATENATE (TEXT {} URL)", "a space wanted"),
        (b"CATENATE (MORE {})", "TEXT or URL wanted"),
        (b"CATENATE (CATENATE (TEXT {}))", "TEXT or URL wanted"),
        (b"CATENATE (TEXT {}", "')' wanted"),
        (b"CATENATE (TEXT {}) x", "a literal wanted"),
    ],
)
def test_refusals(arguments, reason):
    with pytest.raises(Bad, match=re.escape(reason)):
        parsed(b"APPEND x " + arguments, *[b"x"] * arguments.count(b"{}"))


PARTS = st.lists(
    st.one_of(
        st.builds(
            lambda data, binary: TextPart(
                Literal(len(data), data, binary=binary, synchronizing=False)
            ),
            st.binary(max_size=9),
            st.booleans(),
        ),
        st.builds(UrlPart, st.sampled_from([b"/INBOX/;UID=1", b'a"b\\', b"\r\n", b""])),
    ),
    min_size=1,
    max_size=5,
)


@given(PARTS)
def test_inverse(parts):
    node = Append(b"x", (NewMessage(Catenate(tuple(parts)), ("\\Seen",)),))
    assert reparsed("APPEND", node) == node


def test_what_is_too_large_is_refused_before_all_of_it_is_opened(tmp_path, monkeypatch):
    opened = []

    async def open_one(context, url):
        opened.append(await open_own(context, url))
        return opened[-1]

    monkeypatch.setattr(catenate, "open_own", open_one)
    world = World(tmp_path, options=replace(OPTIONS, max_message=3 * len(SOURCE)))
    world.deliver(SOURCE)
    session = world.session()
    session.no(append(*[b'URL "/INBOX/;UID=1"'] * MAX_PARTS), "TOOBIG")
    assert len(opened) == 4
    world.close()


def test_of_a_range_of_fields_nothing_else_is_kept(world, monkeypatch):
    kept = []

    async def open_one(context, url):
        content = await open_own(context, url)
        kept.append(content.whole)
        return content

    monkeypatch.setattr(catenate, "open_own", open_one)
    fields = b"/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(SUBJECT)/;PARTIAL=2.5"
    world.session().ok(append(b'URL "%b"' % fields))
    assert kept == [HEADER[2:7]]
