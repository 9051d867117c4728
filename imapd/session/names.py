"""Mailbox names of a command's arguments, read with the answers that errors get.

Names of sessions that speak UTF-8 are made Net-Unicode (RFC 9051 §5.1, RFC 6855 §3):
what a client composes in another way is the same mailbox. A name that was made
otherwise, by an older program or a client of modified UTF-7, is found as it is::

    C: a CREATE "Cafe´"               e and an accent by itself
    S: * LIST (\\HasNoChildren) "/" "Café" ("OLDNAME" ("Cafe´"))
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.listing import list_response, name_attributes
from imapd.syntax.mailbox import (
    DELIMITER,
    InvalidMailboxName,
    ListPattern,
    check_name,
    decode_name,
    normalized,
    render_name,
)

_SHORT = 256  # octets of a name that is remembered as it was read


def uses_utf8(context: Context) -> bool:
    """Tell whether names are UTF-8 in this session (RFC 6855 §3)."""
    return context.session.telling.utf8


def existing_name(context: Context, octets: bytes, *, trailing: bool = False) -> str:
    """Read the name of a mailbox that ought to exist.

    Raises `No` NONEXISTENT when no mailbox can have it.
    """
    try:
        return found_name(context, octets, trailing=trailing)
    except InvalidMailboxName as error:
        raise No(str(error), "NONEXISTENT") from None


def found_name(context: Context, octets: bytes, *, trailing: bool = False) -> str:
    """Read a name: as it stands if there is that one, else normalized.

    Raises `InvalidMailboxName`.
    """
    utf8 = uses_utf8(context)
    name = _name(octets, utf8, trailing)
    if not utf8 or normalized(name) == name or context.account.knows(name):
        return name
    return check_name(normalized(name))


def likely_names(context: Context, written: Iterable[bytes]) -> list[str]:
    """Read names that may come soon, as they stand; what can be no name is left out."""
    utf8 = uses_utf8(context)
    names = []
    for octets in written:
        try:
            names.append(_name(octets, utf8, False))
        except InvalidMailboxName:
            continue
    return names


def _name(octets: bytes, utf8: bool, trailing: bool) -> str:
    read = _remembered if len(octets) <= _SHORT else _read
    return read(octets, utf8, trailing)


def _read(octets: bytes, utf8: bool, trailing: bool) -> str:
    return check_name(decode_name(octets, utf8=utf8), trailing=trailing)


_remembered = lru_cache(maxsize=4_096)(_read)


def new_name(context: Context, octets: bytes, *, trailing: bool = False) -> str:
    """Read the name of a mailbox to be. Raises `No` CANNOT (RFC 5530 §3)."""
    utf8 = uses_utf8(context)
    try:
        name = decode_name(octets, utf8=utf8)
        return check_name(normalized(name) if utf8 else name, trailing=trailing)
    except InvalidMailboxName as error:
        raise No(str(error), "CANNOT") from None


async def tell_normalized(
    context: Context, name: str, written: bytes, *, gone: bool = False
) -> None:
    """Say what a name has become that a client wrote in another form.

    RFC 9051 §6.3.9.7, to who is told such things. ``gone``: the mailbox was deleted.
    """
    if not context.session.telling.old_names:
        return
    old = decode_name(written, utf8=True).removesuffix(DELIMITER)
    if normalized(old) == old:
        return
    attributes = ["\\NonExistent"]
    if not gone:
        entries = await context.account.mailboxes()
        found = next((entry for entry in entries if entry.name == name), None)
        attributes = [] if found is None else name_attributes(context.registry, found)
    items = (("OLDNAME", b"(%b)" % render_name(old, utf8=True)),)
    context.reply.untagged(list_response(name, attributes, items, utf8=True))


def list_pattern(context: Context, reference: bytes, *patterns: bytes) -> ListPattern:
    """Read the reference and the patterns of LIST.

    Raises `No` CANNOT for text that is no name, and for more than can be matched.
    """
    utf8 = uses_utf8(context)
    try:
        texts = [decode_name(pattern, utf8=utf8) for pattern in patterns]
        root = decode_name(reference, utf8=utf8)
        if utf8 and any(normalized(text) != text for text in (root, *texts)):
            # Both forms are looked for: each may be the name of a mailbox.
            texts = [root + text for text in texts]
            return ListPattern("", *texts, *map(normalized, texts))
        return ListPattern(root, *texts)
    except InvalidMailboxName as error:
        raise No(str(error), "CANNOT") from None
