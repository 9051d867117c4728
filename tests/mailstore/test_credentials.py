"""App passwords, addresses, groups, keys; a directory of the version before."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import apsw
import pytest

from mailstore.directory import Directory, DirectoryOptions
from mailstore.directory.addresses import Addresses, Groups
from mailstore.directory.app_passwords import AppPasswords
from mailstore.directory.database import DirectoryDatabase
from mailstore.errors import AlreadyExists, Busy, InvalidName, NotFound
from mailstore.index import addresses as address_rows
from mailstore.lanes import InlineRuntime
from mailstore.model import AccountId
from tests.support.furnished import CHEAP
from tests.support.stepping import SteppingRuntime

RUNTIME = InlineRuntime()


@pytest.fixture
def directory(tmp_path):
    made = Directory(
        tmp_path / "directory.db", RUNTIME, replace(CHEAP, default_domain="Example.org")
    )
    made.create("ann", b"pw of ann")
    made.create("bob@example.org", b"pw of bob")
    yield made
    made.close()


def id_of(directory, name):
    row = directory.find(name)
    assert row is not None
    return row.id


def verify(directory, name, password, protocol="imap"):
    return RUNTIME.run(directory.verify(name, password, protocol))


# -- app passwords


def test_an_app_password_proves_in_any_spelling(directory):
    ann = id_of(directory, "ann")
    shown = directory.app_passwords.add(ann, "phone", now=5)
    assert len(shown) == 19
    assert not set(shown) & set("lo01")
    for spelling in (shown, shown.upper(), shown.replace("-", ""), f" {shown} "):
        proof = verify(directory, "ann", spelling.encode())
        assert proof is not None
        assert (proof.account, proof.by.name, proof.readonly) == (ann, "phone", False)
    assert verify(directory, "bob", shown.encode()) is None
    assert verify(directory, "ann", b"pw of ann").by is None
    (row,) = directory.app_passwords.of(ann)
    assert (row.name, row.created, row.used, row.address) == ("phone", 5, None, None)


def test_scope_and_expiry(directory):
    ann = id_of(directory, "ann")
    apps = directory.app_passwords
    pop = apps.add(ann, "pop", now=0, protocols=["pop3", "smtp"]).encode()
    assert verify(directory, "ann", pop) is None
    assert verify(directory, "ann", pop, "pop3") is not None
    past = apps.add(ann, "past", now=0, expires=10).encode()
    assert verify(directory, "ann", past) is None
    future = apps.add(ann, "future", now=0, expires=2**40).encode()
    assert verify(directory, "ann", future) is not None
    reading = apps.add(ann, "read", now=0, readonly=True).encode()
    assert verify(directory, "ann", reading).readonly


def test_revoking_names_and_other_people(directory):
    ann, bob = id_of(directory, "ann"), id_of(directory, "bob@example.org")
    apps = directory.app_passwords
    made = apps.add(ann, "phone", now=0).encode()
    with pytest.raises(AlreadyExists):
        apps.add(ann, "phone", now=0)
    apps.add(bob, "phone", now=0)
    for name in ("", " ", "x" * 101, "a\nb"):
        with pytest.raises(InvalidName):
            apps.add(ann, name, now=0)
    before = directory.version()
    apps.revoke(ann, "phone")
    assert directory.version() != before
    assert verify(directory, "ann", made) is None
    with pytest.raises(NotFound):
        apps.revoke(ann, "phone")
    assert [row.name for row in apps.of(bob)] == ["phone"]
    directory.remove("bob@example.org")
    assert apps.of(bob) == []


def test_last_use_is_noted_and_ends_no_proof(directory):
    ann = id_of(directory, "ann")
    shown = directory.app_passwords.add(ann, "phone", now=0)
    before = directory.version()
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        proof = verify(directory, "ann", shown.encode())
        directory.note_use(proof, address)
        (row,) = directory.app_passwords.of(ann)
        assert (row.address, bool(row.used)) == (address, True)
    assert directory.version() == before
    directory.note_use(verify(directory, "ann", b"pw of ann"), "192.0.2.9")
    assert directory.app_passwords.of(ann)[0].address == "192.0.2.2"


def test_passwords_that_wait_are_bounded(tmp_path):
    runtime = SteppingRuntime()
    directory = Directory(tmp_path / "d", runtime, replace(CHEAP, waiting=0))
    with pytest.raises(Busy):
        runtime.run(directory.verify("ann", b"x"))
    directory.close()


# -- addresses


def test_names_lead_to_accounts(directory):
    addresses = directory.addresses
    ann, bob = id_of(directory, "ann"), id_of(directory, "bob@example.org")
    assert addresses.accounts("ann") == addresses.accounts("ANN@example.org") == [ann]
    assert addresses.accounts("bob") == addresses.accounts("Bob@Example.Org") == [bob]
    for name in ("nobody", "ann@other.org", "", "@example.org", "a/b"):
        assert addresses.accounts(name) == []
    addresses.add_domain("example.org")
    addresses.add_domain("example.net", "example.org")
    assert addresses.accounts("bob@example.net") == [bob]
    assert addresses.accounts("ann@example.net") == [ann]
    addresses.add_alias("Info@example.org", ann)
    assert addresses.accounts("info@EXAMPLE.net") == [ann]
    assert directory.resolve("info").id == ann
    addresses.add_alias("info@example.org", bob)
    assert sorted(addresses.accounts("info")) == sorted([ann, bob])
    assert directory.resolve("info") is None  # of two, nobody may log in by it
    assert verify(directory, "info", b"pw of ann") is None


def test_domains_and_aliases_are_kept_in_order(directory):
    addresses = directory.addresses
    ann = id_of(directory, "ann")
    addresses.add_domain("Example.org")
    with pytest.raises(AlreadyExists):
        addresses.add_domain("example.ORG")
    with pytest.raises(NotFound):
        addresses.add_domain("x.org", "nowhere.org")
    addresses.add_domain("example.net", "example.org")
    with pytest.raises(NotFound):
        addresses.add_domain("example.com", "example.net")  # it stands for another
    for name in ("", "a@b", ".org", "org."):
        with pytest.raises(InvalidName):
            addresses.add_domain(name)
    assert [row.name for row in addresses.domains()] == ["example.net", "Example.org"]
    addresses.remove_domain("example.org")
    assert addresses.domains() == []
    with pytest.raises(NotFound):
        addresses.remove_domain("example.org")
    with pytest.raises(AlreadyExists):
        addresses.add_alias("ANN", ann)  # an account has that name
    addresses.add_alias("annie", ann)
    with pytest.raises(AlreadyExists):
        addresses.add_alias("Annie", ann)
    with pytest.raises(AlreadyExists):
        directory.create("annie", b"x")
    addresses.remove_alias("ANNIE")
    with pytest.raises(NotFound):
        addresses.remove_alias("annie")
    addresses.add_alias("annie", ann)
    directory.remove("ann")
    assert addresses.aliases() == []


# -- groups


def test_groups(directory):
    groups = directory.groups
    ann, bob = id_of(directory, "ann"), id_of(directory, "bob@example.org")
    groups.add("Sales")
    with pytest.raises(AlreadyExists):
        groups.add("sales")
    groups.join("SALES", ann)
    groups.join("sales", ann)
    groups.join("sales", bob)
    assert sorted(groups.members("sales")) == sorted([ann, bob])
    assert groups.of(ann) == ["Sales"]
    groups.leave("sales", bob)
    with pytest.raises(NotFound):
        groups.leave("sales", bob)
    with pytest.raises(NotFound):
        groups.join("nothing", ann)
    groups.remove("sales")
    assert (groups.all(), groups.of(ann)) == ([], [])
    with pytest.raises(NotFound):
        groups.remove("sales")


def test_another_servers_groups_leave_ours_alone(directory):
    groups = directory.groups
    ann = id_of(directory, "ann")
    groups.add("ours")
    groups.join("ours", ann)
    told = ["Staff", "sales", "a/b", "ours"]
    assert not groups.are(ann, told, "ldap")
    groups.follow(ann, told, "ldap")
    assert groups.are(ann, told, "ldap")
    assert groups.of(ann) == ["ours", "sales", "Staff"]
    groups.follow(ann, ["staff"], "ldap")
    assert groups.of(ann) == ["ours", "Staff"]
    assert groups.are(ann, ["staff"], "ldap")


# -- accounts


def test_accounts_without_a_password(directory):
    directory.create("guest", None)
    assert verify(directory, "guest", b"") is None
    assert verify(directory, "guest", b"x") is None
    directory.set_password("guest", b"pw")
    assert verify(directory, "guest", b"pw") is not None
    directory.set_password("guest", None)
    assert verify(directory, "guest", b"pw") is None
    assert directory.scram("guest", "SHA-256", "imap").keys == ()


def test_admins_and_recoverable_passwords(directory):
    directory.create("root", b"pw", admin=True, recoverable=True)
    row = directory.find("root")
    assert row.admin
    assert directory.recoverable("root") == (row.id, b"pw")
    assert b"pw" not in repr(row).encode()
    assert directory.recoverable("ann") is None
    directory.set_admin("root", admin=False)
    directory.set_password("root", b"new")
    assert not directory.find("root").admin
    assert directory.recoverable("root") is None


def test_no_keys_where_no_mechanism_wants_them(tmp_path):
    options = DirectoryOptions(bcrypt_cost=4, scram_hashes=())
    directory = Directory(tmp_path / "d", RUNTIME, options)
    directory.create("ann", b"pw")
    assert directory.scram("ann", "SHA-256", "imap").keys == ()
    assert verify(directory, "ann", b"pw") is not None
    directory.close()


def test_a_directory_of_the_version_before_is_brought_up(tmp_path):
    path = tmp_path / "directory.db"
    script = files("mailstore.index") / "schema" / "0001_directory.sql"
    old = apsw.Connection(str(path))
    old.execute(script.read_text("utf-8"))
    old.execute(
        "INSERT INTO account VALUES (?, 'ann', 'Ann', "
        "'$2b$04$AlpWPVQQSxqjKt4Psw9leOPWE1bnBwFl9fz3ffWUrIJxOt8ymE/4q', 7, 0)",
        ("a" * 32,),
    )
    old.close()
    directory = Directory(path, RUNTIME, CHEAP)
    row = directory.find("ANN")
    assert row is not None
    assert (row.id, row.name, row.created, row.admin) == ("a" * 32, "Ann", 7, False)
    assert (tmp_path / "directory.db.version1").exists()
    first = directory.scram("nobody", "SHA-256", "imap").salt
    directory.close()
    again = Directory(path, RUNTIME, CHEAP)
    assert again.scram("nobody", "SHA-256", "imap").salt == first  # over restarts
    again.close()


def test_only_what_may_end_a_proof_makes_a_new_state(tmp_path):
    database, other = (DirectoryDatabase(tmp_path / "d") for _ in range(2))
    before = database.generation()
    other.note(lambda _: None)
    assert database.generation() == before
    other.write(lambda _: None)
    assert database.generation() == before + 1
    Groups(other).add("staff")
    Addresses(other).add_domain("example.org")
    assert database.generation() == before + 3
    assert address_rows.domain(database.reader, "example.org") is not None
    assert AppPasswords(database).of(AccountId("a" * 32)) == []
    database.close()
    other.close()


def test_a_failed_write_leaves_nothing(tmp_path):
    database = DirectoryDatabase(tmp_path / "d")
    groups = Groups(database)
    groups.add("staff")
    before = database.generation()
    with pytest.raises(AlreadyExists):
        groups.add("staff")
    assert database.generation() == before
    database.close()
