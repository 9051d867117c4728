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

from imapd.config.delivering import DeliverySettings
from imapd.config.door_settings import Pop3Settings
from imapd.config.login_settings import (
    AuthSettings,
    ExternalSettings,
    LdapSettings,
    OAuthSettings,
)
from imapd.config.namespaces import NamespaceSettings
from imapd.config.sharing import SharingSettings
from imapd.config.wanted import (
    Address,
    Choice,
    FilePath,
    Mode,
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
from imapd.config.wanted import setting as _setting
from imapd.session.limits import Limits


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
    search_cache: int = _setting(
        64 << 20,
        Whole(0, 1 << 40),
        "octets of text indexes kept in memory in each worker, for all accounts",
    )
    answer_cache: int = _setting(
        64 << 20,
        Whole(0, 1 << 40),
        "octets of answers to FETCH kept in memory in each worker, for all accounts: "
        "of lists that were asked for before; 0: none",
    )
    open_accounts: int = _setting(
        256, Whole(8, 100_000), "accounts kept open in each worker after their last use"
    )


@dataclass(frozen=True, slots=True)
class Listen:
    """One address that the server listens on."""

    protocol: str = _setting(
        "imap",
        Choice(("imap", "pop3", "lmtp", "smtp", "auth", "socketmap", "metrics")),
        "what is spoken there; `pop3` is INBOX alone, for programs that fetch mail; "
        "`lmtp` brings mail from an MTA, `smtp` from anywhere, for our own people "
        "alone; `auth` and `socketmap` are what an MTA asks about people; `metrics` is "
        'HTTP for Prometheus, `/metrics`; the last three want `tls = "none"`',
    )
    address: tuple[str, int] = _setting(
        ("127.0.0.1", 1143),
        Address(),
        "where to listen; port 0 lets the system choose. `unix:path` is a unix "
        "socket, for `lmtp`, `auth`, `socketmap`",
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
    allow_from: tuple[str, ...] = _setting(
        (),
        Networks(),
        "who may connect; without any, everybody, but this machine alone to `lmtp`, "
        "`auth` and `socketmap`",
    )
    socket_mode: str = _setting("0660", Mode(), "permissions of a unix socket")
    socket_group: str = _setting(
        "", Text(), "the group that a unix socket is given to; without it, our own"
    )

    @property
    def text(self) -> str:
        """The address as it is written."""
        return write_address(*self.address)


UNIX_PROTOCOLS = ("lmtp", "auth", "socketmap")
"""What may be spoken on a unix socket."""

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
class QuotaSettings:
    """What an account may hold, unless `imapd quota set` says otherwise for it."""

    storage: int = _setting(
        0,
        Whole(0),
        "units of 1024 octets that its messages may have together; 0: no limit",
    )
    messages: int = _setting(0, Whole(0), "messages that it may have; 0: no limit")
    mailboxes: int = _setting(0, Whole(0), "mailboxes that it may have; 0: no limit")
    annotations: int = _setting(
        0,
        Whole(0),
        "units of 1024 octets that annotations of its messages may have together "
        "(RFC 5257); 0: no limit",
    )
    warning: int = _setting(
        90,
        Whole(0, 100),
        "per cent of a quota from which mail programs are told that it is nearly used "
        "up; 0: never",
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
    hung_seconds: int = _setting(
        60,
        Whole(0, 3_600),
        "after so long without a turn of its event loop a worker is ended and "
        "replaced; 0 waits for ever. It holds where there are several workers",
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
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    namespaces: NamespaceSettings = field(default_factory=NamespaceSettings)
    limits: Limits = field(default_factory=Limits)
    mail: MailSettings = field(default_factory=MailSettings)
    quota: QuotaSettings = field(default_factory=QuotaSettings)
    pop3: Pop3Settings = field(default_factory=Pop3Settings)
    sharing: SharingSettings = field(default_factory=SharingSettings)
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
    "delivery": DeliverySettings,
    "namespaces": NamespaceSettings,
    "limits": Limits,
    "mail": MailSettings,
    "quota": QuotaSettings,
    "pop3": Pop3Settings,
    "sharing": SharingSettings,
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
