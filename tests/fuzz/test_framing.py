"""Any octets, cut anywhere: the same frames, in bounded memory, and no exception."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from imapd.wire.framing import FrameLimits, Framer, LiteralAnnounced
from tests.support import strategies
from tests.support.framing import Told, by_size, drive, pull, read_slowly

SMALL = FrameLimits(line=40, literal_discard=65, digits=10, literals=2)
limits = st.builds(
    FrameLimits,
    line=st.sampled_from([1, 8, 40, 70, 400]),
    literal_discard=st.sampled_from([1, 4, 65]),
    literals=st.integers(1, 4),
)


@given(st.data(), strategies.command_soup, limits)
def test_frames_depend_on_the_octets_alone(
    data: st.DataObject, octets: bytes, bounds: FrameLimits
):
    whole = drive([octets], bounds)
    assert whole == read_slowly(octets, bounds)
    assert drive(data.draw(strategies.cuts(octets)), bounds) == whole
    assert drive([bytes([octet]) for octet in octets], bounds) == whole


@given(strategies.command_soup, limits)
@example(b"a1 " + b"x" * 38 + b"\r", SMALL)
@example(b"x" * 200, SMALL)
def test_memory_is_bounded(octets: bytes, bounds: FrameLimits):
    """Between two feeds there is no more than a command and one kept literal each."""
    framer = Framer(bounds)
    kept = bounds.literals * max(bounds.literal_discard, 70)
    for octet in octets:
        framer.feed(bytes([octet]))
        pull(framer, lambda found: "memory" if found.size <= 70 else "refuse")
        assert framer.buffered <= max(bounds.line + 1, 64)
        assert len(framer._text) <= max(bounds.line + 2, 64)
        assert len(framer._memory) + sum(n.size for n in framer._literals) <= kept


@st.composite
def payload_commands(draw: st.DrawFn) -> tuple[list[bytes], list[bytes]]:
    """Draw whole commands, and what stands in their literals: other commands."""
    evil = st.lists(
        st.sampled_from(
            [b"x9 LOGOUT\r\n", b"\r\n", b"{3+}\r\n", b"{9}", b"\n", b"x9 "]
        ),
        max_size=6,
    ).map(b"".join)
    commands: list[bytes] = []
    for number in range(draw(st.integers(1, 4))):
        command = b"t%d APPEND " % number
        for payload in draw(st.lists(evil, max_size=3)):
            filler = b"y" * draw(st.sampled_from([0, 1, 30, 120]))
            command += filler + b" {%d+}\r\n" % len(payload) + payload
        commands.append(command + b" )\r\n")
    return commands, [b"t%d" % number for number in range(len(commands))]


@given(payload_commands(), st.data())
def test_nothing_in_a_literal_is_a_command(
    drawn: tuple[list[bytes], list[bytes]], data: st.DataObject
):
    """Whether literals are kept, refused, too many, or follow an overlong line."""
    commands, tags = drawn
    octets = b"".join(commands)
    pieces = data.draw(strategies.cuts(octets))
    choice = st.sampled_from(["memory", "sink", "refuse"])

    def decide(announced: LiteralAnnounced) -> str:
        return data.draw(choice)

    frames = drive(pieces, FrameLimits(line=100, literals=2), decide)
    assert [frame.text.split(b" ")[0] for frame in frames] == tags


@given(payload_commands())
def test_every_literal_arrives_whole(drawn: tuple[list[bytes], list[bytes]]):
    commands, _ = drawn
    frames = drive(commands, FrameLimits(), lambda _: "memory")
    for command, frame in zip(commands, frames, strict=True):
        assert frame.why is None
        rebuilt = b""
        rest = frame.text
        for literal in frame.literals:
            head, mark, rest = rest.partition(b"+}\r\n")
            rebuilt += head + mark + literal.data
        assert rebuilt + rest + b"\r\n" == command


@given(strategies.command_soup)
def test_nothing_is_read_after_a_fatal_frame(octets: bytes):
    frames: list[Told] = drive([octets, b"\r\nz9 LOGOUT\r\n"], SMALL, by_size)
    fatal = [at for at, frame in enumerate(frames) if frame.fatal]
    assert fatal in ([], [len(frames) - 1])
