"""Counts and brakes that several workers keep together."""

from __future__ import annotations

import json
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from imapd.auth.throttle import Throttle
from imapd.session.admission import ConnectionAdmission, Ticket
from imapd.session.limits import Limits
from imapd.session.shared_counts import SharedCounts
from mailstore.model import AccountId
from tests.support.stepping import SteppingRuntime

ANN = AccountId("a" * 32)


class Workers:
    """Admissions that hear each other."""

    def __init__(self, count: int = 2) -> None:
        self.runtime = SteppingRuntime()
        limits = Limits(connections_per_account=3, connections_per_address=4)
        self.all = [ConnectionAdmission(lambda: limits) for _ in range(count)]
        self.dead: int | None = None
        for index, one in enumerate(self.all):
            one.share(self.runtime, partial(self.tell, index))

    def tell(self, index: int, note: bytes) -> None:
        assert len(note) < 4_000
        for other, one in enumerate(self.all):
            if other != index != self.dead:
                one.hear(note)

    def connect(self, index: int, address: str = "192.0.2.1") -> Ticket | str:
        return self.all[index].connect(address, lambda: None, lambda: True)


def test_limits_count_over_all_workers():
    workers = Workers()
    tickets = [workers.connect(n % 2) for n in range(4)]
    assert workers.connect(0) == "too many connections from your address"
    assert isinstance(workers.connect(0, "192.0.2.2"), Ticket)
    first = tickets[1]
    assert isinstance(first, Ticket)
    workers.all[1].disconnect(first)
    assert isinstance(workers.connect(0), Ticket)


def test_accounts_count_over_all_workers():
    workers = Workers()
    for index in (0, 1, 1):
        assert workers.all[index].login(ANN, "192.0.2.1")
    assert not workers.all[0].login(ANN, "192.0.2.1")
    workers.all[1].logout(ANN, "192.0.2.1")
    assert workers.all[0].login(ANN, "192.0.2.1")


def test_a_dead_workers_counts_fade():
    workers = Workers()
    for _ in range(3):
        assert workers.all[1].login(ANN, "192.0.2.1")
    workers.dead = 1
    told = workers.all[0]._shared
    assert told is not None
    assert told.count("account", ANN) == 3
    workers.runtime.advance(100)
    workers.runtime.advance(100)
    assert workers.all[0].login(ANN, "192.0.2.1")


def test_what_lasts_is_told_again():
    workers = Workers()
    assert workers.all[1].login(ANN, "192.0.2.1")
    for _ in range(10):
        workers.runtime.advance(50)
    told = workers.all[0]._shared
    assert told is not None
    assert told.count("account", ANN) == 1


class Told:
    """One worker's counts, and the notes that it sends."""

    def __init__(self) -> None:
        self.runtime = SteppingRuntime()
        self.notes: list[list[object]] = []
        self.counts = SharedCounts(
            self.runtime, lambda note: self.notes.append(json.loads(note)[1])
        )


def test_what_can_wait_is_told_together():
    told = Told()
    for number in range(1, 6):
        told.counts.set("address", "a", number, soon=True)
        told.counts.set("address", f"b{number}", 1, soon=True)
    assert told.notes == []
    told.runtime.advance(0.1)
    (note,) = told.notes
    assert ["address", "a", 5] in note
    assert len(note) == 6


def test_what_was_undone_is_not_told():
    told = Told()
    for _ in range(1_000):
        told.counts.set("address", "a", 1, soon=True)
        told.counts.set("address", "a", 0, soon=True)
    told.runtime.advance(1)
    assert told.notes == []


def test_what_can_not_wait_is_told_at_once():
    told = Told()
    told.counts.set("address", "a", 1, soon=True)
    told.counts.set("address", "a", 2)
    assert told.notes == [[["address", "a", 2]]]
    told.counts.set("address", "a", 0, soon=True)
    told.runtime.advance(1)
    assert told.notes[1:] == [[["address", "a", 0]]]


def test_near_the_limit_nobody_waits():
    """Others may believe less than an eighth of a limit too little, for a moment."""
    runtime = SteppingRuntime()
    notes: list[bytes] = []
    limits = Limits(connections_per_address=80)
    admission = ConnectionAdmission(lambda: limits)
    admission.share(runtime, notes.append)
    for _ in range(9):
        admission.connect("192.0.2.1", lambda: None, lambda: True)
    assert notes == []
    admission.connect("192.0.2.1", lambda: None, lambda: True)
    assert len(notes) == 1


@given(st.binary(max_size=60))
def test_any_note_is_survived(note):
    counts = SharedCounts(SteppingRuntime(), lambda _: None)
    counts.hear(note)
    throttle = Throttle(lambda: 0.0)
    throttle.hear(note)


def test_guessing_on_one_worker_is_slowed_down_on_all():
    first, second = Throttle(lambda: 0.0), Throttle(lambda: 0.0)
    first.share(second.hear)
    second.share(first.hear)
    for _ in range(6):
        first.failed("änn", "192.0.2.1")
    assert second.delay("änn", "192.0.2.1") == first.delay("änn", "192.0.2.1") > 0
    second.succeeded("änn", "192.0.2.1")
    assert first.delay("änn", "192.0.2.1") == 0


def test_a_program_that_logs_in_again_and_again_is_told_of_once_a_minute():
    """Of one that connects for each command the others would hear all day."""
    clock = [0.0]
    first, second = Throttle(lambda: clock[0]), Throttle(lambda: clock[0])
    told: list[bytes] = []
    first.share(told.append)
    second.share(first.hear)
    for seconds in range(130):
        clock[0] = float(seconds)
        first.succeeded("ann", "192.0.2.1")
    assert len(told) == 3
    # But always where it ends what failures there were, whoever counted them.
    second.failed("ann", "192.0.2.1")
    first.succeeded("ann", "192.0.2.1")
    assert len(told) == 4
    first.succeeded("ann", "192.0.2.1")
    first.succeeded("ann", "192.0.2.7")
    assert len(told) == 5


def test_guessing_from_everywhere_is_slowed_down():
    throttle = Throttle(lambda: 0.0)
    throttle.succeeded("ann", "203.0.113.5")
    for number in range(40):
        throttle.failed("ann", f"10.{number}.0.1")
    assert throttle.delay("ann", "10.99.0.1") > 0
    assert throttle.delay("bob", "10.99.0.1") == 0
    assert throttle.delay("ann", "203.0.113.5") == 0  # its owner is there


def test_what_was_told_once_more_meanwhile_is_taken_back():
    runtime, notes = SteppingRuntime(), list[bytes]()
    mine = SharedCounts(runtime, notes.append)
    others = SharedCounts(runtime, lambda _: None)
    mine.set("address", "a", 1)
    runtime.advance(59.99)
    mine.set("address", "a", 2, soon=True)
    mine.set("address", "b", 1, soon=True)
    runtime.advance(0.011)  # the minute is over: all is told again
    mine.set("address", "a", 1, soon=True)
    mine.set("address", "b", 0, soon=True)
    runtime.advance(1)
    for note in notes:
        others.hear(note)
    assert (others.count("address", "a"), others.count("address", "b")) == (1, 0)
