"""Where commands end: lines, literals, limits (RFC 3501 §2.2, §4.3, RFC 7888)."""

from __future__ import annotations

import pytest

from imapd.wire.framing import (
    Frame,
    FrameLimits,
    Framer,
    Literal,
    LiteralAnnounced,
    Poison,
)
from tests.support.framing import (
    REFUSAL,
    RecordingSink,
    Taken,
    Told,
    drive,
    pull,
    read_slowly,
)

LIMITS = FrameLimits(line=100, literal_discard=200, literals=3)


def keep(announced: LiteralAnnounced) -> str:
    return "memory"


def refuse(announced: LiteralAnnounced) -> str:
    return "refuse"


def sync(data: bytes) -> Taken:
    return Taken(data, binary=False, synchronizing=True)


def plus(data: bytes) -> Taken:
    return Taken(data, binary=False, synchronizing=False)


FRAMES = [
    (b"a1 NOOP\r\n", [Told(b"a1 NOOP", ())]),
    (b"a1 NOOP\n", [Told(b"a1 NOOP", ())]),
    (b"\r\n", [Told(b"", ())]),
    (b"a1 NOOP\r\na2 NOOP\r\n", [Told(b"a1 NOOP", ()), Told(b"a2 NOOP", ())]),
    (b"a\rb\r\n", [Told(b"a\rb", ())]),
    (b"a\r\r\n", [Told(b"a\r", ())]),
    (b"a \x00\xff\r\n", [Told(b"a \x00\xff", ())]),
    (
        b"a1 LOGIN {5}\r\nalice {3+}\r\npw!\r\na2 NOOP\r\n",
        [
            Told(b"a1 LOGIN {5}\r\n {3+}\r\n", (sync(b"alice"), plus(b"pw!"))),
            Told(b"a2 NOOP", ()),
        ],
    ),
    (b"a {0}\r\n\r\n", [Told(b"a {0}\r\n", (sync(b""),))]),
    (b"a {0+}\r\n{0+}\r\n\r\n", [Told(b"a {0+}\r\n{0+}\r\n", (plus(b""), plus(b"")))]),
    (b"a {2}\n\r\n\n", [Told(b"a {2}\r\n", (sync(b"\r\n"),))]),
    (b"a {0002}\r\nxy)\r\n", [Told(b"a {0002}\r\n)", (sync(b"xy"),))]),
    (
        b"a ~{3+}\r\n\x00\r\n\r\n",
        [Told(b"a ~{3+}\r\n", (Taken(b"\x00\r\n", True, False),))],
    ),
    (
        b'a "x{5}" y\r\n',
        [Told(b'a "x{5}" y', ())],
    ),
    # The line ends inside quotes: no valid command, whatever was meant.
    (b'a "{2}\r\nb"\r\n', [Told(b'a "{2}\r\n', (sync(b'b"'),))]),
    # What is no announcement is text, for the grammar to refuse.
    (b"a {5\r\n", [Told(b"a {5", ())]),
    (b"a {5} \r\n", [Told(b"a {5} ", ())]),
    (b"a {-1}\r\n", [Told(b"a {-1}", ())]),
    (b"a {5-}\r\n", [Told(b"a {5-}", ())]),
    (b"a {5++}\r\n", [Told(b"a {5++}", ())]),
    (b"a { 5}\r\n", [Told(b"a { 5}", ())]),
    (b"a {5}\r\r\n", [Told(b"a {5}\r", ())]),
    (b"a {0x5}\r\n", [Told(b"a {0x5}", ())]),
    (b"a 12345678901234567890+}\r\n", [Told(b"a 12345678901234567890+}", ())]),
]


@pytest.mark.parametrize(("wire", "frames"), FRAMES)
def test_commands_end_where_they_end(wire: bytes, frames: list[Told]):
    assert drive([wire], LIMITS, keep) == frames
    assert drive([bytes([octet]) for octet in wire], LIMITS, keep) == frames
    assert read_slowly(wire, LIMITS, keep) == frames


DIGITS = "a literal's size has 1 to 10 digits"
LINE = "a command line may have 100 octets at most"
MANY = "a command may have 3 literals at most"
LONG = b"a1 NOOP " + b"x" * 100
NEXT = Told(b"a2 NOOP", ())

POISONED = [
    (b"a {}\r\n", [Told(b"a {}\r\n", (), DIGITS), NEXT]),
    (b"a {12345678901}\r\n", [Told(b"a {12345678901}\r\n", (), DIGITS), NEXT]),
    (b"a {+}\r\n", [Told(b"a {+}\r\n", (), DIGITS, True)]),
    (b"a {00000000005+}\r\n", [Told(b"a {00000000005+}\r\n", (), DIGITS, True)]),
    (b"a {%b+}\r\n" % (b"1" * 90), [Told(b"a {%b+}\r\n" % (b"1" * 90), (), DIGITS,
                                         True)]),
    (b"a {201+}\r\n", [Told(b"a {201+}\r\n", (), "that literal is too big", True)]),
    (LONG + b"\r\n", [Told(LONG[:64], (), LINE), NEXT]),
    (LONG + b"{8}\r\n", [Told(LONG[:64], (), LINE), NEXT]),
    (LONG + b"{8+}\r\na3 NOOP\n\r\n", [Told(LONG[:64], (), LINE), NEXT]),
    (LONG + b"{8+}\r\na3 NOOP\n{2+}\r\n\r\n{2}\r\n", [Told(LONG[:64], (), LINE), NEXT]),
    (LONG + b"{201+}\r\n", [Told(LONG[:64], (), LINE, True)]),
    (LONG + b"{%b+}\r\n" % (b"1" * 99), [Told(LONG[:64], (), LINE, True)]),
    (LONG + b"{%b}\r\n" % (b"1" * 99), [Told(LONG[:64], (), LINE), NEXT]),
    (
        b"a {1+}\r\nx" + b"y" * 100 + b"{8+}\r\na3 NOOP\n\r\n",
        [Told(b"a {1+}\r\n", (plus(b"x"),), LINE), NEXT],
    ),
    (
        b"a {0+}\r\n{0+}\r\n{0+}\r\n{0}\r\n",
        [Told(b"a {0+}\r\n{0+}\r\n{0+}\r\n{0}\r\n", (plus(b""),) * 3, MANY), NEXT],
    ),
    (
        b"a {0+}\r\n{0+}\r\n{0+}\r\n{8+}\r\na3 NOOP\n\r\n",
        [Told(b"a {0+}\r\n{0+}\r\n{0+}\r\n{8+}\r\n", (plus(b""),) * 3, MANY), NEXT],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "frames"), POISONED)
def test_a_bad_command_is_consumed_as_data(wire: bytes, frames: list[Told]):
    """What follows is read as a command only where that is certain."""
    wire += b"a2 NOOP\r\n"
    assert drive([wire], LIMITS, keep) == frames
    assert drive([bytes([octet]) for octet in wire], LIMITS, keep) == frames
    assert read_slowly(wire, LIMITS, keep) == frames


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("size", [99, 100, 101])
def test_a_line_of_the_limit_is_fine_however_it_is_cut(size: int, end: bytes):
    line = b"a1 " + b"x" * (size - 3)
    for cut in range(size - 3, size + len(end) + 1):
        frame = drive([(line + end)[:cut], (line + end)[cut:]], LIMITS)
        assert frame[0].why == (LINE if size > 100 else None), cut


def test_the_limit_counts_all_lines_of_a_command():
    wire = b"a {1+}\r\n" + b"x" + b"y" * 92 + b"\r\n"
    assert drive([wire], LIMITS, keep)[0].why is None
    wire = b"a {1+}\r\n" + b"x" + b"y" * 93 + b"\r\n"
    assert drive([wire], LIMITS, keep)[0].why == LINE


def test_a_command_that_fills_the_limit_may_end_in_a_literal():
    wire = b"a " + b"y" * 94 + b"{1+}\r\nx\r\n"
    assert wire.index(b"\r") == 100
    assert drive([wire], LIMITS, keep)[0].why is None


class TestRefusing:
    def test_a_synchronizing_literal_ends_its_command(self):
        """RFC 3501 §7.5: without "+" the client goes on with another command."""
        wire = b"a APPEND x {9}\r\na2 NOOP\r\n"
        assert drive([wire], LIMITS, refuse) == [
            Told(b"a APPEND x {9}\r\n", (), REFUSAL.text),
            NEXT,
        ]

    def test_octets_that_are_on_their_way_are_dropped(self):
        wire = b"a APPEND x {9+}\r\na3 NOOP\r\n (\\Seen) {2+}\r\n\r\n)\r\na2 NOOP\r\n"
        assert drive([wire], LIMITS, refuse) == [
            Told(b"a APPEND x {9+}\r\n", (), REFUSAL.text),
            NEXT,
        ]

    def test_the_rest_may_end_in_a_synchronizing_literal(self):
        wire = b"a APPEND x {1+}\r\ny {9}\r\na2 NOOP\r\n"
        frames = drive([wire], LIMITS, refuse)
        assert [frame.text for frame in frames] == [b"a APPEND x {1+}\r\n", b"a2 NOOP"]

    def test_the_frame_carries_the_reason(self):
        framer = Framer(LIMITS)
        framer.feed(b"a {9}\r\n")
        framer.next()
        poison = Poison("no", "TRYCREATE", cause=KeyError("x"))
        framer.refuse(poison)
        assert framer.next() == Frame(b"a {9}\r\n", (), poison)

    def test_a_fatal_reason_ends_all_reading(self):
        framer = Framer(LIMITS)
        framer.feed(b"a {9+}\r\n123456789\r\nb NOOP\r\n")
        framer.next()
        framer.refuse(Poison("no", fatal=True))
        frame = framer.next()
        assert isinstance(frame, Frame)
        assert frame.poison is not None
        assert frame.poison.fatal
        framer.feed(b"c NOOP\r\n")
        assert framer.next() is None
        assert framer.buffered == 0

    def test_earlier_literals_of_the_command_are_given_up(self):
        framer, sink = Framer(LIMITS), RecordingSink()
        framer.feed(b"a {2+}\r\nxy {3+}\r\nabc\r\n")
        framer.next()
        framer.accept(sink)
        announced = framer.next()
        assert isinstance(announced, LiteralAnnounced)
        assert announced.literals == (Literal(2, sink=sink, synchronizing=False),)
        before = sink.aborted
        framer.refuse(REFUSAL)
        assert sink.finished
        assert (before, sink.aborted) == (0, 1)


class TestAsking:
    def test_what_is_known_of_a_literal_is_told(self):
        framer = Framer(LIMITS)
        framer.feed(b"a X {1}\r\nb ~{2+}\r\n")
        assert framer.next() == LiteralAnnounced(b"a X {1}\r\n", (), 1, True, False)
        framer.accept()
        assert framer.next() == LiteralAnnounced(
            b"a X {1}\r\n ~{2+}\r\n", (Literal(1, b"b"),), 2, False, True
        )

    def test_it_is_asked_until_it_is_answered(self):
        framer = Framer(LIMITS)
        framer.feed(b"a {1}\r\n")
        assert framer.next() is framer.next()

    def test_an_answer_needs_a_question(self):
        framer = Framer(LIMITS)
        with pytest.raises(RuntimeError):
            framer.accept()
        with pytest.raises(RuntimeError):
            framer.refuse(REFUSAL)
        framer.feed(b"a {0}\r\n")
        framer.next()
        framer.accept()
        with pytest.raises(RuntimeError):
            framer.accept()

    def test_limits_may_change_between_commands(self):
        framer = Framer(FrameLimits(line=20))
        framer.feed(b"a " + b"x" * 30 + b"\r\n")
        assert pull(framer)[0].why
        framer.limits = FrameLimits(line=40)
        framer.feed(b"a " + b"x" * 30 + b"\r\n")
        assert pull(framer)[0].why is None


class TestSinks:
    def test_octets_are_passed_on_as_they_come(self):
        framer, sink = Framer(LIMITS), RecordingSink()
        framer.feed(b"a {10}\r\n")
        framer.next()
        framer.accept(sink)
        for chunk in (b"01", b"2345", b"6"):
            framer.feed(chunk)
            assert framer.next() is None
            assert framer.buffered == 0
        assert sink.chunks == [b"01", b"2345", b"6"]
        before = sink.finished
        framer.feed(b"789)\r\nb NOOP\r\n")
        assert (before, sink.finished) == (False, True)
        literal = Literal(10, sink=sink)
        assert framer.next() == Frame(b"a {10}\r\n)", (literal,))
        assert framer.next() == Frame(b"b NOOP")
        assert not sink.aborted

    def test_an_empty_literal_is_finished_at_once(self):
        framer, sink = Framer(LIMITS), RecordingSink()
        framer.feed(b"a {0}\r\n")
        framer.next()
        framer.accept(sink)
        assert sink.finished
        assert sink.chunks == []

    def test_a_long_rest_gives_them_up(self):
        framer, sink = Framer(LIMITS), RecordingSink()
        framer.feed(b"a {2+}\r\nxy")
        framer.next()
        framer.accept(sink)
        framer.feed(b"z" * 200)
        assert framer.next() is None
        assert sink.aborted == 1

    @pytest.mark.parametrize("octets", [b"", b"12", b"123", b"123 {5+}\r\n", b"123\r"])
    def test_closing_gives_them_up(self, octets: bytes):
        framer, sink = Framer(LIMITS), RecordingSink()
        framer.feed(b"a {3+}\r\n")
        framer.next()
        framer.accept(sink)
        framer.feed(octets)
        framer.next()
        framer.close()
        assert sink.aborted == 1
        assert framer.buffered == 0
        framer.feed(b"b NOOP\r\n")
        assert framer.next() is None

    def test_what_is_looked_at_ahead_stays(self):
        framer = Framer(LIMITS)
        assert framer.peek(3) == b""
        framer.feed(b"a NOOP\r\nb NO")
        assert framer.peek(3) == b"a N"
        framer.next()
        assert framer.peek(100) == b"b NO"
        framer.feed(b"OP\r\n")
        assert framer.next() == Frame(b"b NOOP")

    def test_a_frame_that_was_given_is_not_taken_back(self):
        framer, sink = Framer(LIMITS), RecordingSink()
        framer.feed(b"a {1+}\r\nx\r\n")
        framer.next()
        framer.accept(sink)
        framer.next()
        framer.close()
        assert not sink.aborted


class TestBuffer:
    def test_it_counts_what_was_not_read(self):
        """What follows STARTTLS in the same packet is an attack (RFC 3501 §6.2.1)."""
        framer = Framer(LIMITS)
        framer.feed(b"a STARTTLS\r\nb LOGIN")
        assert framer.next() == Frame(b"a STARTTLS")
        assert framer.buffered == 7
        assert framer.drain() == b"b LOGIN"
        assert framer.buffered == 0
        framer.feed(b"c NOOP\r\n")
        assert framer.next() == Frame(b"c NOOP")


class TestValues:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"line": 0},
            {"literal_discard": 0},
            {"digits": 0},
            {"digits": 20},
            {"literals": 0},
        ],
    )
    def test_limits_are_sensible(self, wrong: dict[str, int]):
        with pytest.raises(ValueError, match=r"limit|digits"):
            FrameLimits(**wrong)

    def test_a_literal_is_in_one_place(self):
        sink = RecordingSink()
        with pytest.raises(ValueError, match="memory or in a sink"):
            Literal(1)
        with pytest.raises(ValueError, match="memory or in a sink"):
            Literal(1, b"x", sink)
        with pytest.raises(ValueError, match="its octets"):
            Literal(2, b"x")


class CountingBuffer(bytearray):
    """Counts the octets that are looked at, moved or copied."""

    work = 0

    def find(self, needle, start=0, *rest):
        at = super().find(needle, start, *rest)
        CountingBuffer.work += (len(self) if at < 0 else at) - start + 1
        return at

    def __getitem__(self, key):
        part = super().__getitem__(key)
        CountingBuffer.work += len(part) if isinstance(key, slice) else 1
        return part


@pytest.mark.parametrize(
    "wire",
    [
        b"a " + b"x" * 100_000 + b"\r\n",
        b"a {100000+}\r\n" + b"x" * 100_000 + b"\r\n",
        b"a {100000+}\r\n" + b"\r\n" * 50_000 + b"\r\n",
        b"a1 NOOP\r\n" * 10_000,
        b"\n" * 100_000,
        b"a " + b"{1}" * 30_000 + b"\r\n",
    ],
    ids=["line", "literal", "literal of lines", "commands", "empty lines", "braces"],
)
@pytest.mark.parametrize("size", [1, 1_000, 1_000_000])
@pytest.mark.parametrize("line", [200_000, 1_000])
def test_every_octet_is_looked_at_a_few_times(wire: bytes, size: int, line: int):
    framer = Framer(FrameLimits(line=line))
    framer._buffer = CountingBuffer()
    CountingBuffer.work = 0
    for start in range(0, len(wire), size):
        framer.feed(wire[start : start + size])
        pull(framer, keep)
    assert framer.buffered == 0
    assert CountingBuffer.work <= 3 * len(wire) + 200
