"""What is spoken at each kind of address: a part of the composition root."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from imapd.config import Config
from mailstore.lanes import Runtime
from mailstore.service import Store

if TYPE_CHECKING:
    from imapd.net.door import Door, SocketProtocol
    from mailstore.changes import ChangeBus

_TRANSFER = (
    "imapd.doors.names",
    "imapd.doors.transfer",
    "imapd.net.transfer",
    "imapd.net.mta",
)
_MODULES = {
    "imap": ("imapd.net.imap",),
    "pop3": ("imapd.doors.pop3.options", "imapd.net.pop3"),
    **dict.fromkeys(("lmtp", "smtp", "auth", "socketmap"), _TRANSFER),
    "metrics": ("imapd.net.http",),
}


def protocols(
    config: Config, store: Store, runtime: Runtime, bus: ChangeBus
) -> Mapping[str, Callable[[Door], SocketProtocol]]:
    """Give what makes a connection, by the word of what is spoken.

    What is spoken at no address is not loaded.
    """
    wanted = spoken(config)
    made: dict[str, Callable[[Door], SocketProtocol]] = {}
    if "imap" in wanted:
        from imapd.net.imap import ImapProtocol

        made["imap"] = ImapProtocol
    if "pop3" in wanted:
        made["pop3"] = _pop3(config, runtime, bus)
    if wanted & {"lmtp", "smtp", "auth", "socketmap"}:
        made |= _transfers(config, store, runtime)
    return made


def spoken(config: Config) -> set[str]:
    """Give the words of what is spoken at any address."""
    return {listen.protocol for listen in config.listen}


def load_protocols(config: Config) -> None:
    """Load what is spoken at some address, before it is needed."""
    wanted = spoken(config)
    for name, modules in _MODULES.items():
        if name in wanted:
            for module in modules:
                importlib.import_module(module)


def _transfers(
    config: Config, store: Store, runtime: Runtime
) -> Mapping[str, Callable[[Door], SocketProtocol]]:
    from imapd.doors.names import mailbox_of
    from imapd.doors.transfer import House
    from imapd.net.mta import AuthProtocol, SocketmapProtocol
    from imapd.net.transfer import TransferProtocol
    from mailstore.delivery import Delivery

    delivery = Delivery(store, runtime, mailbox_of)
    host = config.delivery.host or socket.gethostname()
    refuse = config.delivery.over_quota == "refuse"
    lmtp = House(delivery, host, lmtp=True, refuse_over_quota=refuse)
    smtp = House(delivery, host, lmtp=False, refuse_over_quota=refuse)
    return {
        "lmtp": partial(TransferProtocol, lmtp),
        "smtp": partial(TransferProtocol, smtp),
        "auth": AuthProtocol,
        "socketmap": partial(SocketmapProtocol, delivery, refuse),
    }


def _pop3(
    config: Config, runtime: Runtime, bus: ChangeBus
) -> Callable[[Door], SocketProtocol]:
    from imapd.doors.pop3.delays import LoginDelays
    from imapd.doors.pop3.options import Pop3Options, Pop3Service
    from imapd.net.bus import DatagramBus
    from imapd.net.pop3 import Pop3Protocol

    settings = config.pop3
    options = Pop3Options(
        host=socket.gethostname(),
        apop=settings.apop,
        mark_seen=settings.mark_seen,
        login_delay_seconds=settings.login_delay_seconds,
        expire_days=settings.expire_days,
    )
    delays = LoginDelays(runtime.monotonic)
    if isinstance(bus, DatagramBus):
        delays.share(lambda note: bus.tell(b"pop3", note))
        bus.hear(b"pop3", delays.hear)
    return partial(Pop3Protocol, Pop3Service(options, delays))
