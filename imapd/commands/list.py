"""LIST (RFC 3501 §6.3.8), with the grammar of options (RFC 5258 §6).

::

    list            = "LIST" [SP "(" [selection …] ")"] SP mailbox SP mbox-or-pat
                      [SP "RETURN" SP "(" [return …] ")"]
    mbox-or-pat     = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")"

    A101 LIST "" ""
    * LIST (\\Noselect) "/" ""
    A101 OK LIST completed

Attributes beyond ``\\Noselect`` and all options come from features. Where no feature
brings an option, the old grammar is the only one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import NamedTuple

from imapd.session.context import Context
from imapd.session.listing import (
    ListAnswer,
    ListReturn,
    ListSelectionSpec,
    SelectionKind,
    in_parts,
    list_response,
    name_attributes,
    parse_return,
    parse_selection,
)
from imapd.session.names import list_pattern, uses_utf8
from imapd.session.registry import CommandSpec, Completed, Feature, Registry, States
from imapd.syntax.mailbox import ListPattern, ancestors, parse_mailbox, unparse_name
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_string, string
from mailstore.model import DELIMITER, INBOX, MailboxEntry


@dataclass(frozen=True, slots=True)
class List:
    """List names; reference and patterns are as they were written.

    One pattern stands without parentheses, several are a tuple. Options are None
    where the command has no parentheses for them: as long as it has none at all, an
    empty pattern asks for the delimiter.
    """

    reference: bytes
    patterns: bytes | tuple[bytes, ...]
    selection: tuple[str, ...] | None = None
    returns: tuple[ListReturn, ...] | None = None

    def __post_init__(self) -> None:
        if self.patterns == ():
            raise ValueError("there is at least one pattern")

    @property
    def extended(self) -> bool:
        """Whether it is more than RFC 3501 knows (RFC 5258 §3)."""
        plain = self.selection is None and self.returns is None
        return not (plain and isinstance(self.patterns, bytes))


def parse(cursor: Cursor, registry: Registry) -> List:
    """Take the arguments of LIST. Raises `Malformed`."""
    extensible = bool(registry.list_selections or registry.list_returns)
    cursor.sp()
    selection: tuple[str, ...] | None = None
    if extensible and cursor.peek() == b"(":
        selection = _selection(cursor, registry)
        cursor.sp()
    reference = parse_mailbox(cursor)
    cursor.sp()
    patterns: bytes | tuple[bytes, ...]
    if extensible and cursor.peek() == b"(":
        patterns = cursor.parenthesised(cursor.list_mailbox, least=1)
    else:
        patterns = cursor.list_mailbox()
    returns: tuple[ListReturn, ...] | None = None
    if extensible and cursor.accept(b" RETURN "):
        returns = _returns(cursor, registry)
    cursor.end()
    return List(reference, patterns, selection, returns)


def _returns(cursor: Cursor, registry: Registry) -> tuple[ListReturn, ...]:
    # RFC 5258 §3: twice is as once, whatever the arguments; each option that counts
    # is asked about every name.
    found: dict[bytes, ListReturn] = {}
    for one in cursor.parenthesised(lambda: parse_return(cursor, registry)):
        found.setdefault(one.unparse().partition(b" ")[0], one)
    return tuple(found.values())


def _selection(cursor: Cursor, registry: Registry) -> tuple[str, ...]:
    start = cursor.at
    names = cursor.parenthesised(lambda: parse_selection(cursor, registry))
    kinds = {registry.list_selections[name].kind for name in names}
    if SelectionKind.MODIFIER in kinds and SelectionKind.BASE not in kinds:
        # RFC 5258 §3.1: RECURSIVEMATCH alone, or with REMOTE only.
        cursor.at = start
        raise cursor.fail("a selection option that may stand alone")
    return tuple(dict.fromkeys(names))  # RFC 5258 §3: twice is as once


def unparse(node: List) -> bytes:
    """Write the command as a client would."""
    words = [b"LIST"]
    if node.selection is not None:
        words.append(b"(%b)" % " ".join(node.selection).encode("ascii"))
    words.append(unparse_name(node.reference))
    if isinstance(node.patterns, bytes):
        words.append(client_string(node.patterns))
    else:
        words.append(b"(%b)" % b" ".join(map(client_string, node.patterns)))
    if node.returns is not None:
        words.append(b"RETURN (%b)" % b" ".join([r.unparse() for r in node.returns]))
    return b" ".join(words)


async def run(context: Context, node: List) -> Completed:
    """Tell all names that match. Raises `No` for text that is no name."""
    utf8 = uses_utf8(context)
    if node.patterns == b"" and not node.extended:
        # §6.3.8: asks for the delimiter and the root of the reference.
        context.reply.untagged(list_response("", ["\\Noselect"]))
        return Completed("LIST completed")
    names = (node.patterns,) if isinstance(node.patterns, bytes) else node.patterns
    # RFC 5258 §3: an empty one matches nothing, whatever the reference.
    pattern = list_pattern(context, node.reference, *filter(None, names))
    specs = context.registry.list_selections
    selection = [specs[name] for name in node.selection or ()]
    returns = dict.fromkeys(
        [*(r for spec in selection for r in spec.implies), *(node.returns or ())]
    )
    # §6.3.8: a hierarchy may be hidden from wildcards. A client that takes all that
    # LIST "" "*" gives, to copy it or to watch it, is to pass over what was removed.
    hidden = context.account.namespaces.deleted
    entries = await context.account.mailboxes(removed=pattern.begins(hidden))
    for at, found in enumerate(_select(entries, pattern, selection)):
        if at:
            await context.reply.stand_aside()
        added = await _ask(context, list(returns), [one.entry for one in found])
        told = [
            _lines(context.registry, one, answers, utf8=utf8)
            for one, answers in zip(found, added, strict=True)
        ]
        context.reply.write(b"".join(told))
    return Completed("LIST completed")


class _Found(NamedTuple):
    """One name that is told.

    ``wanted`` is False for one that is told for the sake of inferior names only;
    ``criteria`` are the options that these meet (RFC 5258 §3.5).
    """

    entry: MailboxEntry
    wanted: bool = True
    criteria: tuple[str, ...] = ()


def _select(
    entries: Sequence[MailboxEntry],
    pattern: ListPattern,
    selection: Sequence[ListSelectionSpec],
) -> Iterator[list[_Found]]:
    """Give the names that match and are wanted, in order.

    They come in parts: what is found of as many names as a turn can look at.
    """
    missing = any(spec.missing for spec in selection)
    tests = [spec.selects for spec in selection if spec.selects is not None]

    def wanted(entry: MailboxEntry) -> bool:
        return (entry.exists or missing) and all(test(entry) for test in tests)

    if not any(spec.parents for spec in selection):
        matches = pattern.matches
        for part in in_parts(entries, quick=pattern.quick):
            there = part if missing else [entry for entry in part if entry.exists]
            for test in tests:
                there = [entry for entry in there if test(entry)]
            yield [_Found(entry) for entry in there if matches(entry.name)]
        return
    criteria = tuple(
        [spec.name for spec in selection if spec.kind is SelectionKind.BASE]
    )
    # By superior name: whether an inferior one that is wanted will not be told itself.
    above: dict[str, bool] = {}
    for part in in_parts(entries):
        for entry in filter(wanted, part):
            untold = not pattern.matches(entry.name)
            for parent in ancestors(entry.name):
                above[parent] = above.get(parent, False) or untold
        yield []
    for part in in_parts(_with_names(entries, above)):
        # RFC 5258 §3.3: two reasons for telling a name, and no third.
        yield [
            _Found(entry, wanted(entry), criteria if entry.name in above else ())
            for entry in part
            if (wanted(entry) or above.get(entry.name)) and pattern.matches(entry.name)
        ]


def _with_names(
    entries: Sequence[MailboxEntry], names: Iterable[str]
) -> Iterable[MailboxEntry]:
    """Add names that nothing is known of: superiors of subscriptions that remained."""
    known = {entry.name for entry in entries}
    missing = [
        MailboxEntry(
            name, exists=False, selectable=False, has_children=False, subscribed=False
        )
        for name in names
        if name not in known
    ]
    missing.sort(key=_order)
    return merge(entries, missing, key=_order) if missing else entries


def _order(entry: MailboxEntry) -> tuple[bool, list[str]]:
    levels = entry.name.split(DELIMITER)
    return levels[0] != INBOX, levels


async def _ask(
    context: Context, returns: Sequence[ListReturn], entries: Sequence[MailboxEntry]
) -> list[tuple[ListAnswer, ...]]:
    """Give, for each name, what the return options add."""
    if not returns or not entries:
        return [()] * len(entries)
    columns = []
    for at, option in enumerate(returns):
        if at:
            await context.reply.stand_aside()
        columns.append(await option.answers(context, entries))
    return list(zip(*columns, strict=True))


def _lines(
    registry: Registry, one: _Found, answers: Sequence[ListAnswer], *, utf8: bool
) -> bytes:
    entry, wanted, criteria = one
    attributes = name_attributes(registry, entry)
    if not answers and not criteria:
        return b"* %b\r\n" % list_response(entry.name, attributes, utf8=utf8)
    extended: list[tuple[str, bytes]] = []
    for answer in answers:
        attributes += answer.attributes
        extended += answer.extended
    if criteria:
        quoted = b" ".join([string(name.encode("ascii")) for name in criteria])
        extended.append(("CHILDINFO", b"(%b)" % quoted))
    told = [list_response(entry.name, attributes, extended, utf8=utf8)]
    if wanted:  # RFC 5819 §3: nothing follows a name that is not wanted itself
        told += [response for answer in answers for response in answer.responses]
    return b"".join([b"* %b\r\n" % response for response in told])


FEATURE = Feature(
    name="LIST",
    rfc=("3501",),
    commands=(
        CommandSpec(
            name="LIST",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc="RFC 3501 §6.3.8",
        ),
    ),
)
