"""GETMETADATA and SETMETADATA: grammar, inverses and handlers (RFC 5464 §4, §5).

::

    getmetadata     = "GETMETADATA" [SP options] SP mailbox SP entries
    options         = "(" option *(SP option) ")"
    option          = "MAXSIZE" SP number / "DEPTH" SP ("0" / "1" / "infinity")
    setmetadata     = "SETMETADATA" SP mailbox SP entry-values

    C: a GETMETADATA INBOX (/shared/comment /private/comment)
    S: * METADATA INBOX (/shared/comment "Shared" /private/comment NIL)
    S: a OK GETMETADATA completed

The empty name is the server. The RFC's examples have the options behind the mailbox,
and several entries without parentheses: both are taken. An entry that is named and
has no value is told as NIL; below a named one only what there is is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.metadata_responses import metadata_response
from imapd.session.names import existing_name, uses_utf8
from imapd.session.registry import Completed, Registry
from imapd.syntax.mailbox import parse_mailbox, unparse_name
from imapd.syntax.metadata_entry import (
    has_value,
    parse_entry,
    parse_value,
    unparse_entry,
    unparse_value,
)
from imapd.wire.cursor import Cursor
from imapd.wire.framing import LiteralAnnounced, LiteralSink
from mailstore.directory.metadata import CONTACT
from mailstore.errors import TooBig, TooMany
from mailstore.model import Depth

NAME, SERVER_NAME = "METADATA", "METADATA-SERVER"
MAX_ENTRIES = 1_000
_OPTION = re.compile(rb"(MAXSIZE|DEPTH) ", re.IGNORECASE)
_DEPTH = re.compile(rb"(0|1|infinity)(?=[ )])", re.IGNORECASE)
_IN_MEMORY = 16  # values of the largest size that one command may bring
_CHUNK = 65_536

Values = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """Tell entries of a mailbox, or of the server (an empty name)."""

    mailbox: bytes
    entries: tuple[str, ...]
    most: int | None = None
    depth: Depth = Depth.NONE

    def __post_init__(self) -> None:
        if not self.entries:
            raise ValueError("there is at least one entry")

    def fits(self, octets: int) -> bool:
        """Tell whether a value of such a size is wanted."""
        return self.most is None or octets <= self.most


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Set entries of a mailbox, or of the server (an empty name); None removes one."""

    mailbox: bytes
    values: tuple[tuple[str, bytes | None], ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("there is at least one entry")


# -- grammar


def parse_get(cursor: Cursor, _: Registry) -> GetMetadata:
    """Take the arguments of GETMETADATA. Raises `Malformed`."""
    cursor.sp()
    options = _options(cursor)
    mailbox = parse_mailbox(cursor)
    cursor.sp()
    if not options:
        options = _options(cursor)
    entries = _entries(cursor)
    cursor.end()
    most, depth = options.get("MAXSIZE"), options.get("DEPTH", Depth.NONE)
    assert most is None or isinstance(most, int)
    assert isinstance(depth, Depth)
    return GetMetadata(mailbox, entries, most, depth)


def _options(cursor: Cursor) -> dict[str, int | Depth]:
    """Take options and the space behind them, if there are any."""
    found: dict[str, int | Depth] = {}
    if _OPTION.match(cursor.text, cursor.at + 1) is None or cursor.peek() != b"(":
        return found

    def one() -> None:
        start = cursor.at
        name = cursor.need(_OPTION, "MAXSIZE or DEPTH")[1].decode("ascii").upper()
        if name in found:
            cursor.at = start
            raise cursor.fail(f"{name} once")
        if name == "MAXSIZE":
            found[name] = cursor.number()
        else:
            text = cursor.need(_DEPTH, "0, 1 or infinity")[0]
            found[name] = Depth(text.decode("ascii").lower())

    cursor.parenthesised(one, least=1)
    cursor.sp()
    return found


def _entries(cursor: Cursor) -> tuple[str, ...]:
    if cursor.peek() == b"(":
        found = cursor.parenthesised(lambda: parse_entry(cursor), least=1)
    else:
        names = [parse_entry(cursor)]
        while cursor.peek() == b" ":
            cursor.sp()
            names.append(parse_entry(cursor))
        found = tuple(names)
    if len(found) > MAX_ENTRIES:
        raise cursor.fail(f"at most {MAX_ENTRIES} entries", "LIMIT")
    return tuple({entry.lower(): entry for entry in found}.values())


def unparse_get(node: GetMetadata) -> bytes:
    """Write the command as a client would."""
    words = [b"GETMETADATA"]
    options = [] if node.most is None else [b"MAXSIZE %d" % node.most]
    if node.depth is not Depth.NONE:
        options.append(b"DEPTH " + node.depth.value.encode("ascii"))
    if options:
        words.append(b"(%b)" % b" ".join(options))
    words.append(unparse_name(node.mailbox))
    words.append(b"(%b)" % b" ".join(map(unparse_entry, node.entries)))
    return b" ".join(words)


def parse_set(cursor: Cursor, _: Registry) -> SetMetadata:
    """Take the arguments of SETMETADATA. Raises `Malformed`."""
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.sp()
    cursor.expect(b"(")
    values: dict[str, tuple[str, bytes | None]] = {}
    while True:
        start = cursor.at
        entry = parse_entry(cursor)
        if not has_value(entry):
            cursor.at = start
            raise cursor.fail("the name of an entry that can have a value")
        cursor.sp()
        values[entry.lower()] = (entry, parse_value(cursor))
        if cursor.accept(b")"):
            break
        if len(values) >= MAX_ENTRIES:
            raise cursor.fail(f"at most {MAX_ENTRIES} entries", "LIMIT")
        cursor.sp()
    cursor.end()
    return SetMetadata(mailbox, tuple(values.values()))


def unparse_set(node: SetMetadata) -> bytes:
    """Write the command as a client would."""
    pairs = [
        b"%b %b" % (unparse_entry(entry), unparse_value(value))
        for entry, value in node.values
    ]
    return b"SETMETADATA %b (%b)" % (unparse_name(node.mailbox), b" ".join(pairs))


async def take_literal(
    context: Context, announced: LiteralAnnounced
) -> LiteralSink | None:
    """Refuse a value that is too large before its octets come (§4.3). Raises `No`."""
    most = context.account.options.metadata_octets
    together = announced.size + sum(one.size for one in announced.literals)
    if announced.size > max(most, context.services.limits().literal):
        raise _too_big(most)
    if together > _IN_MEMORY * most:
        raise No("that is too much for one command", "TOOBIG")
    return None


# -- handlers


async def run_get(context: Context, node: GetMetadata) -> Completed:
    """Tell the entries. Raises `No` when there is no such mailbox.

    In several responses where they are large (§4.4), and read for each alone: all of a
    mailbox may be a hundred megabytes.
    """
    source = _of_mailbox(context, node) if node.mailbox else _of_server(context)
    sizes = await source.sizes(node.entries, node.depth)
    small = [(entry, size) for entry, size in sizes if node.fits(size)]
    utf8 = uses_utf8(context)
    for entries in _slices(small):
        found = await source.get(entries)
        if node.depth is not Depth.NONE:  # one may have gone meanwhile
            found = [(entry, value) for entry, value in found if value is not None]
        if found:
            context.reply.untagged(metadata_response(source.name, found, utf8=utf8))
        await context.reply.give_way()
    longest = max([size for _, size in sizes if not node.fits(size)], default=None)
    code = None if longest is None else f"METADATA LONGENTRIES {longest}"
    return Completed("GETMETADATA completed", code)


def _slices(sizes: Sequence[tuple[str, int]]) -> Iterator[Sequence[str]]:
    """Give the entries in pieces, each about as large as a chunk of an answer."""
    some: list[str] = []
    octets = 0
    for entry, size in sizes:
        some.append(entry)
        octets += len(entry) + size
        if octets >= _CHUNK:
            yield some
            some, octets = [], 0
    if some:
        yield some


@dataclass(frozen=True, slots=True)
class _OfMailbox:
    """Where the entries of a mailbox are."""

    context: Context
    name: str

    async def sizes(
        self, entries: Sequence[str], depth: Depth
    ) -> Sequence[tuple[str, int]]:
        return await self.context.account.metadata.sizes(self.name, entries, depth)

    async def get(self, entries: Sequence[str]) -> Values:
        return await self.context.account.metadata.get(self.name, entries)


@dataclass(frozen=True, slots=True)
class _OfServer:
    """Where those of the server are; one of them is in its configuration."""

    context: Context
    name: str = ""

    async def sizes(
        self, entries: Sequence[str], depth: Depth
    ) -> Sequence[tuple[str, int]]:
        metadata = self.context.services.store.directory.metadata
        found = list(metadata.sizes(self.context.account.id, entries, depth))
        contact = len(self._contact or b"")
        if depth is Depth.NONE:
            return [(e, contact if e.lower() == CONTACT else n) for e, n in found]
        if contact and any(
            f"{CONTACT}/".startswith(f"{entry.lower()}/")
            and depth.covers(entry.lower(), CONTACT)
            for entry in entries
        ):
            found.append((CONTACT, contact))
        return found

    async def get(self, entries: Sequence[str]) -> Values:
        metadata = self.context.services.store.directory.metadata
        found = metadata.get(self.context.account.id, entries)
        return [(e, self._contact if e.lower() == CONTACT else v) for e, v in found]

    @property
    def _contact(self) -> bytes | None:
        return self.context.services.contact.encode("utf-8") or None


def _of_mailbox(context: Context, node: GetMetadata) -> _OfMailbox:
    return _OfMailbox(context, _mailbox(context, node.mailbox))


def _of_server(context: Context) -> _OfServer:
    return _OfServer(context)


async def run_set(context: Context, node: SetMetadata) -> Completed:
    """Set all entries, or none of them.

    Raises `No`: no such mailbox, no right, too large, too many.
    """
    account = context.account
    options = account.options
    try:
        if node.mailbox:
            name = _mailbox(context, node.mailbox)
            version = await account.metadata.set(name, dict(node.values))
        else:
            account.check_writable()
            for entry, value in node.values:
                if value is not None:
                    for check in context.registry.metadata_checks:
                        check(context, entry, value)
            version = await context.services.store.directory.metadata.set(
                account.id,
                dict(node.values),
                admin=context.is_admin,
                now=account.now(),
                octets=options.metadata_octets,
                most=options.metadata_entries,
            )
    except TooBig as error:
        raise _too_big(options.metadata_octets) from error
    except TooMany as error:
        raise No(error.text, "METADATA TOOMANY") from error
    note_own(context, bool(node.mailbox), version)
    return Completed("SETMETADATA completed")


def _mailbox(context: Context, octets: bytes) -> str:
    if not any(feature.name == NAME for feature in context.registry.features):
        raise No("only the server has annotations here", "CANNOT")
    return existing_name(context, octets)


def _too_big(most: int) -> No:
    return No("the value is too large", f"METADATA MAXSIZE {most}")


def note_own(context: Context, mailboxes: bool, version: int) -> None:
    """Remember that this session made a change: it need not be told of it."""
    own = context.session.notes.setdefault(OWN, set())
    assert isinstance(own, set)
    own.add((mailboxes, version))


OWN = "METADATA own"
