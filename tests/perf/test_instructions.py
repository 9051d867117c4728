"""What commands cost in Python's instructions: nearly the same on every machine.

Sixty of them are about a microsecond. The bounds are a fifth above what was counted.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.perf.bench import HEAD, Bench, bench_of, instructions

ITEMS = b" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"
NAMES = 100
MANY = 256


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Iterator[Bench]:
    with bench_of(tmp_path, monkeypatch) as made:
        made.world.deliver(*[HEAD % number + b"text\r\n" for number in range(10)])
        made.say(*[b"CREATE box%02d" % number for number in range(NAMES)])
        made.say(b"SELECT INBOX")
        yield made


def cost(bench: Bench, *commands: bytes, others: tuple[bytes, ...] = ()) -> float:
    """Count the instructions of one of pipelined commands; ``others`` go before."""
    wires = [
        b"".join([b"x%d %b\r\n" % one for one in enumerate(some)])
        for some in (others or commands, commands)
    ]
    bench.session.write = lambda data: None  # type: ignore[method-assign]

    def say() -> None:
        bench.runtime.turns += 1
        bench.session.connection.receive(wires.pop(0))

    return instructions(say) / len(commands)


def test_a_command_alone(bench):
    assert cost(bench, b"NOOP") < 1_250
    assert cost(bench, b"STATUS box07" + ITEMS) < 1_840
    assert cost(bench, b"SELECT INBOX") < 3_620
    assert cost(bench, b"UID SEARCH UNSEEN") < 3_150


def test_pipelined_commands(bench):
    assert cost(bench, *[b"NOOP"] * 100) < 960
    polled = [b"STATUS box%02d%b" % (number, ITEMS) for number in range(NAMES)]
    assert cost(bench, *polled) < 1_560


def test_mailboxes_that_are_asked_for_the_first_time(bench):
    """Their commands are understood, and their rows are read, all at once."""
    asked = [b"STATUS box%02d%b" % (number, ITEMS) for number in range(NAMES)]
    half = NAMES // 2
    assert cost(bench, *asked[half:], others=tuple(asked[:half])) < 2_150


def test_octets_of_one_message_after_the_other(bench):
    assert cost(bench, b"FETCH 7 BODY.PEEK[]") < 2_950
    one_by_one = [b"UID FETCH %d BODY.PEEK[]" % uid for uid in range(1, 11)]
    assert cost(bench, *one_by_one) < 2_650


def test_octets_of_many_messages(bench):
    texts = [HEAD % number + b"text\r\n" * 50 for number in range(MANY)]
    bench.world.deliver(*texts, to="box01")
    bench.say(b"SELECT box01")
    bench.say(b"FETCH 1:* BODY.PEEK[]")  # which proves them
    for item, most in (
        (b"BODY.PEEK[]", 530),
        (b"BODY.PEEK[HEADER]", 530),
        (b"BODY.PEEK[1]", 620),
        (b"BINARY.PEEK[1]", 670),
    ):
        assert cost(bench, b"FETCH 1:* " + item) / MANY < most, item


def test_looking_through_new_messages(bench):
    """What the text index lacks is read, and not decoded where octets decide."""
    text = "höchst über".encode() + b" text\r\n" * 50
    head = b"Content-Type: text/plain; charset=utf-8\r\n" + HEAD
    bench.world.deliver(*[head % number + text for number in range(MANY)], to="box01")
    bench.say(b"SELECT box01")
    assert cost(bench, b"SEARCH BODY fish") / MANY < 1_260
    assert cost(bench, b"SEARCH SUBJECT fish") / MANY < 260


def test_lists_of_names(bench):
    assert cost(bench, b'LIST "" "*"') / NAMES < 260
    assert cost(bench, b'LIST "" "box%%" RETURN (STATUS%b)' % ITEMS) / NAMES < 630
    # Names that don't match are passed over.
    assert cost(bench, b'LIST "" "other%"') / NAMES < 130


def test_messages_that_come(bench):
    """Also what is done on other threads."""
    message = HEAD % 7 + b"text\r\n" * 300
    one = b" (\\Seen) {%d+}\r\n%b" % (len(message), message)
    assert cost(bench, b"APPEND box07" + one) < 14_600
    assert cost(bench, b"APPEND box07" + one * 50) / 50 < 6_000


def test_changes_of_flags(bench):
    one = [b"STORE 7 +FLAGS (\\Seen)", b"STORE 7 -FLAGS (\\Seen)"]
    assert cost(bench, *one) < 5_200
    quiet = [b"STORE 7 +FLAGS.SILENT (\\Seen)", b"STORE 7 -FLAGS.SILENT (\\Seen)"]
    assert cost(bench, *quiet) < 4_850


def test_lists_of_messages(bench):
    """Of 100 messages: what is kept, flags, and what has changed."""
    bench.world.deliver(*[HEAD % number + b"text\r\n" for number in range(90)])
    bench.say(b"NOOP")
    bench.say(b"STORE 1:100 +FLAGS (x)")
    told = bench.session.ok(b"STATUS INBOX (HIGHESTMODSEQ)").raw
    since = int(told.partition(b"(HIGHESTMODSEQ ")[2].partition(b")")[0])
    bench.say(b"STORE 10,20,30,40,50 +FLAGS (\\Seen)")
    listed = b"UID FETCH 1:* (UID FLAGS RFC822.SIZE ENVELOPE)"
    bench.say(listed)
    bench.say(listed)
    assert cost(bench, listed) < 8_200
    assert cost(bench, b"FETCH 1:* (UID FLAGS)") < 6_900
    changed = b"UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d)" % since
    assert cost(bench, changed) < 8_900
