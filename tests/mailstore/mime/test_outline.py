"""What is found in a message while it comes, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailstore.mime import outline as module
from mailstore.mime.outline import Outline
from mailstore.mime.scanner import DEFAULT_LIMITS, scan
from tests.mailstore.mime.growth import grows_linearly
from tests.mailstore.mime.strategies import messages

OCTETS = st.lists(
    st.sampled_from([b"\n--", b"\n-", b"-", b"--", b"\n", b"\r\n", b"x" * 700, b"\x00"])
).map(b"".join)


def outline_of(data: bytes, size: int) -> Outline:
    made = Outline()
    for at in range(0, len(data), size):
        made.take(data[at : at + size])
    return made


def found(made: Outline) -> list[int]:
    """List all that it knows."""
    starts = []
    at = made.next(0)
    while at >= 0:
        starts.append(at)
        at = made.next(at + 1)
    return starts


@given(OCTETS, st.integers(1, 2_000))
@example(b"\n--", 1)
@example(b"\n--x\n--", 2)
@example(b"x\n-" + b"-", 3)
@example(b"\n" + b"-" * 3_000 + b"\n--", 2_900)
def test_lines_with_two_hyphens_are_found_however_they_are_cut(data: bytes, size: int):
    wanted = [at for at in range(len(data)) if data[at:][:3] == b"\n--"]
    with pytest.MonkeyPatch.context() as patch:
        for block in (2**16, 64, 3, 1):
            patch.setattr(module, "_BLOCK", block)
            patch.setattr(module, "_FEW", block % 5)
            made = outline_of(data, size)
            assert found(made) == wanted
            assert made.end == len(data) - 2 or not data
            assert made.has_nul is (b"\x00" in data)


@given(messages(), st.sampled_from([1, 2, 3, 7, 64, 5_000]))
def test_a_scan_with_it_says_the_same(data: bytes, size: int):
    assert scan(data, DEFAULT_LIMITS, outline_of(data, size)) == scan(data)


def test_it_remembers_so_many_lines_and_no_more(monkeypatch):
    """What is behind that is looked for in the message itself."""
    monkeypatch.setattr(module, "MOST", 3)
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    data = head + b"--b\r\n\r\nhello\r\n" * 9 + b"--b--\r\n"
    for size in (1, 5, 50, 500):
        made = outline_of(data, size)
        assert len(found(made)) == 3
        assert made.end < len(data) // 2
        assert len(scan(data, DEFAULT_LIMITS, made).children) == 9
        assert not made.has_nul
        made.take(b"\x00")
        assert made.has_nul


@pytest.mark.parametrize(
    "piece", [b"-", b"\n--", b"\n-x", b"x" * 300 + b"-", b"\n" + b"-" * 70 + b"\r"]
)
def test_many_hyphens_cost_no_more_than_linear_work(piece):
    assert grows_linearly(lambda n: outline_of(piece * n, 65_536), 20_000)
