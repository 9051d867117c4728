"""The items of STATUS for every command that asks for them (RFC 3501 §6.3.10).

::

    * STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter

from imapd.session.context import Context
from imapd.session.memo import Memo
from imapd.session.registry import Registry
from imapd.syntax.mailbox import render_name
from imapd.wire.cursor import Cursor, Malformed
from mailstore.model import MailboxStatus

_ITEM = re.compile(rb"[A-Za-z][A-Za-z0-9.-]{0,63}")
_ITEMS = re.compile(rb"\([A-Za-z0-9. -]{1,300}\)")


def parse_status_items(cursor: Cursor, registry: Registry) -> tuple[str, ...]:
    """Take ``(item …)``; each once, in upper case. Raises `Malformed`."""
    found = _ITEMS.match(cursor.text, cursor.at)
    items = None if found is None else known_items(registry, found[0])
    if found is None or items is None:
        return _parse(cursor, registry)
    cursor.at = found.end()
    return items


@lru_cache(maxsize=256)
def known_items(registry: Registry, written: bytes) -> tuple[str, ...] | None:
    """Read items; clients ask for the same ones of all mailboxes. None: malformed."""
    try:
        return _parse(Cursor(written), registry)
    except Malformed:
        return None  # said where it stands


def _parse(cursor: Cursor, registry: Registry) -> tuple[str, ...]:
    items = cursor.parenthesised(lambda: _item(cursor, registry), least=1)
    return tuple(dict.fromkeys(items))


def _item(cursor: Cursor, registry: Registry) -> str:
    start = cursor.at
    name = cursor.need(_ITEM, "a status item")[0].decode("ascii").upper()
    if name not in registry.status_items:
        cursor.at = start
        raise cursor.fail("a status item")
    return name


class StatusItems:
    """What items of STATUS need, and how they are told.

    ``recent``: \\Recent messages have to be counted; ``deleted_octets``: messages with
    \\Deleted have to be summed up. Both take time; ``counts`` tells of either.
    """

    __slots__ = ("_asked", "_template", "_values", "counts", "deleted_octets", "recent")

    def __init__(self, registry: Registry, items: Sequence[str]) -> None:
        specs = [registry.status_items[item] for item in items]
        self.recent = any(spec.counts_recent for spec in specs)
        self.deleted_octets = any(spec.counts_deleted_octets for spec in specs)
        self.counts = self.recent or self.deleted_octets
        self._asked = [spec.asked for spec in specs if spec.asked is not None]
        self._values = _values([spec.value for spec in specs])
        self._template = " ".join([f"{item} %s" for item in items])

    def asked_for(self, context: Context) -> None:
        """Let items know, once per command, that they are asked for."""
        for asked in self._asked:
            asked(context)

    def response(
        self, name: str, status: MailboxStatus, *, utf8: bool = False
    ) -> bytes:
        """Render one STATUS response without ``* `` (RFC 3501 §7.2.4).

        Whoever polls hears the same again: the store gives the same ``status`` as long
        as nothing is new.
        """
        key = (id(status), self, utf8)
        told = _responses.get(key)
        # What is kept holds the status: nothing else has its id meanwhile.
        if told is not None and told[0] is status and told[1] == name:
            return told[2]
        return _responses.keep(
            key, (status, name, self._render(name, status, utf8=utf8))
        )[2]

    def _render(self, name: str, status: MailboxStatus, *, utf8: bool) -> bytes:
        pairs = self._template % self._values(status)
        name_octets = render_name(name, utf8=utf8)
        return b"STATUS %b (%b)" % (name_octets, pairs.encode("ascii"))


def _values(
    items: Sequence[str | Callable[[MailboxStatus], int | str]],
) -> Callable[[MailboxStatus], object]:
    """Give what gives the values of items: at once, where all are fields."""
    fields = [item for item in items if isinstance(item, str)]
    if len(fields) == len(items):
        return attrgetter(*fields)  # of one alone its value, which a template takes too
    each = [attrgetter(item) if isinstance(item, str) else item for item in items]
    return lambda status: tuple([value(status) for value in each])


_responses: Memo[tuple[int, StatusItems, bool], tuple[MailboxStatus, str, bytes]] = (
    Memo(4_096)
)


@lru_cache(maxsize=256)
def status_items(registry: Registry, items: tuple[str, ...]) -> StatusItems:
    """Give what there is to know of items that `parse_status_items` gave."""
    return StatusItems(registry, items)
