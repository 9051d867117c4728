"""What LIST, METADATA and QUOTA say of mailboxes, beside names and attributes.

Grammar: RFC 5258 §6 ``mbox-list-extended``, RFC 5464 §5, RFC 9208 §7.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.support import responses as r
from tests.support.reader import Reader


def extended_list(reader: Reader) -> tuple[tuple[str, r.Extended], ...]:
    """Read the items behind ``(``, each tag once; what is in parentheses as a tuple."""
    found: dict[str, r.Extended] = {}
    while not reader.accept(b")"):
        if found:
            reader.take(b" ")
        tag = reader.astring().decode("ascii").upper()
        reader.take(b" ")
        if tag in found:
            reader.refuse("each tag once")
        found[tag] = _value(reader)
    return tuple(found.items())


def _value(reader: Reader) -> r.Extended:
    if not reader.accept(b"("):
        return reader.astring()
    found: list[r.Extended] = []
    while not reader.accept(b")"):
        if found:
            reader.take(b" ")
        found.append(_value(reader))
    return tuple(found)


def rights(reader: Reader) -> str:
    """RFC 4314 §7: rights, each once."""
    text = reader.astring().decode("ascii")
    if not re.fullmatch("[a-z0-9]*", text) or len(set(text)) != len(text):
        reader.refuse("rights, each once")
    return text


def acl(reader: Reader) -> r.AclLine:
    """RFC 4314 §7: acl-data; each identifier once."""
    reader.take(b" ")
    mailbox = reader.mailbox()
    found: dict[str, str] = {}
    while reader.accept(b" "):
        identifier = reader.astring().decode("utf-8")
        reader.take(b" ")
        if identifier in found:
            reader.refuse("each identifier once")
        found[identifier] = rights(reader)
    return r.AclLine(mailbox, found)


def list_rights(reader: Reader) -> r.ListRightsLine:
    """RFC 4314 §7: listrights-data; each right once."""
    reader.take(b" ")
    mailbox = reader.mailbox()
    reader.take(b" ")
    identifier = reader.astring().decode("utf-8")
    reader.take(b" ")
    found = [rights(reader)]
    while reader.accept(b" "):
        found.append(rights(reader))
    if len(set("".join(found))) != len("".join(found)):
        reader.refuse("each right once")
    return r.ListRightsLine(mailbox, identifier, found[0], tuple(found[1:]))


def my_rights(reader: Reader) -> r.MyRightsLine:
    """RFC 4314 §7: myrights-data."""
    reader.take(b" ")
    mailbox = reader.mailbox()
    reader.take(b" ")
    return r.MyRightsLine(mailbox, rights(reader))


def quota(reader: Reader) -> r.Quota:
    """RFC 9208 §7: quota-response; each resource once."""
    reader.take(b" ")
    root = reader.mailbox()
    reader.take(b" (")
    found: dict[str, tuple[int, int]] = {}
    while not reader.accept(b")"):
        if found:
            reader.take(b" ")
        name = reader.atom().upper()
        reader.take(b" ")
        used = reader.number64()
        reader.take(b" ")
        if name in found:
            reader.refuse("each resource once")
        found[name] = (used, reader.number64())
    return r.Quota(root, found)


def quota_roots(reader: Reader) -> r.QuotaRoots:
    """RFC 9208 §7: quotaroot-response."""
    reader.take(b" ")
    name = reader.mailbox()
    roots: list[str] = []
    while reader.accept(b" "):
        roots.append(reader.mailbox())
    return r.QuotaRoots(name, tuple(roots))


def metadata(reader: Reader) -> r.Metadata:
    """RFC 5464 §5: entry-values or entry-list."""
    reader.take(b" ")
    name = reader.mailbox()
    reader.take(b" ")
    if not reader.accept(b"("):
        names = [_entry(reader)]
        while reader.accept(b" "):
            names.append(_entry(reader))
        return r.Metadata(name, changed=tuple(names))
    values: dict[str, bytes | None] = {}
    while not values or not reader.accept(b")"):
        if values:
            reader.take(b" ")
        entry = _entry(reader)
        reader.take(b" ")
        if entry.lower() in map(str.lower, values):
            reader.refuse("each entry once")
        values[entry] = reader.nstring8()
    return r.Metadata(name, values)


def _entry(reader: Reader) -> str:
    entry = reader.astring().decode("ascii")
    if not entry.lower().startswith(("/private/", "/shared/")) or entry.endswith("/"):
        reader.refuse("the name of an entry")
    return entry


def metadata_code(reader: Reader) -> tuple[str, int | None]:
    word = reader.atom().upper()
    if word in ("TOOMANY", "NOPRIVATE"):
        return word, None
    if word not in ("LONGENTRIES", "MAXSIZE"):
        reader.refuse("a code of METADATA")
    reader.take(b" ")
    return word, reader.number()


_OBJECT_ID_ALONE = re.compile(rb"[A-Za-z][A-Za-z0-9_-]{0,254}")
_OBJECT_ID = re.compile(rb"\(([A-Za-z0-9_-]{1,255})\)")


def or_nil(reader: Any, read: Callable[[Any], object]) -> object:
    """Something, or None for NIL."""
    return None if reader.accept_word(b"NIL") else read(reader)


def object_id(reader: Reader) -> str:
    """Read ``"(" objectid ")"`` (RFC 8474 §7)."""
    return reader.match(_OBJECT_ID, "an object identifier")[1:-1].decode("ascii")


def object_ids(reader: Reader) -> dict[str, str]:
    """Read ``"(" [key SP objectid …] ")"`` (objectid-bis §10)."""
    reader.take(b"(")
    found: dict[str, str] = {}
    while not reader.accept(b")"):
        if found:
            reader.take(b" ")
        key = reader.atom()
        reader.take(b" ")
        found[key] = reader.match(_OBJECT_ID_ALONE, "an identifier").decode("ascii")
    return found


STATUS_ITEMS: dict[str, Callable[[Reader], object]] = {
    "MAILBOXID": object_id,
    "OBJECTID": object_ids,
}
"""Items of STATUS that are no numbers."""

UNTAGGED: dict[str, Callable[[Reader], r.Untagged]] = {
    "METADATA": metadata,
    "QUOTA": quota,
    "QUOTAROOT": quota_roots,
    "ACL": acl,
    "LISTRIGHTS": list_rights,
    "MYRIGHTS": my_rights,
}
"""Untagged responses by name; what follows the name is read."""
