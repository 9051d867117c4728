"""Lines out of octets: limits, bare line ends, what is put back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.doors.intake import Intake, LineError


def fed(*pieces: bytes, most: int = 20) -> Intake:
    intake = Intake(most)
    for piece in pieces:
        intake.feed(piece)
    return intake


def test_lines_come_in_order_and_whole():
    intake = fed(b"NO", b"OP\r", b"\nQUIT\r\nRS")
    assert [intake.line(), intake.line(), intake.line()] == [b"NOOP", b"QUIT", None]
    intake.feed(b"ET\r\n")
    assert intake.line() == b"RSET"
    assert intake.waiting == 0


@pytest.mark.parametrize("wrong", [b"a\n", b"\n", b"a\rb\r\n", b"a\0\r\n", b"a\r\r\n"])
def test_a_line_with_a_bare_end_or_a_nul_is_fatal(wrong: bytes):
    with pytest.raises(LineError) as caught:
        fed(wrong).line()
    assert caught.value.fatal


def test_a_line_may_end_in_lf_alone_where_that_is_allowed():
    intake = Intake(20, bare=True)
    intake.feed(b"one\ntwo\r\n\nthr")
    assert [intake.line() for _ in range(4)] == [b"one", b"two", b"", None]
    intake.feed(b"ee\rx\n")
    with pytest.raises(LineError):
        intake.line()


def test_a_line_that_is_too_long_is_told_once_and_passed_over():
    intake = fed(b"x" * 18 + b"\r\n" + b"y" * 19 + b"\r\nNOOP\r\n")
    assert intake.line() == b"x" * 18
    with pytest.raises(LineError) as caught:
        intake.line()
    assert not caught.value.fatal
    assert intake.line() == b"NOOP"


def test_a_line_without_an_end_takes_no_memory():
    intake = fed()
    for _ in range(100):
        intake.feed(b"z" * 1_000)
        assert intake.line() is None
        assert intake.waiting <= 1
    intake.feed(b"\r\nNOOP\r\n")
    with pytest.raises(LineError):
        intake.line()
    assert intake.line() == b"NOOP"


def test_a_bare_end_in_a_line_that_is_too_long_is_fatal_too():
    intake = fed(b"z" * 100)
    assert intake.line() is None
    intake.feed(b"\nMAIL FROM:<>\r\n")
    with pytest.raises(LineError) as caught:
        intake.line()
    assert caught.value.fatal


def test_octets_that_are_put_back_come_next():
    intake = fed(b"abcdef\r\n")
    assert intake.take(3) == b"abc"
    intake.put_back(b"XY")
    assert intake.line() == b"XYdef"


@given(st.lists(st.sampled_from([b"a", b"bc", b""]), max_size=8), st.integers(1, 5))
def test_it_does_not_matter_how_lines_are_cut(lines: list[bytes], step: int):
    wire = b"".join(line + b"\r\n" for line in lines)
    intake, found = Intake(20), []
    for at in range(0, len(wire), step):
        intake.feed(wire[at : at + step])
        while (line := intake.line()) is not None:
            found.append(line)
    assert found == lines
