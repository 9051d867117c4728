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
    FilePath,
    Names,
    Wanted,
    Whole,
    Word,
    YesNo,
    write_address,
)
from imapd.session.limits import Limits


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
        14, Whole(0, 3650), "how long expunged messages are kept for undeletion"
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
    open_accounts: int = _setting(
        256, Whole(8, 100_000), "accounts kept open in each worker after their last use"
    )


@dataclass(frozen=True, slots=True)
class Listen:
    """One address that the server listens on."""

    protocol: str = _setting("imap", Choice(("imap",)), "what is spoken there")
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
    """The certificate; both files are read again on SIGHUP."""

    certificate: Path | None = _setting(
        None,
        FilePath(optional=True),
        "PEM file with the certificate and its chain",
    )
    key: Path | None = _setting(
        None, FilePath(optional=True), "PEM file with the private key, not encrypted"
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


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """Which parts of the specification are switched off."""

    off: tuple[str, ...] = _setting(
        (), Names(), "features not to be offered, by their names in the reference"
    )


@dataclass(frozen=True, slots=True)
class Config:
    """A whole, checked configuration. `load` reads one from a file."""

    store: StoreSettings = field(default_factory=StoreSettings)
    listen: tuple[Listen, ...] = DEFAULT_LISTEN
    tls: TlsSettings = field(default_factory=TlsSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    limits: Limits = field(default_factory=Limits)
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
    "auth": AuthSettings,
    "limits": Limits,
    "log": LogSettings,
    "server": ServerSettings,
    "features": FeatureSettings,
}
"""The tables of the file by name, in the order of the reference."""


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
