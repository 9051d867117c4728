"""SCRAM: the RFCs' examples, another implementation as the client, every refusal."""

from __future__ import annotations

import base64
import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scramp import ScramClient, ScramException

from imapd.session.credentials import (
    NO_CHANNEL,
    Challenge,
    Client,
    Grant,
    LoginRefused,
    MalformedExchange,
)
from mailstore.directory import Directory, Proof, ScramOffer
from mailstore.directory.passwords import saslprep, scram_form, scram_keys
from mailstore.index.credentials import PASSWORD, KeyRow
from mailstore.model import AccountId
from tests.imapd.auth.desk import BOUND, HERE, Desk
from tests.support.furnished import CHEAP

SCRAMS = ("SCRAM-SHA-1", "SCRAM-SHA-256")


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.close()


def authenticate(desk, mechanism, name, password, channel=NO_CHANNEL, binding=None):
    """Run the exchange with scramp as the client, which checks our signature too."""
    client = ScramClient([mechanism], name, password, channel_binding=binding)
    exchange = desk.authenticator.exchange(mechanism, Client(HERE, channel))
    first = desk.runtime.run(exchange.step(client.get_client_first().encode()))
    client.set_server_first(first.data.decode())
    final = desk.runtime.run(exchange.step(client.get_client_final().encode()))
    assert isinstance(final, Challenge)
    client.set_server_final(final.data.decode())
    return desk.runtime.run(exchange.step(b""))


# RFC 5802 §5, RFC 7677 §3
EXAMPLES = {
    "SCRAM-SHA-1": (
        "SHA-1",
        "QSXCR+Q6sek8bf92",
        "3rfcNHYJY1ZVvWVs7j",
        b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        (
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
            b"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        ),
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    "SCRAM-SHA-256": (
        "SHA-256",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        (
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        ),
        (
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        ),
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
}


@pytest.mark.parametrize("mechanism", SCRAMS)
def test_the_example_of_the_rfc(desk, mechanism, monkeypatch):
    hash_, salt, nonce, first, challenge, final, signature = EXAMPLES[mechanism]
    octets = base64.b64decode(salt)
    made = scram_keys(b"pencil", octets, 4096, hash_)
    key = KeyRow(PASSWORD, made.stored, made.server)
    offer = ScramOffer(octets, 4096, ((key, Proof(desk.ids["ann"])),))
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: nonce)
    monkeypatch.setattr(desk.directory, "scram", lambda *_: offer)
    exchange = desk.authenticator.exchange(mechanism, Client(HERE))
    run = desk.runtime.run
    assert run(exchange.step(first)) == Challenge(challenge)
    assert run(exchange.step(final)) == Challenge(signature)
    assert run(exchange.step(b"")).account == desk.ids["ann"]


@pytest.mark.parametrize("mechanism", SCRAMS)
def test_another_implementation_logs_in(desk, mechanism):
    grant = authenticate(desk, mechanism, "ANN", "pw of ann")
    assert grant == Grant(desk.ids["ann"], "ann", mechanism)
    with pytest.raises(LoginRefused):
        authenticate(desk, mechanism, "ann", "pw of bob")
    assert desk.hashed == 0  # bcrypt has nothing to do with it


@pytest.mark.parametrize("mechanism", SCRAMS)
@pytest.mark.parametrize("kind", ["tls-server-end-point", "tls-exporter"])
def test_channel_binding(desk, mechanism, kind):
    plus = f"{mechanism}-PLUS"
    assert bound(desk, plus, kind, BOUND.bindings[kind]).mechanism == plus
    with pytest.raises(LoginRefused, match="channel binding"):
        bound(desk, plus, kind, b"another connection's")


def bound(desk, mechanism, kind, data):
    """Like `authenticate`, with a binding that scramp need not know."""
    client = ScramClient(
        [mechanism],
        "ann",
        "pw of ann",
        channel_binding=("tls-server-end-point", data),
    )
    if kind != "tls-server-end-point":
        return bound_by_hand(desk, mechanism, kind, data)
    exchange = desk.authenticator.exchange(mechanism, Client(HERE, BOUND))
    run = desk.runtime.run
    first = run(exchange.step(client.get_client_first().encode()))
    client.set_server_first(first.data.decode())
    final = run(exchange.step(client.get_client_final().encode()))
    client.set_server_final(final.data.decode())
    return run(exchange.step(b""))


def bound_by_hand(desk, mechanism, kind, data):
    exchange = desk.authenticator.exchange(mechanism, Client(HERE, BOUND))
    run = desk.runtime.run
    header = f"p={kind},,"
    first = run(exchange.step(f"{header}n=ann,r=abc".encode()))
    final = client_final(
        first.data.decode(), "n=ann,r=abc", header.encode() + data, mechanism
    )
    run(exchange.step(final))
    return run(exchange.step(b""))


def client_final(challenge, bare, binding, mechanism, password=b"pw of ann"):
    """Write the client's final message, as RFC 5802 §3 has it."""
    import hashlib
    import hmac

    hash_ = "sha1" if "SHA-1" in mechanism else "sha256"
    parts = dict(part.split("=", 1) for part in challenge.split(","))
    unproved = f"c={base64.b64encode(binding).decode()},r={parts['r']}"
    salted = hashlib.pbkdf2_hmac(
        hash_, password, base64.b64decode(parts["s"]), int(parts["i"])
    )
    key = hmac.new(salted, b"Client Key", hash_).digest()
    stored = hashlib.new(hash_, key).digest()
    signed = f"{bare},{challenge},{unproved}".encode()
    signature = hmac.new(stored, signed, hash_).digest()
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    return f"{unproved},p={base64.b64encode(proof).decode()}".encode()


def test_plus_needs_a_channel(desk):
    offered = desk.authenticator.mechanisms(NO_CHANNEL)
    assert not [name for name in offered if name.endswith("-PLUS")]
    with pytest.raises(KeyError):
        desk.authenticator.exchange("SCRAM-SHA-256-PLUS", Client(HERE))


def test_a_hidden_plus_is_an_attack(desk):
    """RFC 5802 §6: the client says y, and we do offer it."""
    with pytest.raises(LoginRefused, match="hidden"):
        desk.talk("SCRAM-SHA-256", b"y,,n=ann,r=abc", channel=BOUND)
    assert isinstance(desk.talk("SCRAM-SHA-256", b"y,,n=ann,r=abc"), Challenge)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n=ann,r=abc",
        b"n,,m=x,n=ann,r=abc",
        b"n,,n=ann",
        b"n,,n=,r=abc",
        b"n,,n=a=nn,r=abc",
        b"n,,n=a=2c,r=abc",
        b"n,,n=ann,r=a\x7fb",
        b"n,,n=ann,r=",
        b"n,,n=ann,r=" + b"x" * 600,
        b"n,a=,n=ann,r=abc",
        b"n,a=x=,n=ann,r=abc",
        b"p=tls-unique,,n=ann,r=abc",
        b"x,,n=ann,r=abc",
        b"n,,n=\xff,r=abc",
        b"n,,n=a\x00nn,r=abc",
        b"x" * 5_000,
    ],
)
def test_malformed_first_messages(desk, message):
    with pytest.raises(MalformedExchange):
        desk.talk("SCRAM-SHA-256", message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"c=biws",
        b"c=biws,r=%r",
        b"c=biws,r=%r,p=",
        b"c=biws,r=%r,p=!!!",
        b"c=b,r=%r,p=AAAA",
        b"c=biws,r=%r,p=AAAA,x=y",
    ],
)
def test_malformed_final_messages(desk, message):
    exchange = desk.authenticator.exchange("SCRAM-SHA-256", Client(HERE))
    run = desk.runtime.run
    first = run(exchange.step(b"n,,n=ann,r=abc")).data.decode()
    nonce = first.split(",")[0][2:].encode()
    with pytest.raises(MalformedExchange):
        run(exchange.step(message.replace(b"%r", nonce)))


def test_a_wrong_nonce_or_header_is_refused(desk):
    for change in (lambda f: f.replace(b"r=abc", b"r=xyz"), lambda f: f):
        exchange = desk.authenticator.exchange("SCRAM-SHA-256", Client(HERE))
        run = desk.runtime.run
        first = run(exchange.step(b"n,,n=ann,r=abc")).data.decode()
        wrong_header = b"y,,"
        final = client_final(first, "n=ann,r=abc", wrong_header, "SCRAM-SHA-256")
        with pytest.raises(LoginRefused):
            run(exchange.step(change(final)))


def test_nothing_may_follow_the_signature(desk):
    exchange = desk.authenticator.exchange("SCRAM-SHA-256", Client(HERE))
    run = desk.runtime.run
    first = run(exchange.step(b"n,,n=ann,r=abc")).data.decode()
    final = client_final(first, "n=ann,r=abc", b"n,,", "SCRAM-SHA-256")
    assert isinstance(run(exchange.step(final)), Challenge)
    with pytest.raises(MalformedExchange):
        run(exchange.step(b"more"))


def test_extensions_are_passed_over(desk):
    """RFC 5802 §5.1: unknown optional ones must be ignored."""
    exchange = desk.authenticator.exchange("SCRAM-SHA-256", Client(HERE))
    run = desk.runtime.run
    bare = "n=ann,r=abc,x=y"
    first = run(exchange.step(f"n,,{bare}".encode())).data.decode()
    final = client_final(first, bare, b"n,,", "SCRAM-SHA-256")
    run(exchange.step(final))
    assert run(exchange.step(b"")).user == "ann"


def test_nobody_gets_a_salt_like_everybody(desk):
    def salt(name):
        answer = desk.talk("SCRAM-SHA-256", b"n,,n=%b,r=abc" % name)
        return answer.data.split(b",", 1)[1]

    assert salt(b"nobody") == salt(b"NOBODY")
    assert salt(b"nobody") != salt(b"nobody2")
    assert salt(b"nobody").split(b",")[1] == salt(b"ann").split(b",")[1]
    assert len(salt(b"nobody")) == len(salt(b"ann"))
    with pytest.raises(LoginRefused) as refused:
        authenticate(desk, "SCRAM-SHA-256", "nobody", "pw of ann")
    with pytest.raises(LoginRefused) as wrong:
        authenticate(desk, "SCRAM-SHA-256", "bob", "pw of ann")
    assert (refused.value.code, refused.value.reason) == (
        wrong.value.code,
        wrong.value.reason,
    )


def test_counts_of_nobody_are_those_of_people(desk, tmp_path):
    """A changed setting holds for new passwords: old counts must not tell who is."""
    desk.directory.close()
    options = dataclasses.replace(CHEAP, scram_iterations=8_192)
    desk.directory = Directory(tmp_path / "directory.db", desk.runtime, options)
    for number in range(20):
        desk.directory.create(f"new{number}", b"x")
    desk.directory.set_password("bob", b"y")

    def offers():
        names = [f"nobody{number}" for number in range(60)]
        return [desk.directory.scram(name, "SHA-256", "imap") for name in names]

    before = offers()
    assert offers() == before
    assert len({offer.salt for offer in before}) == 60
    # All are counts of people; whose, is chance, since ids are.
    assert {offer.iterations for offer in before} <= {4_096, 8_192}
    # Who gets another count gets another salt, as somebody with a new password does.
    desk.directory.set_password("ann", b"z")
    for old, new in zip(before, offers(), strict=True):
        assert new.iterations == 8_192
        assert (old.salt == new.salt) == (old.iterations == new.iterations)


def test_app_passwords_prove_too(desk):
    apps = desk.directory.app_passwords
    ann = desk.ids["ann"]
    shown = apps.add(ann, "phone", now=0, readonly=True)
    elsewhere = apps.add(ann, "pop", now=0, protocols=["pop3"])
    grant = authenticate(desk, "SCRAM-SHA-256", "ann", shown)
    assert (grant.by, grant.readonly) == ("phone", True)
    with pytest.raises(LoginRefused):
        authenticate(desk, "SCRAM-SHA-256", "ann", elsewhere)
    # A new main password keeps the salt that the app passwords' keys rest on.
    desk.directory.set_password("ann", b"new")
    assert authenticate(desk, "SCRAM-SHA-256", "ann", shown).by == "phone"
    assert authenticate(desk, "SCRAM-SHA-256", "ann", "new").by is None
    apps.revoke(ann, "phone")
    with pytest.raises(LoginRefused):
        authenticate(desk, "SCRAM-SHA-256", "ann", shown)


def test_keys_are_made_at_login_where_they_are_missing(tmp_path):
    from mailstore.directory import Directory
    from tests.support.furnished import CHEAP

    desk = Desk(tmp_path)
    without = Directory(
        tmp_path / "directory.db",
        desk.runtime,
        dataclasses.replace(CHEAP, scram_hashes=()),
    )
    without.create("old", b"pw of old")
    without.close()
    with pytest.raises(LoginRefused):
        authenticate(desk, "SCRAM-SHA-256", "old", "pw of old")
    assert desk.login("old", b"pw of old").user == "old"
    assert authenticate(desk, "SCRAM-SHA-256", "old", "pw of old").user == "old"
    desk.close()


def test_acting_for_somebody_else(desk):
    desk.directory.create("root", b"pw of root", admin=True)

    def act(name, password, authzid):
        exchange = desk.authenticator.exchange("SCRAM-SHA-256", Client(HERE))
        run = desk.runtime.run
        bare = f"n={name},r=abc"
        header = f"n,a={authzid},"
        first = run(exchange.step(f"{header}{bare}".encode())).data.decode()
        final = client_final(first, bare, header.encode(), "SCRAM-SHA-256", password)
        run(exchange.step(final))
        return run(exchange.step(b""))

    grant = act("root", b"pw of root", "ann")
    assert (grant.account, grant.admin) == (desk.ids["ann"], "root")
    assert act("ann", b"pw of ann", "ann").admin is None
    with pytest.raises(LoginRefused) as refused:
        act("ann", b"pw of ann", "bob")
    assert refused.value.code == "AUTHORIZATIONFAILED"


@pytest.mark.parametrize("password", ["päss", "pass\u00a0word", "x\u00ady", "Ⅸ"])
def test_passwords_are_prepared_as_clients_do(desk, password):
    desk.directory.create("uni", password.encode())
    assert authenticate(desk, "SCRAM-SHA-256", "uni", password).user == "uni"
    assert desk.login("uni", password.encode()).user == "uni"


def test_saslprep_examples():
    """RFC 4013 §3."""
    assert saslprep("I\u00adX") == "IX"
    assert saslprep("user") == "user"
    assert saslprep("USER") == "USER"
    assert saslprep("\u00aa") == "a"
    assert saslprep("\u2168") == "IX"
    for wrong in ("\u0007", "\u0627\u0031", ""):
        with pytest.raises(ValueError, match=r"."):
            saslprep(wrong)
    # What it forbids still makes a password: clients send it as it is.
    assert scram_form("🐶".encode()) == "🐶".encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.one_of(st.none(), st.binary(max_size=80)), max_size=4))
def test_any_octets_are_answered(desk, messages):
    for mechanism in SCRAMS:
        try:
            desk.talk(mechanism, *messages)
        except (MalformedExchange, LoginRefused):
            continue


def test_the_other_implementation_is_strict(desk):
    """That scramp would notice a wrong signature: else its word proves nothing."""
    client = ScramClient(["SCRAM-SHA-256"], "ann", "pw of ann")
    exchange = desk.authenticator.exchange("SCRAM-SHA-256", Client(HERE))
    first = desk.runtime.run(exchange.step(client.get_client_first().encode()))
    client.set_server_first(first.data.decode())
    client.get_client_final()
    with pytest.raises(ScramException):
        client.set_server_final("v=" + base64.b64encode(b"x" * 32).decode())


def test_keys_stay_hidden():
    key = KeyRow(0, b"stored!", b"server!")
    offer = ScramOffer(b"salt", 4096, ((key, Proof(AccountId("x"))),))
    assert "stored!" not in repr(key)
    assert "server!" not in repr(offer)
