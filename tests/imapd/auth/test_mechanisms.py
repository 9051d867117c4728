"""PLAIN, LOGIN, CRAM-MD5, EXTERNAL: what they take, refuse and let in."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.auth import AuthOptions
from imapd.auth.certificate_map import CertificateMap
from imapd.auth.certificate_names import CertificateNames
from imapd.auth.messages import gs2_header, saslname
from imapd.session.credentials import (
    NO_CHANNEL,
    Challenge,
    Channel,
    Client,
    Grant,
    LoginRefused,
    MalformedExchange,
)
from imapd.session.mechanisms import MECHANISMS
from tests.imapd.auth.certificates import certificate, email, principal
from tests.imapd.auth.desk import BOUND, HERE, Desk


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.close()


# -- what is offered


def test_mechanisms_are_offered_where_they_can_work(desk, tmp_path):
    offered = desk.authenticator.mechanisms
    plain = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
    assert offered(NO_CHANNEL) == plain
    assert "SCRAM-SHA-256-PLUS" in offered(BOUND)
    assert "EXTERNAL" in offered(Channel({}, b"der"))
    assert "OAUTHBEARER" not in offered(BOUND)  # nobody checks tokens here
    assert list(offered(BOUND)) == [n for n in MECHANISMS if n in offered(BOUND)]
    (tmp_path / "x").mkdir()
    few = Desk(tmp_path / "x", AuthOptions(mechanisms=("PLAIN",)))
    assert few.authenticator.mechanisms(BOUND) == ("PLAIN",)
    with pytest.raises(KeyError):
        few.authenticator.exchange("LOGIN", Client(HERE))
    few.close()


# -- PLAIN (RFC 4616) and LOGIN


def test_plain(desk):
    assert desk.talk("PLAIN", None) == Challenge(b"")
    grant = desk.talk("PLAIN", None, b"\0Ann\0pw of ann")
    assert grant == Grant(desk.ids["ann"], "ann", "PLAIN")
    assert desk.talk("PLAIN", b"ann\0ann\0pw of ann") == grant


@pytest.mark.parametrize(
    "message",
    [b"", b"ann\0pw", b"\0\0pw", b"\0ann\0", b"\0ann\0p\0w", b"\0\xff\0p", b"x" * 4000],
)
def test_plain_refuses(desk, message):
    with pytest.raises(MalformedExchange):
        desk.talk("PLAIN", message)


def test_login(desk):
    assert desk.talk("LOGIN", None) == Challenge(b"Username:")
    assert desk.talk("LOGIN", b"ann") == Challenge(b"Password:")
    assert desk.talk("LOGIN", None, b"ann", b"pw of ann").user == "ann"
    with pytest.raises(LoginRefused):
        desk.talk("LOGIN", b"ann", b"pw of bob")


@pytest.mark.parametrize(
    "messages", [[b""], [b"\xff"], [b"ann", b""], [b"ann", b"\0"], [b"x" * 4000]]
)
def test_login_refuses(desk, messages):
    with pytest.raises(MalformedExchange):
        desk.talk("LOGIN", None, *messages)


# -- acting for others (RFC 4422 §3.4.1)


def test_an_admin_acts_for_others(desk):
    root = desk.directory.create("root", b"pw of root", admin=True)
    grant = desk.talk("PLAIN", b"ann\0root\0pw of root")
    assert grant == Grant(desk.ids["ann"], "ann", "PLAIN", admin="root")
    assert desk.talk("PLAIN", b"root\0root\0pw of root").account == root
    assert desk.talk("PLAIN", b"\0root\0pw of root").admin is None
    for wanted in (b"nobody", b"ann/x"):
        with pytest.raises(LoginRefused) as refused:
            desk.talk("PLAIN", wanted + b"\0root\0pw of root")
        assert refused.value.code == "AUTHORIZATIONFAILED"


def test_nobody_else_does(desk):
    for wanted in (b"bob", b"nobody"):
        with pytest.raises(LoginRefused) as refused:
            desk.talk("PLAIN", wanted + b"\0ann\0pw of ann")
        assert refused.value.code == "AUTHORIZATIONFAILED"
    with pytest.raises(LoginRefused) as refused:
        desk.talk("PLAIN", b"bob\0ann\0x")
    assert refused.value.code == "AUTHENTICATIONFAILED"


def test_an_admins_app_password_is_for_one_account(desk):
    root = desk.directory.create("root", b"pw of root", admin=True)
    made = desk.directory.app_passwords.add(root, "phone", now=0).encode()
    assert desk.talk("PLAIN", b"\0root\0" + made).by == "phone"
    with pytest.raises(LoginRefused):
        desk.talk("PLAIN", b"ann\0root\0" + made)


# -- CRAM-MD5 (RFC 2195)


def test_the_example_of_rfc_2195():
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    digest = hmac.new(b"tanstaaftanstaaf", challenge, "md5").hexdigest()
    assert digest == "b913a602c7eda7a495b4e6e7334d3890"


def test_cram_md5(desk):
    desk.directory.create("tim", b"tanstaaftanstaaf", recoverable=True)

    def answer(name, password):
        exchange = desk.authenticator.exchange("CRAM-MD5", Client(HERE))
        challenge = desk.runtime.run(exchange.step(None)).data
        digest = hmac.new(password, challenge, "md5").hexdigest().encode()
        return desk.runtime.run(exchange.step(name + b" " + digest))

    assert answer(b"tim", b"tanstaaftanstaaf").user == "tim"
    for name, password in (
        (b"tim", b"wrong"),
        (b"ann", b"pw of ann"),  # its password is not kept in clear
        (b"nobody", b"x"),
        (b"nobody", b"nobody's"),
    ):
        with pytest.raises(LoginRefused):
            answer(name, password)
    desk.directory.set_password("tim", b"new")  # no longer recoverable
    with pytest.raises(LoginRefused):
        answer(b"tim", b"new")


def test_cram_md5_refuses(desk):
    with pytest.raises(MalformedExchange):
        desk.talk("CRAM-MD5", b"too early")
    for message in (b"", b"tim", b"tim " + b"g" * 32, b"x" * 2_000, b"\xff"):
        with pytest.raises(MalformedExchange):
            desk.talk("CRAM-MD5", None, message)


def test_cram_md5_challenges_differ(desk):
    made = {desk.talk("CRAM-MD5", None).data for _ in range(50)}
    assert len(made) == 50


# -- EXTERNAL (RFC 4422 App. A)


def external(desk, names, response=b""):
    channel = Channel({}, certificate(*names))
    return desk.talk("EXTERNAL", response, channel=channel)


def test_a_certificate_lets_in(desk):
    desk.directory.addresses.add_alias("ann@example.org", desk.ids["ann"])
    grant = external(desk, [email("Ann@example.org")])
    assert grant == Grant(desk.ids["ann"], "ann", "EXTERNAL")
    assert external(desk, [email("ann@example.org")], b"ann") == grant
    assert desk.talk(
        "EXTERNAL", None, channel=Channel({}, certificate(email("ann@example.org")))
    ) == Challenge(b"")


def test_a_certificate_of_nobody_or_several(desk):
    addresses = desk.directory.addresses
    addresses.add_alias("ann@example.org", desk.ids["ann"])
    addresses.add_alias("bob@example.org", desk.ids["bob"])
    both = [email("ann@example.org"), principal("bob@example.org")]
    for names in ([], [email("nobody@example.org")], both):
        with pytest.raises(LoginRefused):
            external(desk, names)
    assert external(desk, both, b"bob").user == "bob"
    with pytest.raises(LoginRefused):
        external(desk, [email("ann@example.org")], b"bob")
    with pytest.raises(LoginRefused, match="unreadable"):
        desk.talk("EXTERNAL", b"", channel=Channel({}, b"no certificate"))
    desk.directory.set_disabled("ann", disabled=True)
    with pytest.raises(LoginRefused):
        external(desk, [email("ann@example.org")])


def test_the_certificate_map():
    names = CertificateNames("ab12", ("Ann@Example.org", "x@y"), ("u@corp",))
    own = CertificateMap()
    assert own.accounts(names) == ["Ann@Example.org", "x@y", "u@corp"]
    mapped = CertificateMap({"email:ann@EXAMPLE.org": "ann"}, only_mapped=True)
    assert mapped.accounts(names) == ["ann"]
    pinned = CertificateMap({"sha256:AB:12": "bob", "email:x@y": "carol"})
    assert pinned.accounts(names) == ["bob"]
    assert CertificateMap(names=("upn",)).accounts(names) == ["u@corp"]
    for wrong in ("x:y", "email:", "ann"):
        with pytest.raises(ValueError, match="is not email:NAME"):
            CertificateMap({wrong: "ann"})


# -- all


def test_gs2():
    assert gs2_header("n,,rest")[0] == "n,,"
    assert gs2_header("p=tls-exporter,a=x=2Cy=3D,")[1:] == (
        "p",
        "tls-exporter",
        "x,y=",
    )
    assert saslname("a=3Db=2Cc") == "a=b,c"
    for wrong in ("", "n", "n,", "z,,", "p=,,", "n,b=x,", "n,a=x"):
        with pytest.raises(MalformedExchange):
            gs2_header(wrong)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(sorted(MECHANISMS)),
    st.lists(st.one_of(st.none(), st.binary(max_size=60)), max_size=4),
    st.sampled_from([NO_CHANNEL, BOUND, Channel({}, b"x")]),
)
def test_any_octets_are_answered(desk, mechanism, messages, channel):
    try:
        outcome = desk.talk(mechanism, *messages, channel=channel)
    except (MalformedExchange, LoginRefused, KeyError):
        return
    assert isinstance(outcome, Challenge)


def test_delays_are_logged(desk):
    for _ in range(8):
        with pytest.raises(LoginRefused):
            desk.talk("PLAIN", b"\0ann\0x")
    kinds = [kind for kind, _ in desk.events]
    assert "login-delayed" in kinds
    assert all("seconds" in facts for _, facts in desk.events)
