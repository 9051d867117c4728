"""Every setting of the server: its kind, its default and what it is for.

The reference page, the commented file of ``imapd init`` and the checks are all
made of these tables. ``[limits]`` is `imapd.session.limits.Limits`.
"""

# ruff: noqa: RUF009 - `_setting` is dataclasses.field with a fixed shape

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imapd.config.wanted import (
    Address,
    Choice,
    Choices,
    FilePath,
    Names,
    Networks,
    Pairs,
    PairsValue,
    Text,
    Wanted,
    Whole,
    Word,
    YesNo,
    write_address,
)
from imapd.session.limits import Limits
from imapd.session.mechanisms import MECHANISMS


def _setting(default: Any, wanted: Wanted, doc: str) -> Any:  # noqa: ANN401 - as dataclasses.field
    return field(default=default, metadata={"wanted": wanted, "doc": doc})


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where mail is kept, and how."""

    path: Path = _setting(Path("store"), FilePath(), "the folder that holds all mail")
    blob_engine: str = _setting(
        "packs",
        Choice(("packs", "files")),
        "how messages are stored: many in one append-only file, or one file each; "
        "it may be changed at any time and holds for new messages",
    )
    durable_flags: bool = _setting(
        False,
        YesNo(),
        "whether a flag change is on disk before it is answered; without it a power "
        "cut may forget the last second of flag changes, never a message",
    )
    retention_days: int = _setting(
        14,
        Whole(0, 3650),
        "how long removed messages and deleted mailboxes can be restored "
        "(`imapd undelete`); 0: not at all",
    )
    max_mailboxes: int = _setting(
        10_000, Whole(10, 1_000_000), "mailboxes in one account"
    )
    free_space_floor: int = _setting(
        67_108_864,
        Whole(0),
        "octets that stay free on the disk: new messages are refused below it, "
        "reading and expunging go on",
    )
    metadata_octets: int = _setting(
        65_536, Whole(1_024, 1_048_576), "octets of one annotation (RFC 5464)"
    )
    metadata_entries: int = _setting(
        1_000,
        Whole(10, 100_000),
        "annotations of one mailbox, or of the server: shared ones, and private ones "
        "of each person",
    )
    annotation_octets: int = _setting(
        65_536,
        Whole(1_024, 1_048_576),
        "octets of one annotation of a message (RFC 5257)",
    )
    annotations_of_message: int = _setting(
        50,
        Whole(10, 1_000),
        "annotations of one message: shared ones, and private ones of each person",
    )
    annotations_of_mailbox: int = _setting(
        100_000,
        Whole(100, 10_000_000),
        "annotations of all messages of a mailbox: shared ones, and private ones of "
        "each person",
    )
    open_accounts: int = _setting(
        256, Whole(8, 100_000), "accounts kept open in each worker after their last use"
    )


@dataclass(frozen=True, slots=True)
class Listen:
    """One address that the server listens on."""

    protocol: str = _setting(
        "imap",
        Choice(("imap", "metrics")),
        "what is spoken there; `metrics` is HTTP for Prometheus, `/metrics`, and wants "
        '`tls = "none"`',
    )
    address: tuple[str, int] = _setting(
        ("127.0.0.1", 1143),
        Address(),
        "where to listen; port 0 lets the system choose",
    )
    tls: str = _setting(
        "starttls",
        Choice(("none", "starttls", "implicit")),
        "`implicit` speaks TLS from the first octet (port 993), `starttls` lets the "
        "client ask for it (port 143), `none` offers no TLS",
    )
    proxy_from: tuple[str, ...] = _setting(
        (),
        Networks(),
        "proxies that say by the PROXY protocol (version 1 or 2) for whom they "
        "connect; with any, nobody else may connect to this address",
    )

    @property
    def text(self) -> str:
        """The address as it is written."""
        return write_address(*self.address)


DEFAULT_LISTEN = (
    Listen(address=("127.0.0.1", 1143), tls="starttls"),
    Listen(address=("127.0.0.1", 1993), tls="implicit"),
)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The certificate; the files are read again on SIGHUP."""

    certificate: Path | None = _setting(
        None,
        FilePath(optional=True),
        "PEM file with the certificate and its chain",
    )
    key: Path | None = _setting(
        None, FilePath(optional=True), "PEM file with the private key, not encrypted"
    )
    client_ca: Path | None = _setting(
        None,
        FilePath(optional=True),
        "PEM file of authorities whose certificates let clients log in (EXTERNAL); "
        "with it clients are asked for one, and a wrong one ends the connection",
    )


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """A further certificate, for clients that ask for one of its names (SNI)."""

    certificate: Path | None = _setting(
        None, FilePath(), "PEM file with the certificate and its chain"
    )
    key: Path | None = _setting(
        None, FilePath(), "PEM file with the private key, not encrypted"
    )


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


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What mail looks like to clients."""

    downgrade_headers: bool = _setting(
        True,
        YesNo(),
        "whether clients that haven't asked for UTF-8 get headers in ASCII (RFC 6858): "
        "text in encoded words, addresses without a form in ASCII as names; without it "
        "they get mail as it came. What is kept is the same",
    )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, and where to."""

    level: str = _setting(
        "info",
        Choice(("error", "warning", "info", "debug")),
        "the least severe entries that are kept",
    )
    commands: bool = _setting(
        False, YesNo(), "whether each command gets a line (at level info)"
    )
    format: str = _setting(
        "text", Choice(("text", "json")), "one line of text, or one JSON object a line"
    )
    file: Path | None = _setting(
        None,
        FilePath(optional=True),
        "the log file, opened again on SIGHUP; without it the log goes to stderr",
    )


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The server's processes and its name."""

    workers: int = _setting(
        0, Whole(0, 256), "worker processes; 0 makes one for each processor"
    )
    name: str = _setting("imapd", Word(), "what the greeting calls this server")
    contact: str = _setting(
        "",
        Text(),
        "how to reach who runs it, as a URI (mailto:, tel:, https:); programs can "
        "ask for it (RFC 5464)",
    )
    referrals: PairsValue = _setting(
        PairsValue(),
        Pairs(),
        "accounts whose mail is on other servers, as `{ alice = "
        '"imap2.example.org:993" }`: who logs in is sent there (RFC 2221)',
    )


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """Which parts of the specification are switched off, or on."""

    off: tuple[str, ...] = _setting(
        (), Names(), "features not to be offered, by their names in the reference"
    )
    on: tuple[str, ...] = _setting(
        (), Names(), "features that are offered only when they are named here"
    )


@dataclass(frozen=True, slots=True)
class Config:
    """A whole, checked configuration. `load` reads one from a file."""

    store: StoreSettings = field(default_factory=StoreSettings)
    listen: tuple[Listen, ...] = DEFAULT_LISTEN
    tls: TlsSettings = field(default_factory=TlsSettings)
    certificate: tuple[CertificateSettings, ...] = ()
    auth: AuthSettings = field(default_factory=AuthSettings)
    external: ExternalSettings = field(default_factory=ExternalSettings)
    ldap: LdapSettings = field(default_factory=LdapSettings)
    oauth: OAuthSettings = field(default_factory=OAuthSettings)
    limits: Limits = field(default_factory=Limits)
    mail: MailSettings = field(default_factory=MailSettings)
    log: LogSettings = field(default_factory=LogSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    path: Path | None = None

    @property
    def needs_certificate(self) -> bool:
        """Whether any address offers TLS."""
        return any(listen.tls != "none" for listen in self.listen)


TABLES: dict[str, type[Any]] = {
    "store": StoreSettings,
    "listen": Listen,
    "tls": TlsSettings,
    "certificate": CertificateSettings,
    "auth": AuthSettings,
    "external": ExternalSettings,
    "ldap": LdapSettings,
    "oauth": OAuthSettings,
    "limits": Limits,
    "mail": MailSettings,
    "log": LogSettings,
    "server": ServerSettings,
    "features": FeatureSettings,
}
"""The tables of the file by name, in the order of the reference."""

LISTS = frozenset({"listen", "certificate"})
"""Tables that may be there several times: ``[[listen]]``."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of one table, as the checks and the reference see it."""

    table: str
    key: str
    wanted: Wanted
    default: object
    doc: str


def settings_of(table: str) -> tuple[Setting, ...]:
    """List the settings of one table, in order. Raises `KeyError`."""
    found = []
    for spec in dataclasses.fields(TABLES[table]):
        if table == "limits":
            unit, reason = spec.metadata["unit"], spec.metadata["reason"]
            wanted, doc = Whole(1), f"{unit}: {reason}"
        else:
            wanted, doc = spec.metadata["wanted"], spec.metadata["doc"]
        found.append(Setting(table, spec.name, wanted, spec.default, doc))
    return tuple(found)
