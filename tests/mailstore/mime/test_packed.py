from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime import packed as module
from mailstore.mime.header import select_fields
from mailstore.mime.names import CONTENT, ENVELOPE, LISTED, TOP
from mailstore.mime.packed import PackedFields, pack_header, unpack_header
from mailstore.mime.scanner import scan
from tests.mailstore.mime.corpus import OWN, own, real
from tests.mailstore.mime.strategies import messages

THUNDERBIRD = (
    b"From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups "
    b"In-Reply-To Content-Type Reply-To"
).split()
ROUNDCUBE = (
    b"DATE FROM TO SUBJECT CONTENT-TYPE CC REPLY-TO LIST-POST "
    b"DISPOSITION-NOTIFICATION-TO X-PRIORITY"
).split()
MUTT = (
    b"DATE FROM SENDER SUBJECT TO CC MESSAGE-ID REFERENCES CONTENT-TYPE "
    b"CONTENT-DESCRIPTION IN-REPLY-TO REPLY-TO LINES LIST-POST LIST-SUBSCRIBE "
    b"LIST-UNSUBSCRIBE X-LABEL X-ORIGINAL-TO"
).split()
K9 = (
    b"date subject from content-type to cc reply-to message-id references in-reply-to "
    b"list-unsubscribe sender X-K9mail-Identity"
).split()
MBSYNC = [b"X-TUID"]
CLIENTS = (THUNDERBIRD, ROUNDCUBE, MUTT, K9, MBSYNC, [b"subject"])


def pack(data: bytes) -> tuple[bytes, bytes]:
    root = scan(data)
    return data[: root.body], pack_header(data, root)


@pytest.mark.parametrize("names", CLIENTS)
def test_what_clients_list_with_is_kept(names: list[bytes]):
    assert PackedFields(names).possible


@pytest.mark.parametrize("names", CLIENTS)
@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_ugly_headers_give_the_same_as_the_message(path: Path, names: list[bytes]):
    header, packed = pack(path.read_bytes())
    rendered = PackedFields(names).render(packed)
    if path.stem == "nul-octets":
        assert rendered is None
    else:
        assert rendered == select_fields(header, names)


def test_real_headers_give_the_same_as_the_message():
    compiled = [(names, PackedFields(names)) for names in CLIENTS]
    for path in real():
        header, packed = pack(path.read_bytes())
        for names, fields in compiled:
            rendered = fields.render(packed)
            assert rendered in (None, select_fields(header, names))


@given(
    st.lists(messages(), max_size=4),
    st.frozensets(st.sampled_from(LISTED).map(bytes.upper), min_size=1, max_size=4),
)
def test_any_header_gives_the_same_as_the_message(data: list[bytes], names):
    compiled = PackedFields(names)
    for message in data:
        header, packed = pack(message)
        rendered = compiled.render(packed)
        if rendered is None:
            assert packed == b"\0\0"
        else:
            assert rendered == select_fields(header, names)


def test_fields_that_are_not_kept_are_asked_of_the_message():
    fields = PackedFields([b"Subject", b"Received"])
    assert not fields.possible
    assert fields.render(pack(own("html"))[1]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: " + b"x" * 20_000 + b"\r\n\r\n",
        b"To: a@b\r\n" * 300 + b"\r\n",
        b"Subject: \0\r\n\r\n",
        b"X: " + b"x" * (11 << 20) + b"\r\nSubject: beyond\r\n\r\n",
    ],
    ids=["long", "many", "nul", "beyond the limit"],
)
def test_a_header_that_is_too_much_is_asked_of_the_message(data: bytes):
    packed = pack(data)[1]
    assert packed == b"\0\0"
    assert PackedFields([b"Subject"]).render(packed) is None
    assert unpack_header(packed) is None


def test_the_kept_lines_themselves():
    _, packed = pack(b"Subject: a\r\nX-No: b\r\nTO: c\r\n d\r\n\r\nbody")
    assert unpack_header(packed) == b"Subject: a\r\nTO: c\r\n d\r\n"


def test_many_shapes_of_headers_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_MAX_SHAPES", 4)
    fields = PackedFields([b"Subject", b"To"])
    for number in range(20):
        data = b"Subject: s\r\n" + b"Cc: c\r\n" * number + b"To: t\r\n\r\n"
        assert fields.render(pack(data)[1]) == b"Subject: s\r\nTo: t\r\n\r\n"
        assert len(fields._shapes) <= 4


def test_stored_numbers_of_names_stand():
    """Stores keep these numbers: the tuple grows at its end only."""
    assert len(LISTED) == len(set(LISTED)) <= 255
    assert LISTED[:3] == (b"date", b"from", b"to")
    assert (LISTED[11], LISTED[30], LISTED[47]) == (
        b"content-type",
        b"x-tuid",
        b"user-agent",
    )
    assert CONTENT | ENVELOPE <= TOP
    assert all(name == name.lower() for name in TOP)
