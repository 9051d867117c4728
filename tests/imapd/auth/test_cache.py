"""The cache of proofs, and the places that make up the authenticator."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imapd.auth.cache import ProofCache
from imapd.syntax.secret import Secret
from mailstore.directory import Proof
from mailstore.model import AccountId

PROOF = Proof(AccountId("a" * 32))


class Cache:
    def __init__(self, seconds: float = 100) -> None:
        self.version = 1
        self.time = 0.0
        self.cache = ProofCache(lambda: self.version, lambda: self.time, seconds)

    def find(self, name: str = "ann", password: bytes = b"pw", protocol: str = "imap"):
        return self.cache.find(name, Secret(password), protocol)

    def remember(self, seconds: float | None = None) -> None:
        self.find()
        self.cache.remember("ann", Secret(b"pw"), "imap", PROOF, seconds)


def test_a_proof_is_remembered_for_a_while():
    cache = Cache()
    assert cache.find() is None
    cache.remember()
    assert cache.find() == PROOF
    cache.time = 100.5
    assert cache.find() is None


def test_it_may_be_remembered_for_less():
    cache = Cache()
    cache.remember(5)
    cache.time = 6
    assert cache.find() is None


def test_nothing_is_remembered_when_it_is_switched_off():
    cache = Cache(0)
    cache.remember()
    assert cache.find() is None


def test_another_protocol_is_another_proof():
    """An app password may be good for one and not for the other."""
    cache = Cache()
    cache.remember()
    assert cache.find(protocol="pop3") is None


def test_any_change_ends_all():
    cache = Cache()
    cache.remember()
    cache.version += 1
    assert cache.find() is None


def test_a_change_while_bcrypt_ran_is_noticed():
    cache = Cache()
    cache.find()
    cache.version += 1
    cache.cache.remember("ann", Secret(b"pw"), "imap", PROOF)
    assert cache.find() is None


@given(st.text(max_size=5), st.binary(max_size=5))
def test_no_two_people_share_a_proof(name, password):
    cache = Cache()
    cache.remember()
    wanted = PROOF if (name, password) == ("ann", b"pw") else None
    assert cache.find(name, password) == wanted
