from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstore.directory import Directory, lookup_key, prepared
from mailstore.errors import AlreadyExists, InvalidName, NotFound, NotPermitted
from mailstore.index import accounts
from mailstore.lanes import InlineRuntime

RUNTIME = InlineRuntime()


@pytest.fixture
def directory(tmp_path):
    made = Directory(tmp_path / "directory.db", RUNTIME, bcrypt_cost=4)
    yield made
    made.close()


def verify(directory, name, password):
    return RUNTIME.run(directory.verify(name, password))


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
    first = Directory(tmp_path / "d", RUNTIME, bcrypt_cost=4)
    first.create("ann", b"pw")
    first.close()
    second = Directory(tmp_path / "d", RUNTIME, bcrypt_cost=5)
    assert verify(second, "ann", b"wrong") is None
    assert _row(second).password.startswith("$2b$04$")
    assert verify(second, "ann", b"pw")
    assert _row(second).password.startswith("$2b$05$")
    assert verify(second, "ann", b"pw")
    second.close()


def test_others_changes_are_seen(directory, tmp_path):
    other = Directory(tmp_path / "directory.db", RUNTIME, bcrypt_cost=4)
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
    id_ = directory.create("ann", b"pw")
    with directory._database.transaction():
        directory._database.execute("UPDATE account SET disabled = 1")
    row = accounts.account_with_id(directory._database, id_)
    assert row is not None
    assert row.disabled
    assert verify(directory, "ann", b"pw") is None


def test_hashes_stay_hidden(directory):
    directory.create("ann", b"pw")
    assert "$2b$" not in repr(directory.find("ann"))
