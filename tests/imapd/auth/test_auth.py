"""Passwords, the cache of proofs, the brake on guessing."""

from __future__ import annotations

import pytest

from imapd.auth.throttle import Throttle
from mailstore.directory import Directory
from tests.imapd.auth.desk import HERE, THERE, Desk
from tests.support.furnished import CHEAP


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.close()


def test_a_second_login_asks_bcrypt_no_more(desk):
    assert desk.check("ann", b"pw of ann") == desk.ids["ann"]
    assert desk.check("Ann", b"pw of ann") == desk.ids["ann"]
    assert desk.hashed == 1


def test_nobody_logs_in_with_anothers_proof(desk):
    desk.check("ann", b"pw of ann")
    desk.check("bob", b"pw of bob")
    assert desk.check("ann", b"pw of bob") is None
    assert desk.check("bob", b"pw of ann") is None
    assert desk.check("annp", b"w of ann") is None


def test_a_changed_password_ends_the_old_one_at_once(desk, tmp_path):
    desk.check("ann", b"pw of ann")
    elsewhere = Directory(tmp_path / "directory.db", desk.runtime, CHEAP)
    elsewhere.set_password("ann", b"new")
    assert desk.check("ann", b"pw of ann") is None
    assert desk.check("ann", b"new") == desk.ids["ann"]
    elsewhere.remove("ann")
    assert desk.check("ann", b"new") is None
    elsewhere.close()


def test_a_proof_ends_by_itself(desk):
    desk.check("ann", b"pw of ann")
    desk.runtime.advance(4_000)
    desk.check("ann", b"pw of ann")
    assert desk.hashed == 2


def test_unknown_names_cost_a_hash_too(desk):
    for name in ("nobody", "", "a/b", "\x00", "x" * 300):
        assert desk.check(name, b"x") is None
    assert desk.hashed == 5


def test_guessing_is_slowed_down_and_others_are_not(desk):
    for _ in range(12):
        desk.check("ann", b"wrong", THERE)
    assert desk.pauses == sorted(desk.pauses)
    assert max(desk.pauses) <= 15
    slow = len(desk.pauses)
    assert desk.check("ann", b"pw of ann", HERE) == desk.ids["ann"]
    assert len(desk.pauses) == slow


def test_who_was_there_before_does_not_wait_for_neighbours(desk):
    desk.check("bob", b"pw of bob", THERE)
    for number in range(40):
        desk.check(f"user{number}", b"x", THERE)
    desk.pauses.clear()
    assert desk.check("bob", b"pw of bob", THERE) == desk.ids["bob"]
    assert desk.pauses == []
    desk.check("carol", b"x", THERE)
    assert desk.pauses


def test_failures_fade():
    clock = [0.0]
    throttle = Throttle(lambda: clock[0])
    for _ in range(8):
        throttle.failed("ann", HERE)
    assert throttle.delay("ann", HERE) > 0
    clock[0] += 3_600
    assert throttle.delay("ann", HERE) == 0


def test_one_network_is_one_guesser():
    throttle = Throttle(lambda: 0.0)
    for number in range(30):
        throttle.failed(f"u{number}", f"2001:db8::{number:x}")
    assert throttle.delay("other", "2001:db8::ffff") > 0
    assert throttle.delay("other", "2001:db8:1::1") == 0


def test_memory_is_bounded():
    throttle = Throttle(lambda: 0.0, most=10)
    for number in range(1_000):
        throttle.failed(f"u{number}", f"10.{number % 256}.{number // 256}.1")
        throttle.succeeded(f"u{number}", f"10.{number % 256}.{number // 256}.1")
    assert len(throttle._failures) <= 10
    assert len(throttle._trusted) <= 10
