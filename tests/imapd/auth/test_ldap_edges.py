"""LDAP's edges against Debian's slapd: odd texts, dead servers, silent servers."""

from __future__ import annotations

import base64
import gc
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.auth.desk import Person
from imapd.auth.ldap import LdapDirectory, LdapSettings  # quietens ldap3's import
from mailstore.errors import Unavailable
from tests.support.slapd import BASE, SERVICE, SERVICE_PASSWORD, running_slapd

from ldap3.strategy.base import BaseStrategy  # isort: skip

pytestmark = pytest.mark.net

# Texts that ldap3's SASLprep refuses, changes or empties; servers take the octets.
ODD_PASSWORDS = ("\u00ad", "a\u00adb", "tab\there", "ﬁ", "אa", "\\2a\\5c", "x y ")
MORE = "".join(
    f"dn: cn=odd {number},{BASE}\nobjectClass: inetOrgPerson\ncn: odd {number}\n"
    f"sn: x\nuid: odd{number}\nuserPassword:: {{}}\n\n"
    for number in range(len(ODD_PASSWORDS))
)
GROUPS = """\
dn: cn=grouped,{base}
objectClass: inetOrgPerson
cn: grouped
sn: x
uid: grouped
userPassword: grouped
ou: cn=a\\2c b,ou=groups,{base}
ou: cn=K\\C3\\B6ln,ou=groups,{base}
ou: plain
ou: CN=Plain,ou=x

dn: cn=two names,{base}
objectClass: inetOrgPerson
cn: two names
sn: x
uid: two1
uid: two2
userPassword: two

dn: cn=hashed,{base}
objectClass: inetOrgPerson
cn: hashed
sn: x
uid: hashed
userPassword: {{SSHA}}5mJ9V7B1v8gTzXK0pX9mUjvOeF5zYWx0

dn: cn=no password,{base}
objectClass: inetOrgPerson
cn: no password
sn: x
uid: nopassword
"""


@pytest.fixture(scope="module")
def slapd(tmp_path_factory):
    with running_slapd(tmp_path_factory.mktemp("slapd")) as made:
        made.stop()
        odd = [base64.b64encode(one.encode()).decode() for one in ODD_PASSWORDS]
        ldif = made.folder / "more.ldif"
        ldif.write_text(MORE.format(*odd) + GROUPS.format(base=BASE))
        subprocess.run(
            ["/usr/sbin/slapadd", "-f", made.folder / "slapd.conf", "-l", ldif],
            check=True,
            capture_output=True,
        )
        made.start()
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
        timeout_seconds=1,
    )


@contextmanager
def opened(settings):
    made = LdapDirectory(settings)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("method", ["bind", "compare"])
def test_passwords_are_sent_octet_by_octet(facts, method):
    """ldap3 prepares texts: a soft hyphen was an error, a ligature two letters."""
    with opened(replace(facts, method=method)) as ldap:
        for number, password in enumerate(ODD_PASSWORDS):
            name = f"odd{number}"
            assert ldap.check(name, password.encode()) == Person(name, ()), password
            assert ldap.check(name, b"another") is None
        assert ldap.check("odd3", b"fi") is None


@pytest.mark.parametrize("method", ["bind", "compare"])
@given(password=st.text(min_size=1, max_size=12))
def test_any_password_is_right_or_wrong(facts, method, password):
    made = LdapDirectory(replace(facts, method=method))
    octets = password.encode("utf-8", "surrogatepass")
    assert made.check("alice", octets) is None
    made.close()


@given(name=st.text(st.characters(), max_size=8))
def test_any_name_with_halves_of_characters(facts, name):
    made = LdapDirectory(facts)
    assert made.check(name + "\ud800", b"x") is None
    assert made.find(name + "\ud800") is None
    made.close()


@pytest.mark.parametrize("method", ["bind", "compare"])
def test_all_that_fails_makes_the_same_requests(facts, method, monkeypatch):
    sent: list[str] = []
    send = BaseStrategy.send

    def record(self, message_type, request, controls=None):
        sent.append(message_type)
        return send(self, message_type, request, controls)

    monkeypatch.setattr(BaseStrategy, "send", record)
    seen = set()
    with opened(replace(facts, method=method)) as ldap:
        ldap.find("alice")
        for name in ("alice", "nobody", "twins@example.org", "two1", "nopassword"):
            sent.clear()
            assert ldap.check(name, b"wrong") is None
            seen.add(tuple(sent))
        sent.clear()
        assert ldap.check("alice", b"") is None
        assert sent == []
    assert len(seen) == 1


def test_an_empty_name_sends_nothing(facts):
    with opened(replace(facts, urls=("ldap://127.0.0.1:9",))) as ldap:
        assert ldap.check("", b"x") is None
        assert ldap.check("x", b"") is None
        assert ldap.find("") is None


def test_an_empty_name_is_nobody_in_a_filter_of_parts(facts):
    with opened(replace(facts, filter="(uid=bo{user}*)")) as ldap:
        assert ldap.find("b") == Person("bob", ("staff",))
        assert ldap.find("") is None


def test_groups_are_unescaped(facts):
    with opened(facts) as ldap:
        person = ldap.find("grouped")
        assert person is not None
        assert set(person.groups or ()) == {"a, b", "Köln", "plain", "Plain"}


def test_two_names_are_no_name(facts):
    with opened(facts) as ldap:
        assert ldap.find("two1") is None
        assert ldap.check("two1", b"two") is None


def test_nobody_without_a_password_gets_in(facts):
    for method in ("bind", "compare"):
        with opened(replace(facts, method=method)) as ldap:
            assert ldap.check("nopassword", b"x") is None
            assert ldap.check("hashed", b"wrong") is None


def test_a_base_that_is_not_there_is_told(facts):
    with (
        opened(replace(facts, base="dc=elsewhere")) as ldap,
        pytest.raises(Unavailable),
    ):
        ldap.check("alice", b"alice's")


def test_an_anonymous_search_that_is_refused_is_told(facts):
    made = replace(facts, bind_dn="", bind_password="")
    with opened(made) as ldap, pytest.raises(Unavailable):
        ldap.check("alice", b"alice's")


@pytest.mark.parametrize("scheme", ["ldap", "ldaps", "starttls"])
def test_a_silent_server_is_given_up(facts, scheme):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"{scheme.replace('starttls', 'ldap')}://127.0.0.1:{listener.getsockname()[1]}"
        made = replace(facts, urls=(url,), start_tls=scheme == "starttls")
        with opened(made) as ldap:
            began = time.monotonic()
            with pytest.raises(Unavailable):
                ldap.check("alice", b"alice's")
            assert time.monotonic() - began < 4
    gc.collect()


def _answer(listener, answer, heard):
    peer, _ = listener.accept()
    peer.settimeout(2)
    with peer:
        try:
            while data := peer.recv(4_096):
                heard.append(data)
                peer.sendall(answer)
        except OSError:
            return


@pytest.mark.parametrize(
    "answer",
    [
        bytes.fromhex("300c02010178070a010204000400"),  # protocolError
        b"\x30\x03\x02\x01\x01",
        b"nonsense",
        b"\x30\x84\xff\xff\xff\xff",
    ],
)
def test_nothing_is_said_to_a_server_without_starttls(facts, answer):
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer, args=(listener, answer, heard))
        thread.start()
        url = f"ldap://127.0.0.1:{listener.getsockname()[1]}"
        with (
            opened(replace(facts, urls=(url,), start_tls=True)) as ldap,
            pytest.raises(Unavailable),
        ):
            ldap.check("alice", b"alice's")
        thread.join(5)
    assert b"".join(heard)
    assert SERVICE_PASSWORD.encode() not in b"".join(heard)
    assert b"alice" not in b"".join(heard)


def test_pooled_connections_are_few_and_close(slapd, facts):
    ldap = LdapDirectory(replace(facts, connections=2))
    threads = [
        threading.Thread(target=ldap.check, args=("alice", b"alice's"))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pooled = [one for one in list(ldap._idle.queue) if one is not None]
    assert 1 <= len(pooled) <= 2
    ldap.close()
    assert all(one.closed for one in pooled)


def test_a_restart_between_two_checks_is_not_noticed(slapd, facts):
    with opened(facts) as ldap:
        assert ldap.check("alice", b"alice's")
        slapd.stop()
        slapd.start()
        assert ldap.check("alice", b"alice's")
        assert ldap.check("alice", b"wrong") is None


def test_a_dead_first_server_does_not_matter(slapd, facts):
    for tls in (slapd.url, slapd.tls_url):
        with opened(replace(facts, urls=("ldap://127.0.0.1:9", tls))) as ldap:
            assert ldap.check("alice", b"alice's")


def test_an_upper_case_scheme_is_as_safe(slapd, facts):
    made = replace(facts, urls=(slapd.url.replace("ldap:", "LDAP:"),), start_tls=True)
    with opened(made) as ldap:
        assert ldap.check("alice", b"alice's")
        assert all(one.tls_started for one in ldap._idle.queue if one is not None)


@pytest.mark.parametrize(
    "change",
    [
        {"urls": ("ldap://x/dc=org",)},
        {"urls": ("ldap://x:port",)},
        {"urls": ("ldap://x:99999",)},
        {"urls": ("ldap://me@x",)},
        {"bind_dn": "cn=x", "bind_password": ""},
        {"filter": "(uid={user}"},
        {"filter": "uid={user}"},
        {"connections": 0},
        {"timeout_seconds": 0},
    ],
)
def test_more_settings_that_cannot_be(change):
    with pytest.raises(ValueError, match=r"."):
        replace(LdapSettings(("ldap://x/",), "dc=x"), **change)


def test_anchors_that_cannot_be_read(facts, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path in (tmp_path / "none.pem", empty):
        with pytest.raises(OSError, match=r"."):
            LdapDirectory(replace(facts, ca=str(path)))
