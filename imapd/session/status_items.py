"""The items of STATUS for every command that asks for them (RFC 3501 §6.3.10).

::

    * STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from imapd.session.context import Context
from imapd.session.registry import Registry
from imapd.syntax.mailbox import render_name
from imapd.wire.cursor import Cursor
from mailstore.model import MailboxStatus

_ITEM = re.compile(rb"[A-Za-z][A-Za-z0-9.-]{0,63}")


def parse_status_items(cursor: Cursor, registry: Registry) -> tuple[str, ...]:
    """Take ``(item …)``; each once, in upper case. Raises `Malformed`."""
    items = cursor.parenthesised(lambda: _item(cursor, registry), least=1)
    return tuple(dict.fromkeys(items))


def _item(cursor: Cursor, registry: Registry) -> str:
    start = cursor.at
    name = cursor.need(_ITEM, "a status item")[0].decode("ascii").upper()
    if name not in registry.status_items:
        cursor.at = start
        raise cursor.fail("a status item")
    return name


def count_recent(registry: Registry, items: Sequence[str]) -> bool:
    """Tell whether \\Recent messages have to be counted, which takes time."""
    return any(registry.status_items[item].counts_recent for item in items)


def count_deleted_octets(registry: Registry, items: Sequence[str]) -> bool:
    """Tell whether messages with \\Deleted have to be summed up, which takes time."""
    return any(registry.status_items[item].counts_deleted_octets for item in items)


def asked_for(context: Context, items: Sequence[str]) -> None:
    """Let items know, once per command, that they are asked for."""
    for asked in [context.registry.status_items[item].asked for item in items]:
        if asked is not None:
            asked(context)


def status_response(
    registry: Registry,
    name: str,
    items: Sequence[str],
    status: MailboxStatus,
    *,
    utf8: bool = False,
) -> bytes:
    """Render one STATUS response without ``* `` (RFC 3501 §7.2.4)."""
    specs = registry.status_items
    pairs = " ".join([f"{item} {specs[item].value(status)}" for item in items])
    return b"STATUS %b (%b)" % (render_name(name, utf8=utf8), pairs.encode("ascii"))
