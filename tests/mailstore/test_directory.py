from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.directory import Directory, lookup_key
from mailstore.directory.passwords import prepared
from mailstore.errors import AlreadyExists, InvalidName, NotFound, NotPermitted
from mailstore.lanes import InlineRuntime
from tests.support.furnished import CHEAP

RUNTIME = InlineRuntime()


@pytest.fixture
def directory(tmp_path):
    made = Directory(tmp_path / "directory.db", RUNTIME, CHEAP)
    yield made
    made.close()


def verify(directory, name, password):
    proof = RUNTIME.run(directory.verify(name, password))
    return None if proof is None else proof.account


def test_an_account_is_found_by_any_spelling(directory):
    id_ = directory.create("Änn", b"pw")
    for name in ("Änn", "änn", "ÄNN", "A\u0308nn"):
        assert directory.find(name).id == id_
        assert verify(directory, name, b"pw") == id_
    assert directory.find("Ann") is None
    assert directory.by_id(id_).name == "Änn"
    assert [row.name for row in directory.accounts()] == ["Änn"]
    with pytest.raises(AlreadyExists):
        directory.create("änn", b"other")


def test_ids_are_random_and_tell_nothing(directory):
    ids = {directory.create(f"u{n}", b"pw") for n in range(3)}
    assert len(ids) == 3
    assert all(len(id_) == 32 and "u" not in id_ for id_ in ids)


@pytest.mark.parametrize("name", ["", " a", "a ", "a/b", "a\x00", "a\nb", "x" * 256])
def test_impossible_names(directory, name):
    with pytest.raises(InvalidName):
        directory.create(name, b"pw")
    assert directory.find(name) is None
    assert verify(directory, name, b"pw") is None


@pytest.mark.parametrize("password", [b"", b"a\x00b", b"x" * 1025])
def test_impossible_passwords(directory, password):
    with pytest.raises(NotPermitted):
        directory.create("ann", password)
    directory.create("ann", b"pw")
    with pytest.raises(NotPermitted):
        directory.set_password("ann", password)
    assert verify(directory, "ann", password) is None
    assert verify(directory, "ann", b"pw") is not None


def test_all_octets_of_a_long_password_count(directory):
    long = b"x" * 72
    directory.create("ann", long + b"1")
    assert verify(directory, "ann", long + b"1")
    assert verify(directory, "ann", long + b"2") is None
    assert verify(directory, "ann", long) is None
    directory.create("bob", long)
    assert verify(directory, "bob", long)
    assert verify(directory, "bob", long + b"x") is None


def test_a_password_is_unicode_in_any_form(directory):
    directory.create("ann", "pä\u00a0ss".encode())
    assert verify(directory, "ann", "pa\u0308 ss".encode())


@given(st.binary(min_size=1, max_size=200))
def test_bcrypt_reads_all_of_what_is_prepared(password):
    try:
        octets = prepared(password)
    except NotPermitted:
        assert 0 in password
        return
    assert 0 < len(octets) <= 72
    assert 0 not in octets


@given(st.text(max_size=20))
def test_a_key_is_its_own_key(name):
    try:
        key = lookup_key(name)
    except InvalidName:
        return
    assert lookup_key(key) == key


def _row(directory):
    row = directory.find("ann")
    assert row is not None
    return row


def test_a_new_cost_is_taken_over_at_login(tmp_path):
    first = Directory(tmp_path / "d", RUNTIME, CHEAP)
    first.create("ann", b"pw")
    first.close()
    second = Directory(tmp_path / "d", RUNTIME, replace(CHEAP, bcrypt_cost=5))
    assert verify(second, "ann", b"wrong") is None
    assert _row(second).password.startswith("$2b$04$")
    assert verify(second, "ann", b"pw")
    assert _row(second).password.startswith("$2b$05$")
    assert verify(second, "ann", b"pw")
    second.close()


def test_others_changes_are_seen(directory, tmp_path):
    other = Directory(tmp_path / "directory.db", RUNTIME, CHEAP)
    before = directory.version()
    other.create("ann", b"pw")
    assert directory.version() != before
    assert verify(directory, "ann", b"pw")
    other.remove("ann")
    assert verify(directory, "ann", b"pw") is None
    with pytest.raises(NotFound):
        other.remove("ann")
    with pytest.raises(NotFound):
        directory.set_password("ann", b"x")
    other.close()


def test_a_disabled_account_cannot_log_in(directory):
    directory.create("ann", b"pw")
    directory.set_disabled("ann", disabled=True)
    assert _row(directory).disabled
    assert verify(directory, "ann", b"pw") is None
    assert directory.scram("ann", "SHA-256", "imap").keys == ()
    directory.set_disabled("ann", disabled=False)
    assert verify(directory, "ann", b"pw") is not None


def test_hashes_stay_hidden(directory):
    directory.create("ann", b"pw")
    assert "$2b$" not in repr(directory.find("ann"))
