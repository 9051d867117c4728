"""What each of the main commands costs, counted: no clock, the same everywhere.

A cost that grows is a defect until it is explained: the table is what
`docs/explanation/performance.md` tells of statements, threads, packets and syncs.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from imapd.session.turns import COMMANDS
from mailstore.lanes import Pool
from tests.perf.bench import HEAD, MIB, Bench, Cost, bench_of
from tests.support.session import PASSWORD, Session


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Iterator[Bench]:
    with bench_of(tmp_path, monkeypatch) as made:
        made.world.deliver(*[HEAD % number + b"text\r\n" * 50 for number in range(100)])
        for number in range(40):
            made.say(b"CREATE box%02d" % number)
        made.say(b"SELECT INBOX")
        made.say(b"FETCH 1:* (ENVELOPE BODY.PEEK[])")  # what is read once an account
        yield made


def test_a_command_from_memory_looks_once(bench):
    assert bench.cost(b"NOOP") == Cost()
    assert bench.cost(b"CAPABILITY") == Cost()
    assert bench.cost(b"SEARCH UNSEEN") == Cost()
    assert bench.cost(b"UID FETCH 1:* FLAGS") == Cost()


def test_pipelined_commands_share_their_looks(bench):
    turns = -(-100 // COMMANDS)
    assert bench.cost(*[b"NOOP"] * 100) == Cost(looks=turns, packets=turns)


def test_texts_are_one_statement(bench):
    assert bench.cost(b"FETCH 1:* ENVELOPE") == Cost(reads=1)
    headers = b"BODY.PEEK[HEADER.FIELDS (From Subject Date)]"
    assert bench.cost(b"FETCH 1:* (UID RFC822.SIZE FLAGS " + headers + b")") == Cost(
        reads=1
    )


def test_a_list_that_was_asked_for_before_is_no_statement(bench):
    """The first time tells that somebody wants it, the second keeps it."""
    for items in (
        b"(UID FLAGS ENVELOPE BODYSTRUCTURE)",
        b"(UID FLAGS BODY.PEEK[HEADER.FIELDS (From Subject Date)])",
    ):
        command = b"UID FETCH 1:* " + items
        assert bench.cost(command) == Cost(reads=1)
        assert bench.cost(command) == Cost(reads=1)
        assert bench.cost(command) == Cost()
    # Also of some of them, by number, and behind a change of flags.
    bench.say(b"STORE 7 +FLAGS.SILENT (\\Flagged)")
    bench.say(b"NOOP")
    assert bench.cost(b"FETCH 3:9,80 " + items.replace(b"UID ", b"")).reads == 1
    assert bench.cost(b"FETCH 3:9,80 " + items) == Cost()


def test_one_message_is_one_statement_and_no_other_thread(bench):
    assert bench.cost(b"FETCH 7 BODY.PEEK[]") == Cost(reads=1)
    assert bench.cost(b"FETCH 7 BODY.PEEK[]") == Cost()
    assert bench.cost(b"FETCH 7 BODY.PEEK[TEXT]<10.20>") == Cost()


def test_one_message_after_the_other_is_one_statement_for_sixteen(bench):
    costs = [bench.cost(b"FETCH %d BODY.PEEK[]" % number) for number in range(1, 50)]
    assert [place for place, cost in enumerate(costs, 1) if cost.reads] == [
        1,
        2,
        18,
        34,
    ]
    assert {cost.reads for cost in costs} == {0, 1}
    # Whatever was committed, they are read again.
    bench.say(b"STORE 90 +FLAGS (\\Flagged)")
    bench.say(b"NOOP")
    assert bench.cost(b"FETCH 49 BODY.PEEK[]").reads == 1


def test_many_messages_leave_in_few_packets(bench):
    cost = bench.cost(b"FETCH 1:* BODY.PEEK[]")
    sent = sum(bench.packets)
    assert cost == Cost(reads=1, packets=1 + sent // 65_536)
    assert set(bench.packets[:-1]) <= {65_536}


def test_many_numbers_and_flags_leave_in_full_packets(bench):
    """Of four thousand messages: one packet of numbers, and full ones of flags."""
    for _ in range(5):
        bench.say(b"COPY 1:* box00")
        bench.say(b"COPY 1:* INBOX")
        bench.say(b"SELECT box00")
        bench.say(b"SELECT INBOX")
    assert bench.cost(b"SEARCH UNSEEN").packets == 1
    bench.cost(b"STORE 1:* +FLAGS (keyword)")
    assert len(bench.packets) > 1
    assert set(bench.packets[:-1]) == {65_536}


def test_status_of_many_mailboxes_reads_ahead(bench):
    items = b" (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"
    asked = [b"STATUS box%02d%b" % (number, items) for number in range(40)]
    turns = -(-40 // COMMANDS)
    # Those that have come already are read by 17 and 23.
    assert bench.cost(*asked) == Cost(looks=turns, reads=2, packets=turns)
    assert bench.cost(*asked) == Cost(looks=turns, packets=turns)
    assert bench.cost(b"STATUS INBOX" + items) == Cost(reads=1)


def test_selecting_a_mailbox_that_is_in_memory(bench):
    # Its row, and once what a mailbox in memory is made of.
    assert bench.cost(b"SELECT box07") == Cost(reads=8)
    assert bench.cost(b"SELECT INBOX") == Cost(reads=1)
    assert bench.cost(b"SELECT box07") == Cost()
    assert bench.cost(b"SELECT INBOX") == Cost()


MESSAGE = b" {10+}\r\nA: b\r\n\r\nxx"


def test_a_message_is_two_syncs_and_one_transaction(bench):
    """One of its octets, and that of the commit.

    It is written on one thread; on another it is looked at while it is being synced.
    """
    command = b"APPEND box07" + MESSAGE
    bench.say(command)
    stored = Cost(reads=1, writes=6, commits=1, syncs=1, hops=2)
    assert bench.cost(command) == stored


def test_many_messages_are_two_syncs_too(bench):
    command = b"APPEND box07" + MESSAGE * 50
    bench.say(command)
    # Three rows each; that the mailbox is there was seen before.
    stored = Cost(reads=1, writes=153, commits=1, syncs=1, hops=2)
    assert bench.cost(command) == stored


def test_one_flag_is_one_small_transaction_on_the_event_thread(bench):
    bench.say(b"STORE 1 +FLAGS.SILENT (\\Flagged)")
    # It reads what its own last commit has left: numbers of rights, and a mod-sequence,
    # by one statement.
    # Then it reads the message's block, writes it, and writes the mailbox's row.
    cost = Cost(reads=1, writes=3, commits=1)
    assert bench.cost(b"STORE 7 +FLAGS.SILENT (\\Seen)") == cost
    assert bench.cost(b"UID STORE 7,9 +FLAGS (\\Deleted)") == cost  # of one block
    nothing_new = replace(cost, writes=1)
    assert bench.cost(b"STORE 7 +FLAGS (\\Seen)") == nothing_new


# -- octets


@contextmanager
def most_memory() -> Iterator[list[int]]:
    """Give, behind the block, the most that Python held at once during it."""
    found: list[int] = []
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        yield found
        found.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()


def test_a_big_message_costs_little_memory_and_one_copy_each_way(bench):
    size = 50 * MIB
    piece = b"x" * 65_534 + b"\r\n"
    bench.runtime.turns += 1
    session: Session = bench.session
    written, calls = bench.disk.octets, bench.disk.writes
    with most_memory() as most:
        session.connection.receive(b"x0 APPEND box07 {%d+}\r\n" % size)
        for _ in range(size // len(piece)):
            session.connection.receive(piece)
        session.connection.receive(b"\r\n")
    assert b"x0 OK" in session.raw
    session.read()
    assert most[0] < 3 * MIB
    # Each octet is written once, as it comes.
    assert bench.disk.octets - written == size
    assert bench.disk.writes - calls == 1 + size // len(piece)
    bench.say(b"SELECT box07")
    sent: list[int] = []
    session.write = lambda data: sent.append(len(data))  # type: ignore[method-assign]
    bench.runtime.pools.clear()
    with most_memory() as most:
        session.connection.receive(b"x1 FETCH 1 BODY.PEEK[]\r\n")
    assert sum(sent) > size
    assert most[0] < 1 * MIB
    assert max(sent) <= 65_536
    assert len(sent) == 1 + sum(sent) // 65_536
    assert bench.runtime.pools == [Pool.READ]  # its digest


def test_a_login_is_no_more_than_its_password(bench):
    """Of a second session of the same account."""
    session: Any = bench.world.connect()
    bench.runtime.pools.clear()
    bench.runtime.turns += 1
    session.ok(b"LOGIN ann {%d+}\r\n%b" % (len(PASSWORD), PASSWORD))
    assert bench.runtime.pools == []  # the proof of the first is remembered
