"""BINARY: decoded exactly or refused, in bounded pieces, both ways."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.commands.append import Append
from imapd.extensions.binary import BinaryData, BinarySection
from imapd.session.append_program import NewMessage
from imapd.session.reply import CHUNK
from imapd.syntax.section import Partial
from imapd.wire.framing import Literal
from tests.imapd.commands.peers import parsed, reparsed
from tests.support.responses import Exists, Fetch
from tests.support.session import Answer, Session, World

BIG = os.urandom(300_000)


def message(*parts: tuple[str, bytes]) -> bytes:
    """Make a multipart of parts with an encoding and its encoded octets."""
    made = [b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"]
    for encoding, octets in parts:
        made.append(b"--b\r\nContent-Type: application/octet-stream\r\n")
        if encoding:
            made.append(f"Content-Transfer-Encoding: {encoding}\r\n".encode())
        made.append(b"\r\n" + octets + b"\r\n")
    return b"".join(made) + b"--b--\r\n"


def b64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def qp(data: bytes) -> bytes:
    """Escape every octet; Python's own encoder makes line ends of CRLF in binary."""
    codes = [b"=%02X" % octet for octet in data]
    rows = [b"".join(codes[at : at + 25]) for at in range(0, len(codes), 25)]
    return b"=\r\n".join(rows)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def ann(world: World) -> Session:
    return world.session()


def fetch(session: Session, *mail: bytes, items: bytes) -> Answer:
    for one in mail:
        assert session.append(b"INBOX", one).status.kind == "OK"
    session.ok(b"SELECT INBOX")
    return session.run(b"FETCH 1:* (" + items + b")")


@pytest.mark.parametrize(
    ("encoding", "octets", "decoded"),
    [
        ("base64", b"aGVsbG8=", b"hello"),
        ("BASE64", b"aGVs\r\n  bG8=\r\n", b"hello"),
        ("base64", b"aGVsbG8", b"hello"),  # some leave the padding out
        ("base64", b"", b""),
        ("base64", b"AP8=", b"\x00\xff"),
        ("quoted-printable", b"a=3Db=\r\nc  \r\nd", b"a=bc\r\nd"),
        ("quoted-printable", b"=ZZ=", b"=ZZ"),
        ("7bit", b"plain\r\ntext", b"plain\r\ntext"),
        ("", b"plain", b"plain"),
        ("8bit", b"\xff\xfe", b"\xff\xfe"),
        ("binary", b"x\r\n\r\ny", b"x\r\n\r\ny"),
    ],
)
def test_a_part_is_decoded(ann, encoding, octets, decoded):
    answer = fetch(
        ann, message((encoding, octets)), items=b"BINARY.PEEK[1] BINARY.SIZE[1]"
    )
    (found,) = answer.of(Fetch)
    assert found.items == {"BINARY[1]": decoded, "BINARY.SIZE[1]": len(decoded)}
    # RFC 3516 §4.3: a literal8 only where there is a NUL.
    assert (b"BINARY[1] ~{" in answer.raw) == (b"\x00" in decoded)


@pytest.mark.parametrize(
    ("encoding", "octets"),
    [
        ("base64", b"aGVs*bG8="),
        ("base64", b"aGVsb"),
        ("base64", b"aGVsbG8=\r\n-- \r\nlist footer"),
        ("base64", b"aGVsbG8=aGVsbG8="),
        ("base64", b"=aGVs"),
        ("base64", b"a==="),
        ("base64", b"\x80\x80\x80\x80"),
        ("x-uuencode", b"begin 644 x"),
        ("base64; really", b"aGVs*"),
    ],
)
@pytest.mark.parametrize("item", [b"BINARY.PEEK[1]", b"BINARY.SIZE[1]", b"BINARY[1]"])
def test_what_cannot_be_decoded_is_refused_and_the_others_are_answered(
    ann, encoding, octets, item
):
    good = message(("base64", b"aGVsbG8="))
    answer = fetch(ann, good, message((encoding, octets)), good, items=item)
    assert (answer.status.kind, answer.code) == ("NO", "UNKNOWN-CTE")
    told = [one.number for one in answer.of(Fetch) if "FLAGS" not in one.items]
    assert told == [1, 3]
    ann.ok(b"NOOP")
    assert "\\Seen" not in ann.ok(b"FETCH 2 FLAGS").of(Fetch)[0].items["FLAGS"]


@pytest.mark.parametrize(
    ("encoding", "octets"), [("base64", b"aGVs*bG8="), ("x-uuencode", b"begin 644 x")]
)
def test_what_cannot_be_decoded_is_no_trouble_of_the_store(
    world, ann, encoding, octets
):
    # The log's "store" calls the administrator to act; this is how somebody wrote.
    answer = fetch(ann, message((encoding, octets)), items=b"BINARY.SIZE[1]")
    assert answer.code == "UNKNOWN-CTE"
    assert [kind for kind, _ in world.log.events if kind == "store"] == []


def test_damage_at_the_end_of_much_is_seen_before_anything_is_sent(ann):
    answer = fetch(
        ann, message(("base64", b64(BIG) + b"*")), items=b"UID BINARY.PEEK[1]"
    )
    assert (answer.status.kind, answer.code) == ("NO", "UNKNOWN-CTE")
    assert answer.of(Fetch) == []


@pytest.mark.parametrize("data", [BIG, b"\xff" * 200_000], ids=["nul", "no-nul"])
@pytest.mark.parametrize("code", [b64, qp], ids=["base64", "qp"])
def test_much_comes_in_pieces_and_is_exact(ann, code, data):
    name = "base64" if code is b64 else "quoted-printable"
    answer = fetch(
        ann, message((name, code(data))), items=b"BINARY.SIZE[1] BINARY.PEEK[1]"
    )
    (found,) = answer.of(Fetch)
    assert found.items["BINARY[1]"] == data
    assert found.items["BINARY.SIZE[1]"] == len(data)


def test_raw_nuls_of_imported_mail_are_told_as_they_are(ann, world):
    """A message that came by another way has them; no literal may."""
    octets = BIG + b"\x00"
    world.deliver(message(("binary", octets)), binary=True)
    ann.ok(b"SELECT INBOX")
    (found,) = ann.ok(b"FETCH 1 (BINARY.PEEK[1] BODY.PEEK[1])").of(Fetch)
    assert found.items["BINARY[1]"] == octets
    assert found.items["BODY[1]"] == octets.replace(b"\x00", b"\x80")


@pytest.mark.parametrize(
    ("offset", "count"),
    [(0, 10), (5, 1), (299_990, 100), (300_000, 5), (4_000_000_000, 1), (100, 150_000)],
)
@pytest.mark.parametrize("encoding", ["base64", "8bit"])
def test_partials_are_of_what_was_decoded(ann, encoding, offset, count):
    data = BIG.replace(b"\x00", b"-")
    octets = b64(data) if encoding == "base64" else data
    item = b"BINARY.PEEK[1]<%d.%d>" % (offset, count)
    (found,) = fetch(ann, message((encoding, octets)), items=item).of(Fetch)
    assert found.items == {f"BINARY[1]<{offset}>": data[offset : offset + count]}


def test_much_from_the_middle_of_more(ann):
    data = b"ab" * 2_000_000
    answer = fetch(
        ann,
        message(("base64", b64(data))),
        items=b"BINARY.PEEK[1]<3900000.%d>" % (CHUNK + 1),
    )
    (found,) = answer.of(Fetch)
    assert found.items["BINARY[1]<3900000>"] == data[: CHUNK + 1]


def test_the_whole_and_what_is_made_of_parts_stand_as_they_are(ann):
    inner = message(("base64", b"aGVsbG8="))
    mail = message(("base64", b"aGk="), ("", inner)).replace(
        b"application/octet-stream\r\n\r\nMIME", b"message/rfc822\r\n\r\nMIME"
    )
    mail = mail.replace(b"boundary=b", b"boundary=c", 1).replace(b"--b", b"--c", 2)
    mail = mail.replace(b"--b--\r\n\r\n--b--", b"--b--\r\n\r\n--c--")
    items = b"BINARY.PEEK[] BINARY.SIZE[] BINARY.PEEK[1] BINARY.PEEK[2.1]"
    (found,) = fetch(ann, mail, items=items).of(Fetch)
    assert found.items == {
        "BINARY[]": mail,
        "BINARY.SIZE[]": len(mail),
        "BINARY[1]": b"hi",
        "BINARY[2.1]": b"hello",
    }


def test_a_message_that_is_no_multipart_has_part_one(ann):
    mail = b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n"
    items = b"BINARY.PEEK[1] BINARY.PEEK[] BINARY.PEEK[2] BINARY.SIZE[2]"
    (found,) = fetch(ann, mail, items=items).of(Fetch)
    assert found.items == {
        "BINARY[1]": b"hello",
        "BINARY[]": mail,
        "BINARY[2]": None,
        "BINARY.SIZE[2]": 0,
    }


def test_seen_is_set_unless_it_peeks(ann):
    mail = message(("base64", b"aGk="))
    fetch(ann, mail, items=b"BINARY.PEEK[1] BINARY.SIZE[1]")
    assert "\\Seen" not in ann.ok(b"FETCH 1 FLAGS").of(Fetch)[0].items["FLAGS"]
    ann.ok(b"FETCH 1 BINARY[1]")
    assert "\\Seen" in ann.ok(b"FETCH 1 FLAGS").of(Fetch)[0].items["FLAGS"]


def test_sizes_of_many_empty_parts_read_no_blob(ann, monkeypatch):
    mail = message(*[("", b"")] * 9_000)
    ann.append(b"INBOX", mail)
    ann.ok(b"SELECT INBOX")
    opened: list[str] = []
    mailbox = type(ann.connection.session.selected.mailbox)
    monkeypatch.setattr(mailbox, "blob", lambda _, ref: opened.append(ref))
    items = b" ".join(b"BINARY.SIZE[%d]" % n for n in range(8_900, 9_000))
    (found,) = ann.ok(b"FETCH 1 (" + items + b")").of(Fetch)
    assert set(found.items.values()) == {0}
    assert opened == []


# -- APPEND


def test_a_literal8_is_taken_as_it_is_when_it_has_no_nul(ann):
    mail = message(("binary", b"\xff\xfe"))
    ann.ok(b"APPEND INBOX (\\Seen) ~{%d+}\r\n%b" % (len(mail), mail))
    ann.ok(b"SELECT INBOX")
    (found,) = ann.ok(b"FETCH 1 (BODY.PEEK[] RFC822.SIZE)").of(Fetch)
    assert found.items == {"BODY[]": mail, "RFC822.SIZE": len(mail)}


@pytest.mark.parametrize("size", [3, 100, 70_000, 3_000_000])
def test_parts_with_nul_come_back_whole(ann, size):
    data = (b"\x00\x01\xff" * size)[:size]
    text = message(("7bit", b"text stays"), ("binary", data), ("", b"\x00"))
    ann.ok(b"APPEND INBOX ~{%d+}\r\n%b" % (len(text), text))
    ann.ok(b"SELECT INBOX")
    answer = ann.ok(
        b"FETCH 1 (BINARY.PEEK[2] BINARY.PEEK[1] BINARY.PEEK[3] BODY.PEEK[2]"
        b" BODY.PEEK[2.MIME] BODYSTRUCTURE RFC822.SIZE BODY.PEEK[])"
    )
    (found,) = answer.of(Fetch)
    assert found.items["BINARY[2]"] == data
    assert found.items["BINARY[1]"] == b"text stays"
    assert found.items["BINARY[3]"] == b"\x00"
    # §6: who doesn't ask for BINARY sees an encoding of the base specification.
    assert base64.b64decode(found.items["BODY[2]"]) == data
    assert b"base64" in found.items["BODY[2.MIME]"]
    assert len(found.items["BODY[]"]) == found.items["RFC822.SIZE"]
    assert b"\x00" not in found.items["BODY[]"]
    structure = found.items["BODYSTRUCTURE"]
    assert [part.encoding for part in structure.parts] == ["7BIT", "BASE64", "BASE64"]


def test_a_single_part_with_nul_becomes_mime(ann):
    ann.ok(b"APPEND INBOX ~{16+}\r\nSubject: x\r\n\r\n\x00\x01")
    ann.ok(b"SELECT INBOX")
    (found,) = ann.ok(b"FETCH 1 (BODY.PEEK[] BINARY.PEEK[1])").of(Fetch)
    assert found.items["BINARY[1]"] == b"\x00\x01"
    assert found.items["BODY[]"] == (
        b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n"
        b"Subject: x\r\n\r\nAAE=\r\n"
    )


@pytest.mark.parametrize(
    "mail",
    [
        b"Subject: \x00\r\n\r\nbody",
        message(("base64", b"aGVs\x00bG8=")),
        message(("7bit", b"x")).replace(b"\r\n\r\n--b", b"\r\n\r\n\x00\r\n--b"),
        message(("7bit", b"x")) + b"\x00",
    ],
)
def test_nul_where_nothing_can_be_encoded_is_refused(ann, mail, tmp_path):
    ann.no(b"APPEND INBOX ~{%d+}\r\n%b" % (len(mail), mail), "UNKNOWN-CTE")
    ann.no(b"APPEND INBOX {%d+}\r\n%b" % (len(mail), mail), "CANNOT")
    ann.no(b"APPEND INBOX ~{0+}\r\n")
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(0)]
    assert not list((tmp_path / "accounts").rglob("*.part"))


def test_literals_of_both_kinds_mix(ann):
    ann.ok(b"APPEND INBOX {1+}\r\na ~{1+}\r\nb (\\Seen) ~{1+}\r\nc {1+}\r\nd")
    assert ann.ok(b"SELECT INBOX").of(Exists) == [Exists(4)]


# -- grammar

PATHS = st.lists(st.integers(1, 99), max_size=3).map(tuple)
SECTIONS = st.one_of(
    st.builds(
        BinarySection,
        PATHS,
        st.none() | st.builds(Partial, st.integers(0, 9), st.integers(1, 9)),
        st.booleans(),
    ),
    st.builds(BinarySection, PATHS, size=st.just(True)),
)


@given(SECTIONS)
def test_inverse(section):
    node = parsed(b"FETCH 1 " + section.unparse())
    assert node.items == (section,)
    assert reparsed("FETCH", node) == node


def test_inverse_of_append():
    data = BinaryData(Literal(3, b"a\x00b", binary=True, synchronizing=False))
    node = Append(b"x", (NewMessage(data),))
    assert reparsed("APPEND", node) == node


@pytest.mark.parametrize(
    "item",
    [
        b"BINARY",
        b"BINARY.PEEK",
        b"BINARY[HEADER]",
        b"BINARY[1.MIME]",
        b"BINARY[0]",
        b"BINARY[1]<0.0>",
        b"BINARY.SIZE[1]<0.1>",
        b"BINARY.PEEK[1",
        b"BINARY.NONE[1]",
    ],
)
def test_refusals(ann, item):
    ann.ok(b"SELECT INBOX")
    ann.bad(b"FETCH 1 " + item)
