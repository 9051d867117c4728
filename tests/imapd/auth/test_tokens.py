"""OAuth tokens: what is let in, every refusal, keys that change, a failing provider."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.auth.key_set import KeySet
from imapd.auth.tokens import TokenChecker, TokenSettings
from imapd.auth.web import Web, check_url
from imapd.session.credentials import LoginRefused
from mailstore.errors import Unavailable
from tests.imapd.auth.provider import Provider, running_provider

NOW = 1_800_000_000.0
RSA_KEY = rsa.generate_private_key(65_537, 2_048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
EC384_KEY = ec.generate_private_key(ec.SECP384R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
KEYS: dict[str, Any] = {
    "RS256": RSA_KEY,
    "PS256": RSA_KEY,
    "ES256": EC_KEY,
    "ES384": EC384_KEY,
    "EdDSA": ED_KEY,
}


def public(algorithm: str, kid: str, **more: str) -> dict[str, Any]:
    kind = jwt.get_algorithm_by_name(algorithm)
    made = json.loads(kind.to_jwk(KEYS[algorithm].public_key()))
    return {**made, "kid": kid, **more}


DOCUMENT = {
    "keys": [
        public("RS256", "r"),
        public("ES256", "e", use="sig", alg="ES256"),
        public("ES384", "e3"),
        public("EdDSA", "d"),
        public("RS256", "enc", use="enc"),
        {"kty": "oct", "kid": "o", "k": base64.urlsafe_b64encode(b"x" * 32).decode()},
    ]
}
KIDS = {"RS256": "r", "PS256": "r", "ES256": "e", "ES384": "e3", "EdDSA": "d"}
CLAIMS = {
    "iss": "https://idp.example.org",
    "aud": "mail",
    "exp": NOW + 300,
    "email": "ann@example.org",
    "scope": "openid imap",
}


def token(algorithm: str = "ES256", headers: Any = None, **claims: Any) -> bytes:
    body = {k: v for k, v in {**CLAIMS, **claims}.items() if v is not None}
    head = {"kid": KIDS[algorithm], **(headers or {})}
    head = {k: v for k, v in head.items() if v is not None}
    return jwt.encode(body, KEYS[algorithm], algorithm, headers=head).encode()


def make(**more: Any) -> TokenChecker:
    given_ = {
        "issuer": "https://idp.example.org",
        "audience": ("mail",),
        "jwks_read": lambda: json.dumps(DOCUMENT).encode(),
        **more,
    }
    return TokenChecker(TokenSettings(**given_), lambda: NOW)


@pytest.fixture(scope="module")
def provider():
    with running_provider() as made:
        yield made


@pytest.fixture
def idp(provider: Provider):
    provider.answers.clear()
    provider.asked.clear()
    return provider


@pytest.mark.parametrize("algorithm", KIDS)
def test_every_algorithm(algorithm):
    assert make().check(token(algorithm)) == "ann@example.org"
    assert make().check(token(algorithm, {"typ": "at+jwt"})) == "ann@example.org"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - 61}, "expired"),
        ({"exp": None}, "without an end"),
        ({"exp": "soon"}, "without an end"),
        ({"nbf": NOW + 61}, "not yet valid"),
        ({"iat": NOW + 61}, "not yet valid"),
        ({"iss": "https://other.example.org"}, "wrong issuer"),
        ({"iss": None}, "wrong issuer"),
        ({"aud": "other"}, "wrong audience"),
        ({"aud": None}, "wrong audience"),
        ({"aud": ["x", "y"]}, "wrong audience"),
        ({"scope": "openid"}, "without the scope"),
        ({"scope": None}, "without the scope"),
        ({"email": None}, "without a name"),
        ({"email": ""}, "without a name"),
        ({"email": 5}, "without a name"),
        ({"email": "x" * 300}, "without a name"),
        ({"email_verified": False}, "not verified"),
        ({"email_verified": "true"}, "not verified"),
    ],
)
def test_claims_that_are_refused(claims, reason):
    with pytest.raises(LoginRefused, match=reason):
        make(required_scope="imap").check(token(**claims))


def test_claims_that_are_accepted():
    checker = make(required_scope="imap")
    for claims in (
        {"exp": NOW - 59},
        {"nbf": NOW + 59},
        {"aud": ["x", "mail"]},
        {"scope": ["imap"]},
        {"scope": None, "scp": "imap"},
        {"email_verified": True},
    ):
        assert checker.check(token(**claims)) == "ann@example.org"
    assert make(user_claim="upn").check(token(upn="ann")) == "ann"


def test_signatures_that_are_refused():
    head, body, signature = token().split(b".")
    other = jwt.encode(CLAIMS, ec.generate_private_key(ec.SECP256R1()), "ES256")
    pem = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    import hashlib
    import hmac

    def b64(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    hs_head = b64(b'{"alg":"HS256","kid":"r"}')
    hs_body = b64(json.dumps(CLAIMS).encode())
    mac = hmac.new(pem, hs_head + b"." + hs_body, hashlib.sha256).digest()
    confused = b".".join([hs_head, hs_body, b64(mac)])
    unsigned = b".".join([b64(b'{"alg":"none"}'), hs_body, b""])
    for wrong, reason in (
        (b".".join([head, body, signature[:-4] + b"AAAA"]), "wrong signature"),
        (b".".join([head, b64(b'{"email":"bob"}'), signature]), "wrong signature"),
        (other.encode(), "wrong signature|unknown key"),
        (confused, "algorithm not allowed"),
        (unsigned, "malformed|algorithm not allowed"),
        (token("RS256", {"kid": "e"}), "unknown key"),  # an EC key
        (token("RS256", {"kid": "enc"}), "unknown key"),
        (token(headers={"kid": "nobody's"}), "unknown key"),
        (token("ES384", {"alg": "ES384", "kid": "e"}), "unknown key"),
        (token(headers={"typ": "logout+jwt"}), "not an access token"),
        (token(headers={"crit": ["exp"]}), "not an access token|malformed"),
    ):
        with pytest.raises(LoginRefused, match=reason):
            make().check(wrong)


def test_no_kid_is_enough_when_one_key_fits():
    assert make().check(token("ES384", {"kid": None})) == "ann@example.org"
    two = {"keys": [public("ES384", "a"), public("ES384", "b")]}
    with pytest.raises(LoginRefused, match="unknown key"):
        make(jwks_read=lambda: json.dumps(two).encode()).check(
            token("ES384", {"kid": None})
        )


@pytest.mark.parametrize(
    "data", [b"", b"a b", b"a\x00b", b"\xff", b"x" * 20_000, b"opaque", b"a.b.c", b".."]
)
def test_what_is_no_token(data):
    with pytest.raises(LoginRefused):
        make().check(data)


@given(
    st.one_of(st.binary(max_size=80), st.from_regex(rb"[\w.-]{1,60}", fullmatch=True))
)
def test_any_octets_are_refused(data):
    with pytest.raises(LoginRefused):
        make().check(data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_any_change_is_refused(data):
    whole = token()
    at = data.draw(st.integers(0, len(whole) - 2))  # the last has bits to spare
    other = data.draw(st.sampled_from(b"AQgw.-_x"))
    changed = whole[:at] + bytes([other]) + whole[at + 1 :]
    if changed != whole:
        with pytest.raises(LoginRefused):
            make().check(changed)


# -- keys


def test_keys_are_fetched_once_and_again_when_they_changed(idp):
    clock = [NOW]
    idp.json("/keys", {"keys": [public("ES384", "e3")]})
    checker = TokenChecker(
        TokenSettings("https://idp.example.org", ("mail",), jwks_url=f"{idp.url}/keys"),
        lambda: clock[0],
    )
    for _ in range(3):
        checker.check(token("ES384"))
    assert idp.count("/keys") == 1
    idp.json("/keys", DOCUMENT)
    for _ in range(3):  # an unknown key: fetched again, but not at once
        with pytest.raises(LoginRefused):
            checker.check(token())
    assert idp.count("/keys") == 1
    clock[0] += 61
    assert checker.check(token()) == "ann@example.org"
    assert idp.count("/keys") == 2
    for _ in range(3):
        with pytest.raises(LoginRefused):
            checker.check(token(headers={"kid": "invented"}))
    assert idp.count("/keys") == 2


def test_old_keys_go_on_for_a_while():
    clock, fetched = [0.0], []

    def fetch() -> dict[str, Any]:
        fetched.append(clock[0])
        if len(fetched) > 1:
            raise Unavailable
        return DOCUMENT

    keys = KeySet(fetch, lambda: clock[0], 100)
    assert keys.fitting("EC", "ES384", "e3")
    clock[0] = 150
    assert keys.fitting("EC", "ES384", "e3")  # the fetch failed; they are good yet
    clock[0] = 199
    assert keys.fitting("EC", "ES384", "e3")
    assert len(fetched) == 2
    clock[0] = 260
    with pytest.raises(Unavailable):
        keys.fitting("EC", "ES384", "e3")


def test_a_provider_that_fails_is_unavailable(idp):
    def checker(path: str) -> TokenChecker:
        return make(jwks_read=None, jwks_url=f"{idp.url}{path}", timeout_seconds=1)

    idp.json("/keys", DOCUMENT)
    idp.answers["/text"] = lambda _: (200, b"no JSON")
    idp.answers["/list"] = lambda _: (200, b"[]")
    idp.answers["/big"] = lambda _: (200, b" " * 300_000)
    idp.answers["/deep"] = lambda _: (200, b"[" * 100_000)
    idp.answers["/moved"] = lambda _: (302, b"")
    idp.answers["/error"] = lambda _: (500, b"")
    idp.answers["/none"] = lambda _: (200, b"{}")
    for path in idp.answers:
        if path != "/keys":
            with pytest.raises(Unavailable):
                checker(path).check(token())
    with pytest.raises(Unavailable):
        make(jwks_read=lambda: b"no JSON").check(token())
    with pytest.raises(Unavailable):
        Web(timeout=1).get("http://127.0.0.1:9/")


def test_a_slow_provider_is_unavailable():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Unavailable):
            Web(timeout=0.05).get(url)


# -- introspection (RFC 7662)


def asking(idp: Provider, **more: Any) -> TokenChecker:
    return make(
        jwks_read=None,
        introspection_url=f"{idp.url}/ask",
        client_id="imap:d",
        client_secret="s e",
        **more,
    )


def test_opaque_tokens_are_asked_about(idp):
    idp.json("/ask", {"active": True, "email": "ann@example.org", "exp": NOW + 30})
    checker = asking(idp)
    assert checker.check(b"opaque") == "ann@example.org"
    assert checker.check(b"opaque") == "ann@example.org"
    (path, authorization, body), *more = idp.asked
    assert more == []  # remembered
    assert (path, body) == ("/ask", b"token=opaque&token_type_hint=access_token")
    # RFC 6749 §2.3.1: both are form-encoded first
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"imap%3Ad:s+e"


@pytest.mark.parametrize(
    "answer",
    [
        {"active": False},
        {"active": "true", "email": "a"},
        {},
        {"active": True},
        {"active": True, "email": "a", "exp": NOW - 100},
        {"active": True, "email": "a", "iss": "other"},
        {"active": True, "email": "a", "aud": "other"},
        {"active": True, "email": "a", "nbf": NOW + 100},
    ],
)
def test_answers_that_let_nobody_in(idp, answer):
    idp.json("/ask", answer)
    checker = asking(idp)
    for _ in range(2):
        with pytest.raises(LoginRefused):
            checker.check(b"opaque")
    assert idp.count("/ask") == 2  # a no is not remembered


def test_introspection_names_and_failures(idp):
    idp.json("/ask", {"active": True, "username": "ann"})
    assert asking(idp).check(b"o") == "ann"
    idp.json("/ask", {"active": True, "sub": "ann"})
    assert asking(idp).check(b"o") == "ann"
    idp.json("/ask", {"error": "invalid_client"}, 401)
    with pytest.raises(Unavailable):
        asking(idp).check(b"o")


# -- settings


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"jwks_read": None}, "jwks or introspection_url"),
        ({"issuer": ""}, "issuer and audience"),
        ({"audience": ()}, "issuer and audience"),
        ({"introspection_url": "https://x/y"}, "client_id"),
        ({"jwks_url": "http://idp.example.org/keys"}, "not an https URL"),
        ({"jwks_url": "file:///etc/passwd"}, "not an https URL"),
        ({"algorithms": ("HS256",)}, "HS256 is none of"),
        ({"algorithms": ("none",)}, "none is none of"),
    ],
)
def test_settings_that_cannot_be(change, text):
    with pytest.raises(ValueError, match=text):
        make(**change)


def test_urls():
    for good in (
        "https://idp/",
        "http://localhost/",
        "http://127.0.0.1:80/",
        "http://[::1]/",
    ):
        assert check_url(good) == good
    assert "secret!" not in repr(
        TokenSettings("i", ("a",), "https://x/", client_secret="secret!")
    )
