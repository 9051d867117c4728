"""What SORT and THREAD compare of a message."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from mailstore.mime.ingest import ingest
from mailstore.mime.message_id import hashed
from mailstore.mime.packed import unpack_header
from mailstore.mime.sorting import SortFields, stored_fields
from tests.mailstore.mime.corpus import OWN, real


def of(header: bytes) -> SortFields:
    return ingest(header + b"\r\n\r\nbody").sort


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        (b"Subject: Re: [x] =?utf-8?q?caf=C3=A9?=", "café".encode()),
        (b"Subject: =?utf-8?q?Re=3A_hi?=", b"hi"),
        (b"Subject: =?koi8-r?b?4czFy9PFyg==?=", "Алексей".encode()),
        (b"Subject: caf\xc3\xa9", "café".encode()),
        # RFC 5255 §4.6: what no charset explains stays as it is, behind an octet
        (b"Subject: Re: caf\xe9", b"\xffcaf\xe9"),
        (b"Subject: =?utf-8?q?Re=3A_caf=E9?=", b"\xffcaf\xe9"),
        (b"Subject: =?x-none?q?abc?= =?x-none?q?d?=", b"\xffabcd"),
        (b"Subject: =?utf-8?q?a?= =?x-none?q?b?= c", b"\xffab c"),
        (b"Subject: one\r\nSubject: two", b"one"),
        (b"Subject:\r\n folded\r\n\ttext", b"folded text"),
        (b"X: y", b""),
        # as many octets as are kept, whole characters of them
        (b"Subject: " + b"x" * 2_000, b"x" * 1_000),
        (b"Subject: y" + "é".encode() * 2_000, b"y" + "é".encode() * 499),
    ],
)
def test_subjects(header, subject):
    assert of(header).subject == subject


@pytest.mark.parametrize(
    ("value", "mailbox", "display"),
    [
        (b"A B <ann@example.org>", b"ann", b"A B"),
        (b"ann@example.org", b"ann", b"ann@example.org"),
        (b'"Smith, J." <j@x>, K <k@y>', b"j", b"Smith, J."),
        (b"=?utf-8?q?J=C3=B6rg?= <j@x>", b"j", "Jörg".encode()),
        (b"=?utf-8?q?J=F6rg?= <j@x>", b"j", b"\xffJ\xf6rg"),
        (b"=?utf-8?q??= <j@x>", b"j", b"j@x"),
        (b'"a b"@x', b"a b", b"a b@x"),
        (b"j\xc3\xb6@x", "jö".encode(), "jö@x".encode()),
        (b"j\xf6@x", b"\xffj\xf6", b"\xffj\xf6@x"),
        # RFC 2047 §5: no encoded word
        (b"=?utf-8?q?a?=@x", b"=?utf-8?q?a?=", b"=?utf-8?q?a?=@x"),
        # RFC 3501 §7.4.2: a group begins with its name
        (b"Friends: a@x, b@y;", b"Friends", b"Friends"),
        (
            b"undisclosed-recipients:;",
            b"undisclosed-recipients",
            b"undisclosed-recipients",
        ),
        (b"", b"", b""),
        (b",, ,", b"", b""),
    ],
)
def test_addresses(value, mailbox, display):
    for name in ("From", "To", "Cc"):
        found = of(name.encode() + b": " + value)
        plain = {"From": found.from_, "To": found.to_, "Cc": found.cc}
        assert plain[name] == mailbox
        if name != "Cc":
            shown = {"From": found.display_from, "To": found.display_to}
            assert shown[name] == display
    assert of(b"To: \r\nTo: " + value).to_ == mailbox


@pytest.mark.parametrize(
    ("date", "sent"),
    [
        # RFC 5256 §2.2
        (b"31 Dec 2000 16:01:33 -0800", 978_307_293),
        (b"1 Jan 2001 00:01:33 +0000", 978_307_293),
        (b"1 Jan 2001 00:01:33 +9900", 978_307_293),
        (b"1 Jan 2001 00:01:33 nowhere", 978_307_293),
        (b"1 Jan 2001 25:61:00", 978_307_200),
        (b"1 Jan 2001", 978_307_200),
        (b"99 Jan 2001 00:00:00", None),
        (b"tomorrow", None),
    ],
)
def test_sent_dates(date, sent):
    assert of(b"Date: " + date).sent == sent


def test_no_date():
    assert of(b"Subject: x").sent is None


def references(*ids: bytes) -> bytes:
    return array("q", map(hashed, ids)).tobytes()


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (b"References: <a@b>\r\n\t<c@d>", references(b"a@b", b"c@d")),
        (b"References: <a@b>\r\nIn-Reply-To: <x@y>", references(b"a@b")),
        (b"References: none\r\nIn-Reply-To: <x@y> <z@y>", references(b"x@y")),
        (b"In-Reply-To: Ann's <x@y> of today", references(b"x@y")),
        (b"In-Reply-To: nothing", b""),
        (b"Subject: x", b""),
    ],
)
def test_references(header, found):
    assert of(header).references == found


def test_a_message_id_is_the_first_that_is_valid():
    assert of(b"Message-ID: <nonsense> <a@b>").message_id == hashed(b"a@b")
    assert of(b"Message-ID: nonsense").message_id is None


def test_long_lists_keep_their_end():
    names = [b"%d@x" % at for at in range(3_000)]
    header = b"References:" + b"".join([b" <%b>\r\n" % name for name in names])
    assert of(header.rstrip()).references == references(*names[-2_000:])


def same(path: Path) -> None:
    found = ingest(path.read_bytes())
    header = unpack_header(found.header)
    if header is not None:
        assert stored_fields(header) == found.sort, path


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_what_is_stored_of_a_header_gives_the_same(path):
    same(path)


def test_what_is_stored_of_real_headers_gives_the_same():
    for path in real():
        same(path)
