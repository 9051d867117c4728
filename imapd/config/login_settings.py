"""The settings about logins: passwords, certificates, LDAP and OAuth."""

# ruff: noqa: RUF009 - `setting` is dataclasses.field with a fixed shape

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imapd.config.wanted import (
    Choice,
    Choices,
    FilePath,
    Names,
    Pairs,
    PairsValue,
    Text,
    Whole,
    YesNo,
)
from imapd.config.wanted import setting as _setting
from imapd.session.mechanisms import MECHANISMS


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """How people prove who they are."""

    allow_plaintext_without_tls: bool = _setting(
        False, YesNo(), "whether a password may cross a connection without TLS"
    )
    bcrypt_cost: int = _setting(
        12, Whole(4, 17), "the work of checking a password; one more doubles it"
    )
    cache_seconds: int = _setting(
        3_600,
        Whole(0, 86_400),
        "how long a right password is remembered (hashed, in memory) so that "
        "clients with many connections log in fast; 0 switches it off",
    )
    mechanisms: tuple[str, ...] = _setting(
        tuple(name for name in MECHANISMS if name != "CRAM-MD5"),
        Choices(MECHANISMS),
        "SASL mechanisms that are offered where they can work: `-PLUS` on TLS, "
        "`EXTERNAL` with a client's certificate, `OAUTHBEARER` and `XOAUTH2` with "
        "`[oauth]`; `CRAM-MD5` only serves accounts with a recoverable password",
    )
    scram_iterations: int = _setting(
        20_000,
        Whole(4_096, 10_000_000),
        "the work of one guess at SCRAM keys that were stolen, and of each login for "
        "the client; holds for passwords set from then on. Without a SCRAM mechanism "
        "no keys are kept",
    )
    default_domain: str = _setting(
        "",
        Text(),
        "people may leave it off: `ann` is then `ann@` this domain, or the other way "
        "round",
    )
    create_accounts: bool = _setting(
        True,
        YesNo(),
        "whether somebody whom LDAP or OAuth knows gets an account at the first login",
    )


@dataclass(frozen=True, slots=True)
class ExternalSettings:
    """Which account a client's certificate is for; `[tls] client_ca` asks for it."""

    names: tuple[str, ...] = _setting(
        ("email", "upn"),
        Choices(("email", "upn")),
        "which names of subjectAltName count: mail addresses (rfc822Name and "
        "SmtpUTF8Mailbox), user principal names",
    )
    map: PairsValue = _setting(
        PairsValue(),
        Pairs(),
        "accounts by `email:NAME`, `upn:NAME` or `sha256:FINGERPRINT`; a name without "
        "an entry is an account's own name",
    )
    only_mapped: bool = _setting(
        False, YesNo(), "whether a name without an entry is nobody's"
    )


@dataclass(frozen=True, slots=True)
class LdapSettings:
    """An LDAP server that knows people; accounts with a password here stay here."""

    urls: tuple[str, ...] = _setting(
        (), Names(), "servers, `ldap://` or `ldaps://`, tried in order; none: no LDAP"
    )
    start_tls: bool = _setting(
        False, YesNo(), "whether `ldap://` goes on with TLS before anything is said"
    )
    ca: Path | None = _setting(
        None,
        FilePath(optional=True),
        "PEM file of who vouches for the servers; without it the system's",
    )
    bind_dn: str = _setting(
        "", Text(), "who searches; without it the search is anonymous"
    )
    bind_password_file: Path | None = _setting(
        None, FilePath(optional=True), "file whose first line is the password of it"
    )
    base: str = _setting(
        "", Text(), "where people are searched, as `dc=example,dc=org`"
    )
    filter: str = _setting(
        "(&(objectClass=person)(|(uid={user})(mail={user})))",
        Text(),
        "how somebody is found; `{user}` is the name that was typed, escaped",
    )
    method: str = _setting(
        "bind",
        Choice(("bind", "compare")),
        "how a password is checked: by a bind as the person, or by comparing "
        "`userPassword`",
    )
    name_attribute: str = _setting("uid", Text(), "what the account is called")
    group_attribute: str = _setting(
        "",
        Text(),
        "values name the groups that somebody is in, as `memberOf`; without it LDAP "
        "says nothing of groups",
    )
    timeout_seconds: int = _setting(5, Whole(1, 60), "for each connection and answer")
    connections: int = _setting(
        4, Whole(1, 64), "kept open for searches, in each worker"
    )
    cache_seconds: int = _setting(
        60, Whole(0, 86_400), "how long a right password is remembered, hashed"
    )


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """An identity provider whose tokens let people in."""

    issuer: str = _setting("", Text(), "`iss` of its tokens; none: no OAuth")
    audience: tuple[str, ...] = _setting(
        (), Names(), "one of these must stand in `aud` of a token"
    )
    jwks_url: str = _setting("", Text(), "where its keys are, for tokens that are JWTs")
    jwks_file: Path | None = _setting(
        None, FilePath(optional=True), "the keys in a file, in place of `jwks_url`"
    )
    introspection_url: str = _setting(
        "", Text(), "where other tokens are asked about (RFC 7662)"
    )
    client_id: str = _setting("", Text(), "who we are when we ask")
    client_secret_file: Path | None = _setting(
        None, FilePath(optional=True), "file whose first line is our secret"
    )
    user_claim: str = _setting("email", Text(), "the claim that names the account")
    required_scope: str = _setting(
        "", Text(), "a scope that a token must have; clients are told of it"
    )
    discovery_url: str = _setting(
        "", Text(), "told to clients whose token is refused (OpenID configuration)"
    )
    algorithms: tuple[str, ...] = _setting(
        ("RS256", "PS256", "ES256", "ES384", "EdDSA"),
        Choices(
            (
                "RS256",
                "RS384",
                "RS512",
                "PS256",
                "PS384",
                "PS512",
                "ES256",
                "ES384",
                "ES512",
                "EdDSA",
            )
        ),
        "how tokens may be signed",
    )
    ca: Path | None = _setting(
        None,
        FilePath(optional=True),
        "PEM file of who vouches for the provider; without it the system's",
    )
    leeway_seconds: int = _setting(60, Whole(0, 600), "how far clocks may be apart")
    jwks_seconds: int = _setting(
        3_600, Whole(60, 604_800), "how long keys are used before they are read again"
    )
    timeout_seconds: int = _setting(5, Whole(1, 60), "for each answer")
