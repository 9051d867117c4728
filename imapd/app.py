"""The composition root: the one place where configuration becomes a server."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imapd import __version__, logs, metrics
from imapd.config import (
    Config,
    ConfigError,
    Problem,
    load,
    parse_config,
    read_text,
)
from imapd.control import ControlSocket, control_folder, open_control
from imapd.logins import auth_options, directory_options, elsewhere
from imapd.metrics import (
    CONNECTIONS,
    KEPT_HITS,
    KEPT_MISSES,
    KEPT_OCTETS,
    STRANGERS,
    TELL_SECONDS,
    Metrics,
)
from imapd.protocols import load_protocols, protocols, spoken
from imapd.session.kept_lines import KeptLines
from mailstore.model import SYSTEM_FLAGS
from mailstore.quotas import QuotaLimits
from mailstore.service import DeliveryOptions, Store, StoreOptions
from mailstore.service.namespaces import Namespaces

if TYPE_CHECKING:
    from imapd.auth import Throttle
    from imapd.net.bus import DatagramBus
    from imapd.net.certificates import Pair
    from imapd.net.control import Control
    from imapd.net.door import Door
    from imapd.net.lanes import TwistedRuntime
    from imapd.net.loop import Loop
    from imapd.net.server import Server
    from imapd.net.tls import Certificates
    from imapd.session.admission import ConnectionAdmission
    from imapd.session.context import Services
    from imapd.session.credentials import Authenticator
    from imapd.session.registry import Registry
    from mailstore.changes import ChangeBus
    from mailstore.service.options import IndexElsewhere


def store_options(config: Config) -> StoreOptions:
    """Say the store's settings in the store's own terms."""
    return StoreOptions(
        blob_engine=config.store.blob_engine,
        durable_flags=config.store.durable_flags,
        directory=directory_options(config),
        max_message=config.limits.message,
        max_mailboxes=config.store.max_mailboxes,
        free_space_floor=config.store.free_space_floor,
        retention=config.store.retention_days * 86_400,
        open_accounts=config.store.open_accounts,
        namespaces=Namespaces(
            config.namespaces.other_users,
            config.namespaces.shared,
            config.namespaces.deleted,
        ),
        metadata_octets=config.store.metadata_octets,
        metadata_entries=config.store.metadata_entries,
        annotation_octets=config.store.annotation_octets,
        annotations_of_message=config.store.annotations_of_message,
        annotations_of_mailbox=config.store.annotations_of_mailbox,
        search_cache=config.store.search_cache,
        quota=QuotaLimits(
            config.quota.storage or None,
            config.quota.messages or None,
            config.quota.mailboxes or None,
            config.quota.annotations or None,
        ),
        quota_warning=config.quota.warning,
        labels="X-GM-EXT-1" in _features_on(config),
        emailid_of_copies="OBJECTID+" in _features_on(config),
        private_flags=sum(SYSTEM_FLAGS[flag] for flag in config.sharing.private_flags),
        delivery=DeliveryOptions(
            separators=config.delivery.separators,
            create_mailboxes=config.delivery.create_mailboxes,
            groups=config.delivery.groups,
            duplicate_seconds=config.delivery.duplicate_seconds,
        ),
    )


def renewed(held: StoreOptions, config: Config) -> StoreOptions:
    """Give the store's settings when a configuration is read while it is open."""
    now = store_options(config)
    return replace(
        held,
        max_message=now.max_message,
        quota=now.quota,
        quota_warning=now.quota_warning,
    )


def reread(held: Config, config: Config) -> Config:
    """Give what holds in a running server when its configuration is read again.

    Limits, quotas, how much is logged, and certificates where there were some. A worker
    that begins then is like the others: it has the same store, it speaks what its
    sockets are for, and it says that it lives as often as its supervisor wants.
    """
    tls = config if certificate_pairs(held) and certificate_pairs(config) else held
    return replace(
        held,
        limits=config.limits,
        quota=config.quota,
        log=replace(held.log, level=config.log.level, commands=config.log.commands),
        tls=tls.tls,
        certificate=tls.certificate,
    )


def load_checked(path: Path) -> Config:
    """Read a configuration and try what it names: features, certificate and key.

    Raises `ConfigError`.
    """
    from imapd.features import ALL, OPTIONAL
    from imapd.net.certificates import CertificateError, load_contexts

    names = [feature.name for feature in (*ALL, *OPTIONAL)]
    config = parse_config(read_text(path), path.absolute(), feature_names=names)
    pairs = certificate_pairs(config)
    if pairs:
        try:
            load_contexts(pairs, config.tls.client_ca)
        except CertificateError as error:
            problem = Problem(None, f"[tls] {error}")
            raise ConfigError(path, (problem,)) from error
    auth_options(config)
    elsewhere(config, lambda: 0.0)
    return config


def certificate_pairs(config: Config) -> list[Pair]:
    """Give the certificates with their keys, the default first."""
    from imapd.net.certificates import Pair

    files = [(config.tls.certificate, config.tls.key)]
    files += [(one.certificate, one.key) for one in config.certificate]
    return [
        Pair(certificate, key)
        for certificate, key in files
        if certificate is not None and key is not None
    ]


def registry_of(config: Config) -> Registry:
    """Merge the features that are not switched off. Raises `ConfigError`."""
    from imapd.features import ALL, OPTIONAL
    from imapd.session.registry import Registry, RegistryError

    off = {name.upper() for name in config.features.off}
    chosen = [f for f in ALL if f.name.upper() not in off]
    chosen += [f for f in OPTIONAL if f.name.upper() in _features_on(config)]
    try:
        return Registry.of(chosen)
    except RegistryError as error:
        problem = Problem(None, f"[features] {error}")
        raise ConfigError(config.path, (problem,)) from error


def _features_on(config: Config) -> set[str]:
    """Give what is offered because the configuration says so."""
    off = {name.upper() for name in config.features.off}
    return {name.upper() for name in config.features.on} - off


def load_spoken(config: Config) -> None:
    """Load what is spoken at some address, before anybody waits for it."""
    load_protocols(config)
    if "metrics" in spoken(config):
        metrics.load()


def log_writer(config: Config, *, threaded: bool = True) -> logs.LogWriter:
    """Make the log's writer. Raises `ConfigError` when its file cannot be opened."""
    log = config.log
    try:
        return logs.LogWriter(
            level=log.level, form=log.format, file=log.file, threaded=threaded
        )
    except OSError as error:
        problem = Problem(None, f"[log] file: {error.strerror}")
        raise ConfigError(config.path, (problem,)) from error


def make_first_account(config: Config, name: str) -> str | None:
    """Make an account with a password of its own, in a store that has none yet.

    Gives the password, None when there are accounts. Raises store errors.
    """
    from mailstore.lanes import InlineRuntime

    store = Store.open(
        config.store.path, InlineRuntime(), options=store_options(config)
    )
    try:
        if store.directory.accounts():
            return None
        password = secrets.token_urlsafe(12)
        store.directory.create(name, password.encode("ascii"))
        return password
    finally:
        store.close()


class Application:
    """One worker, wired: call `start`, run the loop, then `close`.

    ``bus`` makes the change bus once there is a runtime; None: one worker only.
    ``worker`` is its number among them, ``run`` that of its process. With
    ``index_elsewhere`` another process fills the text indexes.
    """

    def __init__(
        self,
        config: Config,
        loop: Loop,
        bus: Callable[[Loop, TwistedRuntime], ChangeBus] | None = None,
        worker: int = 0,
        run: int = 0,
        index_elsewhere: IndexElsewhere | None = None,
    ) -> None:
        from imapd.net.lanes import TwistedRuntime
        from imapd.session.admission import ConnectionAdmission
        from imapd.session.context import Services
        from mailstore.changes import NoBus

        self.config = config
        self.version = __version__
        self._limits = config.limits
        self._metrics = Metrics(worker)
        self.log = logs.Sessions(
            commands=config.log.commands, count=self._metrics.event
        )
        registry = registry_of(config)
        self._certificates = self._load_certificates(loop)
        self.runtime = TwistedRuntime(
            loop, lambda error, where: logs.failure(error, where=where)
        )
        self._bus = bus(loop, self.runtime) if bus is not None else NoBus()
        self.store = self._open_store(index_elsewhere)
        admission = ConnectionAdmission(lambda: self._limits)
        services = Services(
            registry=registry,
            store=self.store,
            runtime=self.runtime,
            authenticator=self._make_authenticator(admission),
            admission=admission,
            limits=lambda: self._limits,
            log=self.log,
            server_name=config.server.name,
            version=self.version,
            contact=config.server.contact,
            referrals={n.lower(): place for n, place in config.server.referrals},
            downgrade_headers=config.mail.downgrade_headers,
            kept_lines=KeptLines(config.store.answer_cache),
            run=run,
        )
        door = self._make_door(services, admission)
        self._measure(admission, services.kept_lines)
        self.server = self._make_server(loop, door)
        self._control = self._make_control(loop, door)
        self._control_socket: ControlSocket | None = None

    def _measure(self, admission: ConnectionAdmission, kept: KeptLines) -> None:
        self._metrics.silent("command", lambda: self.log.answered)
        self._metrics.gauge(CONNECTIONS, lambda: admission.connections)
        self._metrics.gauge(STRANGERS, lambda: admission.strangers)
        self._metrics.gauge(KEPT_OCTETS, lambda: kept.octets)
        self._metrics.gauge(KEPT_HITS, lambda: kept.hits)
        self._metrics.gauge(KEPT_MISSES, lambda: kept.misses)

    def _make_door(self, services: Services, admission: ConnectionAdmission) -> Door:
        from imapd.net.door import Door

        return Door(
            services,
            admission,
            certificates=self._certificates,
            plaintext_login=self.config.auth.allow_plaintext_without_tls,
        )

    def _make_server(self, loop: Loop, door: Door) -> Server:
        from imapd.net.server import Server

        made = protocols(self.config, self.store, self.runtime, self._bus)
        load_spoken(self.config)
        return Server(loop, self.runtime, door, self._metrics.text, made)

    def _make_control(self, loop: Loop, door: Door) -> Control:
        from imapd.net.control import Control

        return Control(loop, self.runtime, door.live, self.log)

    def listen_to_administrators(self) -> None:
        """Answer on a control socket. Without one, people are served all the same."""
        try:
            self._control_socket = open_control(control_folder(self.store.path))
            self._control.listen(self._control_socket.socket)
        except OSError as error:
            logs.event("control-failed", error=str(error))

    def _open_store(self, index_elsewhere: IndexElsewhere | None) -> Store:
        try:
            return Store.open(
                self.config.store.path,
                self.runtime,
                options=store_options(self.config),
                bus=self._bus,
                index_elsewhere=index_elsewhere,
            )
        except BaseException:
            self._bus.close()
            raise

    def _make_authenticator(self, admission: ConnectionAdmission) -> Authenticator:
        from imapd.auth import DirectoryAuthenticator, Throttle

        throttle = Throttle(self.runtime.monotonic)
        self._share(admission, throttle)
        return DirectoryAuthenticator(
            self.store.directory,
            self.runtime,
            auth_options(self.config),
            elsewhere(self.config, self.runtime.now),
            throttle=throttle,
            event=self.log.event,
        )

    def _share(self, admission: ConnectionAdmission, throttle: Throttle) -> None:
        """Have what is counted here count in the other workers, and theirs here."""
        from imapd.net.bus import DatagramBus

        bus = self._bus
        if not isinstance(bus, DatagramBus):
            return
        throttle.share(lambda note: bus.tell(b"login", note))
        bus.hear(b"login", throttle.hear)
        admission.share(self.runtime, lambda note: bus.tell(b"count", note))
        bus.hear(b"count", admission.hear)
        bus.hear(b"metrics", self._metrics.hear)
        self._tell_metrics(bus)

    def _tell_metrics(self, bus: DatagramBus) -> None:
        for note in self._metrics.notes():
            bus.tell(b"metrics", note)
        self.runtime.later(TELL_SECONDS, lambda: self._tell_metrics(bus))

    def _load_certificates(self, loop: Loop) -> Certificates | None:
        from imapd.net.tls import Certificates

        pairs = certificate_pairs(self.config)
        if not pairs:
            return None
        return Certificates(pairs, loop, self.config.tls.client_ca)

    def reload(self) -> Config:
        """Read limits, log settings and certificate again; gives what holds then.

        What cannot be used is logged, and what held goes on holding.
        """
        from imapd.net.certificates import CertificateError

        config = self.config
        try:
            if config.path is not None:
                config = load(config.path)
            pairs = certificate_pairs(config)
            if self._certificates is not None and pairs:
                self._certificates.use(pairs, config.tls.client_ca)
        except (ConfigError, CertificateError) as error:
            logs.event("reload-failed", error=str(error))
        else:
            self.config = config = reread(self.config, config)
            self._limits = config.limits
            self.store.use(renewed(self.store.options, config))
            self.log.commands = config.log.commands
            logs.event("reload")
        return self.config

    def close(self) -> None:
        """Finish what the store was given, and end its threads."""
        self._control.close()
        if self._control_socket is not None:
            self._control_socket.close()
        self.store.close()
        self._bus.close()
        self.runtime.close()
