"""Octets as POP3 sends them; what no message may do to its answer is below."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from imapd.doors.pop3.content import Dots, top


def sent(message: bytes, *cuts: int) -> bytes:
    dots = Dots()
    places = [0, *cuts, len(message)]
    pieces = [message[a:b] for a, b in pairwise(places)]
    return b"".join(map(dots.stuff, pieces)) + dots.end()


def test_dots_are_doubled_at_the_beginnings_of_lines():
    assert sent(b".\r\n..a\r\nb.\r\n") == b"..\r\n...a\r\nb.\r\n.\r\n"
    assert sent(b"a\n.\n.b\r\n") == b"a\n..\n..b\r\n.\r\n"
    assert sent(b"") == b".\r\n"


def test_the_last_line_gets_its_end():
    assert sent(b"a") == b"a\r\n.\r\n"
    assert sent(b"a\n") == b"a\n\r\n.\r\n"
    assert sent(b"a\r") == b"a\r\r\n.\r\n"


LINES = st.lists(
    st.sampled_from(
        [b".", b"..", b".\r", b"\r", b"", b"+OK", b"\x00", b"a", b".\n", b"-ERR x"]
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(LINES, st.sampled_from([b"\r\n", b"\n"]), st.booleans())
def test_no_message_ends_its_own_answer(lines, end, ended):
    message = end.join(lines) + (end if ended else b"")
    whole = sent(message)
    # As clients read that take LF for the end of a line.
    read = whole.split(b"\n")
    ends = [at for at, line in enumerate(read) if line in (b".", b".\r")]
    assert ends == [len(read) - 2]
    # As clients read that know CRLF alone.
    assert (b"\r\n" + whole).index(b"\r\n.\r\n") == len(whole) - 3
    for cut in range(len(message) + 1):
        assert sent(message, cut) == whole


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([b"a: b", b"", b"c", b"\r"]), max_size=8),
    st.sampled_from([b"\r\n", b"\n"]),
    st.integers(0, 4),
    st.integers(1, 7),
)
def test_top_is_the_same_however_the_octets_come(lines, end, count, size):
    message = b"".join(line + end for line in lines)
    pieces = [message[at : at + size] for at in range(0, len(message), size)]
    wanted, left, inside = b"", count, False
    for line in message.splitlines(keepends=True) if b"\r" not in lines else ():
        if not inside:
            inside = line in (b"\r\n", b"\n")
        elif left == 0:
            break
        else:
            left -= 1
        wanted += line
    found = b"".join(top(iter(pieces), count))
    assert found == b"".join(top(iter([message]), count))
    if b"\r" not in lines:
        assert found == wanted
