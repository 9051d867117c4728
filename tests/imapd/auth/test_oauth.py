"""OAUTHBEARER and XOAUTH2: the messages, the JSON of a refusal, who is let in."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.auth import AuthOptions, Elsewhere
from imapd.session.credentials import (
    Challenge,
    Grant,
    LoginRefused,
    MalformedExchange,
)
from imapd.session.mechanisms import MECHANISMS
from mailstore.errors import Unavailable
from tests.imapd.auth.desk import Desk

# RFC 7628 §4.1
EXAMPLE = base64.b64decode(
    "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9"
    "QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
)


class Tokens:
    """Every token is the name it is for, but for some."""

    def __init__(self) -> None:
        self.names = {
            b"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==": "user@example.com",
            b"good": "ann",
            b"admins": "root",
            b"new": "carol@example.org",
        }

    def check(self, token: bytes) -> str:
        if token == b"down":
            raise Unavailable
        if token not in self.names:
            raise LoginRefused("", "token: expired")
        return self.names[token]


def make(path, **more):
    options = AuthOptions(
        mechanisms=MECHANISMS,
        oauth_scope="imap",
        oauth_discovery="https://idp.example.org/.well-known/openid-configuration",
        **more,
    )
    return Desk(path, options, Elsewhere(tokens=Tokens()))


@pytest.fixture
def desk(tmp_path):
    made = make(tmp_path)
    yield made
    made.close()


def bearer(token, authzid=""):
    header = f"n,a={authzid}," if authzid else "n,,"
    return f"{header}\x01auth=Bearer {token}\x01\x01".encode()


def test_the_example_of_rfc_7628(desk):
    grant = desk.talk("OAUTHBEARER", EXAMPLE)
    assert (grant.user, grant.mechanism) == ("user@example.com", "OAUTHBEARER")


def test_people_are_let_in(desk):
    assert desk.talk("OAUTHBEARER", None) == Challenge(b"")
    assert desk.talk("OAUTHBEARER", bearer("good")).account == desk.ids["ann"]
    assert desk.talk("OAUTHBEARER", bearer("good", "ANN")).user == "ann"
    assert desk.talk("OAUTHBEARER", b"n,,\x01auth=BEARER  good\x01\x01").user == "ann"
    assert desk.talk("XOAUTH2", b"user=ann\x01auth=Bearer good\x01\x01") == Grant(
        desk.ids["ann"], "ann", "XOAUTH2"
    )


def test_an_account_is_made_at_the_first_login(desk, tmp_path):
    grant = desk.talk("OAUTHBEARER", bearer("new"))
    assert grant.user == "carol@example.org"
    assert desk.talk("OAUTHBEARER", bearer("new")).account == grant.account
    assert desk.check("carol@example.org", b"") is None  # no password lets in
    (tmp_path / "x").mkdir()
    strict = make(tmp_path / "x", create_accounts=False)
    assert isinstance(strict.talk("OAUTHBEARER", bearer("new")), Challenge)
    strict.close()


def test_a_refusal_is_told_in_json(desk):
    """RFC 7628 §3.2.2 and §3.2.3; the same for every kind of refusal."""
    challenge = desk.talk("OAUTHBEARER", bearer("bad"))
    assert json.loads(challenge.data) == {
        "status": "invalid_token",
        "scope": "imap",
        "openid-configuration": (
            "https://idp.example.org/.well-known/openid-configuration"
        ),
    }
    with pytest.raises(LoginRefused, match="token: expired"):
        desk.talk("OAUTHBEARER", bearer("bad"), b"\x01")
    challenge = desk.talk("XOAUTH2", b"user=ann\x01auth=Bearer bad\x01\x01")
    assert json.loads(challenge.data)["status"] == "401"
    with pytest.raises(LoginRefused):
        desk.talk("XOAUTH2", b"user=ann\x01auth=Bearer bad\x01\x01", b"")


def test_a_token_is_for_one_person(desk):
    desk.directory.create("root", b"x", admin=True)
    with pytest.raises(LoginRefused) as refused:
        desk.talk("OAUTHBEARER", bearer("good", "bob"), b"\x01")
    assert refused.value.code == "AUTHORIZATIONFAILED"
    assert desk.talk("OAUTHBEARER", bearer("admins", "bob")).admin == "root"
    desk.directory.set_disabled("ann", disabled=True)
    with pytest.raises(LoginRefused):
        desk.talk("OAUTHBEARER", bearer("good"), b"\x01")


def test_a_provider_that_is_down_is_no_refusal(desk):
    with pytest.raises(Unavailable):
        desk.talk("OAUTHBEARER", bearer("down"))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",
        b"n,,",
        b"n,,\x01\x01",
        b"p=tls-exporter,,\x01auth=Bearer good\x01\x01",
        b"n,,\x01auth=Basic good\x01\x01",
        b"n,,\x01auth=Bearer \x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01",
        b"n,,\x01auth=Bearer good\x01",
        b"n,,\x01auth=Bearer good\x01auth=Bearer x\x01\x01",
        b"n,,\x01host=x\x01\x01",
        b"n,,\x01=x\x01auth=Bearer good\x01\x01",
        b"n,,\x01x=\x00\x01auth=Bearer good\x01\x01",
        b"\xff",
        b"x" * 30_000,
    ],
)
def test_malformed_messages(desk, message):
    with pytest.raises(MalformedExchange):
        desk.talk("OAUTHBEARER", message)


@pytest.mark.parametrize(
    "message",
    [b"", b"auth=Bearer good\x01\x01", b"user=\x01auth=Bearer good\x01\x01", b"user=a"],
)
def test_malformed_xoauth2(desk, message):
    with pytest.raises(MalformedExchange):
        desk.talk("XOAUTH2", message)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(["OAUTHBEARER", "XOAUTH2"]),
    st.lists(st.binary(max_size=60), max_size=3),
)
def test_any_octets_are_answered(desk, mechanism, messages):
    try:
        desk.talk(mechanism, *messages)
    except (MalformedExchange, LoginRefused):
        return
