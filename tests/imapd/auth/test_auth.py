"""Passwords, the cache of proofs, the brake on guessing, SASL messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.auth.authenticator import PasswordAuthenticator
from imapd.auth.sasl import MECHANISMS, Login, Plain
from imapd.auth.throttle import Throttle
from imapd.session.context import Challenge, Credentials
from imapd.syntax.secret import Secret
from mailstore.directory import Directory
from mailstore.lanes import Pool
from tests.support.stepping import SteppingRuntime

HERE, THERE = "192.0.2.7", "198.51.100.9"


class Desk:
    """An authenticator over a directory with ann and bob."""

    def __init__(self, path):
        self.runtime = SteppingRuntime()
        self.directory = Directory(path / "directory.db", self.runtime, bcrypt_cost=4)
        self.ids = {
            name: self.directory.create(name, b"pw of " + name.encode())
            for name in ("ann", "bob")
        }
        self.pauses = []
        self.authenticator = PasswordAuthenticator(
            self.directory, self.runtime, self._pause
        )

    async def _pause(self, seconds):
        self.pauses.append(seconds)

    def check(self, name, password, address=HERE):
        return self.runtime.run(
            self.authenticator.check(name, Secret(password), address)
        )

    @property
    def hashed(self):
        return self.runtime.pools.count(Pool.PASSWORD)


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.directory.close()


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
    elsewhere = Directory(tmp_path / "directory.db", desk.runtime, bcrypt_cost=4)
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


# -- SASL


def test_plain():
    assert Plain().step(None) == Challenge(b"")
    assert Plain().step(b"\0ann\0pw") == Credentials("ann", Secret(b"pw"))
    assert Plain().step("z\0ännä\0pw".encode()) == Credentials(
        "ännä", Secret(b"pw"), "z"
    )


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"ann\0pw",
        b"\0\0pw",
        b"\0ann\0",
        b"\0ann\0p\0w",
        b"\0\xff\0pw",
        b"x" * 3000,
    ],
)
def test_plain_refuses(message):
    with pytest.raises(ValueError, match=r"."):
        Plain().step(message)


def test_login_refuses():
    for messages in ([b""], [b"\xff"], [b"ann", b""], [b"ann", b"\0"], [b"x" * 3000]):
        exchange = Login()
        exchange.step(None)
        for message in messages[:-1]:
            exchange.step(message)
        with pytest.raises(ValueError, match=r"."):
            exchange.step(messages[-1])


@given(
    st.sampled_from(sorted(MECHANISMS)),
    st.lists(st.one_of(st.none(), st.binary(max_size=60)), max_size=4),
)
def test_any_octets_are_answered(mechanism, messages):
    exchange = MECHANISMS[mechanism]()
    for message in messages:
        try:
            outcome = exchange.step(message)
        except ValueError:
            return
        assert isinstance(outcome, Challenge | Credentials)


def test_secrets_stay_hidden():
    assert "pw" not in repr(Plain().step(b"\0ann\0pw"))
