import mmap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.mime.ingest import ingest
from mailstore.mime.sections import contains_nul, locate
from tests.mailstore.mime.corpus import OWN, own, real
from tests.mailstore.mime.grammar import read_body, read_envelope
from tests.mailstore.mime.growth import grows_linearly
from tests.mailstore.mime.strategies import messages


def check(data: bytes) -> None:
    found = ingest(data)
    read_envelope(found.envelope)
    read_body(found.bodystructure, rev2=True)
    assert locate(found.parts, ()) == (0, len(data))
    assert contains_nul(found.parts) is (b"\0" in data)
    assert found.message_id != b""


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_ugly_messages(path: Path):
    check(path.read_bytes())


def test_real_messages():
    for path in real():
        check(path.read_bytes())


@given(st.binary() | messages())
def test_any_message(data: bytes):
    check(data)


def test_dates_and_ids():
    found = ingest(own("html"))
    assert (found.sent, found.sent_zone) == (1772442000, 60)
    assert found.message_id == b"<html@example.org>"
    odd = ingest(own("dates-odd"))
    assert (odd.sent, odd.sent_zone, odd.message_id) == (None, 0, None)
    assert ingest(own("date-asctime")).sent == 1772445600


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"", None),
        (b"  <a@b> (x)", b"<a@b>"),
        (b"a@b", b"a@b"),
        (b"<a\r\n b>", b"<a b>"),
        (b"<" + b"x" * 2_000 + b">", b"<" + b"x" * 997),
    ],
)
def test_message_ids(value: bytes, found: bytes | None):
    assert ingest(b"Message-ID: " + value + b"\r\n\r\n").message_id == found


def test_a_mapped_file_gives_the_same(tmp_path: Path):
    data = own("rfc822-nested")
    (tmp_path / "message").write_bytes(data)
    with (tmp_path / "message").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert ingest(mapped) == ingest(data)
        mapped.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda n: b"From: " + b"(" * n,
        lambda n: b"From: " + b"a@b," * n,
        lambda n: b"To: a@b\n" * n,
        lambda n: b"Date: " + b"(" * n,
        lambda n: b"Message-ID: " + b"<" * n,
        lambda n: b"Message-ID: " + b"<a " * n,
        lambda n: b"Content-Type: a/b" + b'; x="\\"' * n,
        lambda n: b"Content-Disposition: a" + b"; filename*0*=''%" * n,
        lambda n: b"Content-Language: " + b"," * n,
        lambda n: (
            b"Content-Type: multipart/mixed; boundary=b\n\n"
            + b"--b\nContent-Type: message/rfc822\n\n" * (n // 10)
        ),
    ],
)
def test_the_work_is_linear(make):
    assert grows_linearly(lambda n: ingest(make(n)), 10_000)
