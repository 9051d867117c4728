"""LDAP against Debian's slapd: who is found, who is let in, what can't be injected."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.auth import AuthOptions, Elsewhere
from imapd.auth.desk import Person
from imapd.auth.ldap import LdapDirectory, LdapSettings
from imapd.session.credentials import LoginRefused
from mailstore.errors import Unavailable
from tests.imapd.auth.desk import Desk
from tests.support.certificates import make_certificates
from tests.support.slapd import BASE, PEOPLE, SERVICE, SERVICE_PASSWORD, running_slapd

pytestmark = pytest.mark.net


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    with running_slapd(tmp_path_factory.mktemp("slapd")) as made:
        yield made


@pytest.fixture(scope="module")
def facts(slapd):
    return LdapSettings(
        urls=(slapd.url,),
        base=BASE,
        bind_dn=SERVICE,
        bind_password=SERVICE_PASSWORD,
        ca=str(slapd.certificates.authority),
        group_attribute="ou",
    )


@pytest.fixture(scope="module")
def ldap(facts):
    made = LdapDirectory(facts)
    yield made
    made.close()


def test_people_are_found_and_proved(ldap):
    for name in ("alice", "ALICE", "alice@example.org"):
        assert ldap.check(name, b"alice's") == Person("alice", ("sales", "staff"))
    assert ldap.check("köhler", "grün".encode()) == Person("köhler", ())
    assert ldap.check("odd*(name)", b"odd's") == Person("odd*(name)", ())
    assert ldap.find("bob") == Person("bob", ("staff",))


def test_wrong_and_impossible_passwords(ldap):
    for password in (b"bob's", b"", b"\x00", b"alice's\x00", b"\xff", b"x" * 2_000):
        assert ldap.check("alice", password) is None


def test_names_never_change_the_question(ldap):
    for name in (
        "*",
        "al*",
        "alice)(uid=*",
        "*)(objectClass=*",
        "alice\x00",
        "\\2a",
        "alice,dc=example,dc=org",
        "",
        "nobody",
    ):
        assert ldap.check(name, b"alice's") is None
        assert ldap.find(name) is None


def test_a_name_of_two_is_nobodys(ldap):
    assert ldap.check("twins@example.org", b"twin's") is None
    assert ldap.check("twin1", b"twin's") == Person("twin1", ())


@pytest.mark.parametrize("how", ["starttls", "ldaps", "several"])
def test_tls(slapd, facts, how):
    changes: dict[str, Any] = {
        "starttls": {"start_tls": True},
        "ldaps": {"urls": (slapd.tls_url,)},
        "several": {"urls": ("ldaps://127.0.0.1:9", slapd.tls_url)},
    }
    made = LdapDirectory(replace(facts, **changes[how]))
    assert made.check("alice", b"alice's") is not None
    made.close()


def test_a_server_that_nobody_vouches_for_is_not_asked(slapd, facts, tmp_path):
    other = str(make_certificates(tmp_path).authority)
    for change in ({"start_tls": True}, {"urls": (slapd.tls_url,)}):
        made = LdapDirectory(replace(facts, ca=other, **change))
        with pytest.raises(Unavailable):
            made.check("alice", b"alice's")
        made.close()


def test_a_refused_service_account_is_told(facts):
    for change in ({"bind_password": "wrong"}, {"bind_dn": f"cn=nobody,{BASE}"}):
        made = LdapDirectory(replace(facts, **change))
        with pytest.raises(Unavailable, match="service account"):
            made.check("alice", b"alice's")
        made.close()


def test_compare_instead_of_bind(facts):
    made = LdapDirectory(replace(facts, method="compare"))
    assert made.check("alice", b"alice's") == Person("alice", ("sales", "staff"))
    assert made.check("alice", b"bob's") is None
    assert made.check("nobody", b"x") is None
    made.close()


def test_a_person_without_the_attribute_is_nobody(facts):
    made = LdapDirectory(replace(facts, name_attribute="employeeNumber"))
    assert made.check("alice", b"alice's") is None
    made.close()


def test_a_restarted_server_is_asked_again(slapd, facts):
    made = LdapDirectory(facts)
    assert made.check("alice", b"alice's")
    slapd.stop()
    with pytest.raises(Unavailable):
        made.check("alice", b"alice's")
    slapd.start()
    assert made.check("alice", b"alice's")
    made.close()


def test_many_threads(ldap):
    wrong: list[object] = []

    def work(number: int) -> None:
        uid, _, password, _ = PEOPLE[number % 2]
        for _ in range(5):
            found = ldap.check(uid, password.encode())
            if found is None or found.name != uid or ldap.check(uid, b"x"):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(max_size=30))
def test_any_name_finds_itself_or_nobody(ldap, name):
    found = ldap.check(name, b"alice's")
    assert found is None or name.casefold() in ("alice", "alice@example.org")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"urls": ()}, "urls"),
        ({"urls": ("http://x",)}, "urls"),
        ({"filter": "(uid=x)"}, "user"),
        ({"method": "guess"}, "method"),
        ({"base": ""}, "base"),
        ({"name_attribute": ""}, "name_attribute"),
    ],
)
def test_settings_that_cannot_be(change, text):
    good = LdapSettings(("ldap://x",), "dc=x", bind_password="secret!")
    assert "secret!" not in repr(good)
    with pytest.raises(ValueError, match=text):
        replace(good, **change)


# -- at the desk


def test_logins_through_ldap(ldap, tmp_path):
    desk = Desk(tmp_path, AuthOptions(), Elsewhere((ldap,)))
    grant = desk.login("alice@example.org", b"alice's")
    assert grant.user == "alice"
    assert desk.directory.groups.of(grant.account) == ["sales", "staff"]
    assert desk.login("alice", b"alice's").account == grant.account
    # Somebody with a password here is not asked about there.
    assert desk.check("ann", b"pw of ann") == desk.ids["ann"]
    desk.directory.create("bob2", b"here")
    assert desk.check("bob2", b"here")
    # App passwords work for people of LDAP too.
    made = desk.directory.app_passwords.add(grant.account, "phone", now=0)
    assert desk.login("alice", made.encode()).by == "phone"
    desk.directory.set_disabled("alice", disabled=True)
    assert desk.check("alice", b"alice's") is None
    desk.close()


def test_refusals_take_full_steps(ldap, tmp_path):
    """Nobody learns by the time whom LDAP knows."""
    desk = Desk(tmp_path, AuthOptions(), Elsewhere((ldap,)))
    for name in ("alice", "nobody", "ann"):
        desk.pauses.clear()
        with pytest.raises(LoginRefused):
            desk.login(name, b"x", address=f"192.0.2.{len(name)}")
        assert len(desk.pauses) == 1
    desk.close()


def test_a_server_that_is_down_is_no_refusal(tmp_path, facts):
    made = LdapDirectory(replace(facts, urls=("ldap://127.0.0.1:9",)))
    desk = Desk(tmp_path, AuthOptions(), Elsewhere((made,)))
    with pytest.raises(Unavailable):
        desk.login("alice", b"alice's")
    assert desk.login("ann", b"pw of ann").user == "ann"
    desk.close()
