"""SORT and UID SORT: search, and say in which order (RFC 5256).

::

    sort            = ["UID" SP] "SORT" [search-return-opts] SP sort-criteria
                      SP search-criteria
    sort-criteria   = "(" sort-criterion *(SP sort-criterion) ")"
    sort-criterion  = ["REVERSE" SP] sort-key   ; some keys with an argument
    search-criteria = charset 1*(SP search-key)

    a SORT (SUBJECT REVERSE DATE) UTF-8 SINCE 1-Feb-1994
    * SORT 5 3 4 1 2
    a OK SORT completed

Other features bring sort keys (`SortKeySpec`) and return options. How messages are
put in order is the store's business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from imapd.session.context import Context
from imapd.session.faults import Bad
from imapd.session.numbered import both_forms
from imapd.session.plugs import SearchKey, SortArgument, SortKeySpec
from imapd.session.registry import Capability, Completed, Effects, Feature, Registry
from imapd.session.search_program import parse_search_keys
from imapd.session.search_result import ReturnOption, Searching
from imapd.session.searching import parse_returns, run_searching, unparse_returns
from imapd.syntax.sequence import NumberSet, SequenceSet, UidSet
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring
from mailstore.query import Comparator, Criterion, Following, Predicate, SortKey
from mailstore.service import Mailbox

_KEY_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9.-]{0,63}")


@dataclass(frozen=True, slots=True)
class SortCriterion:
    """A sort key by its name, ascending unless reversed."""

    key: str
    reverse: bool = False
    argument: SortArgument | None = None

    def unparse(self) -> bytes:
        """Write the criterion as a client would."""
        name = self.key.encode("ascii")
        if self.argument is not None:
            name += b" " + self.argument.unparse()
        return b"REVERSE " + name if self.reverse else name

    def lower(self, key: SortKey) -> Criterion:
        """Say it in the store's terms."""
        if self.argument is None:
            return Criterion(key, self.reverse)
        return self.argument.criterion(key, reverse=self.reverse)


@dataclass(frozen=True, slots=True)
class Sort:
    """Find the messages of which all keys hold, and put them in order.

    ``answer`` is what they are told by. ``returns`` is None for a command without
    RETURN (RFC 5267 §3).
    """

    criteria: tuple[SortCriterion, ...]
    charset: bytes
    keys: tuple[SearchKey, ...]
    answer: type[NumberSet] = SequenceSet
    returns: tuple[ReturnOption, ...] | None = None

    def __post_init__(self) -> None:
        if not self.criteria or not self.keys:
            raise ValueError("there is at least one criterion and one key")


def parse(answer: type[NumberSet], cursor: Cursor, registry: Registry) -> Sort:
    """Take the arguments of SORT. Raises `Malformed`."""
    returns = parse_returns(cursor, registry, registry.sort_returns)
    cursor.sp()
    criteria = cursor.parenthesised(lambda: _parse_criterion(cursor, registry), least=1)
    cursor.sp()
    charset = cursor.astring()
    cursor.sp()
    keys = parse_search_keys(cursor, registry)
    return Sort(criteria, charset, keys, answer, returns)


def _parse_criterion(cursor: Cursor, registry: Registry) -> SortCriterion:
    reverse = cursor.accept(b"REVERSE ")
    start = cursor.at
    name = cursor.need(_KEY_NAME, "a sort key")[0].decode("ascii").upper()
    spec = registry.sort_keys.get(name)
    if spec is None:
        cursor.at = start
        raise cursor.fail("a sort key")
    argument = None if spec.parse is None else spec.parse(cursor)
    return SortCriterion(name, reverse, argument)


def unparse(node: Sort) -> bytes:
    """Write the command as a client would."""
    name = b"UID SORT" if node.answer is UidSet else b"SORT"
    return b"%b%b (%b) %b %b" % (
        name,
        unparse_returns(node.returns),
        b" ".join([criterion.unparse() for criterion in node.criteria]),
        client_astring(node.charset),
        b" ".join([key.unparse() for key in node.keys]),
    )


async def run(context: Context, node: Sort) -> Completed:
    """Answer with what was found, in the order of the criteria."""
    known = context.registry.sort_keys
    # What is equal by a key is so by the same key again, whatever its direction.
    first: dict[object, SortCriterion] = {}
    for one in node.criteria:
        first.setdefault((one.key, one.argument), one)
    criteria = [(known[one.key], one) for one in first.values()]
    by_uid = node.answer is UidSet
    return await run_searching(
        Searching(
            context,
            node.keys,
            node.charset,
            node.returns,
            context.registry.sort_returns,
            by_uid=by_uid,
            word=b"SORT",
            find=partial(_find, criteria, context.session.comparator),
            ascending=False,
        ),
        "UID SORT completed" if by_uid else "SORT completed",
    )


async def _find(
    criteria: Sequence[tuple[SortKeySpec, SortCriterion]],
    comparator: Comparator,
    mailbox: Mailbox,
    predicate: Predicate,
    following: Following,
) -> Sequence[int]:
    for spec, _ in criteria:
        if not spec.allowed(predicate):
            raise Bad(f"these search keys give nothing to sort by {spec.name}")
    order = [criterion.lower(spec.key) for spec, criterion in criteria]
    return await mailbox.sort(predicate, order, comparator, following)


FEATURE = Feature(
    name="SORT",
    rfc=("5256",),
    capabilities=(Capability("SORT"),),
    sort_keys=tuple(
        SortKeySpec(name, key, "RFC 5256 §3")
        for name, key in (
            ("ARRIVAL", SortKey.ARRIVAL),
            ("CC", SortKey.CC),
            ("DATE", SortKey.DATE),
            ("FROM", SortKey.FROM),
            ("SIZE", SortKey.SIZE),
            ("SUBJECT", SortKey.SUBJECT),
            ("TO", SortKey.TO),
        )
    ),
    commands=both_forms(
        "SORT",
        parse,
        unparse,
        run,
        rfc=("RFC 5256 §3", "RFC 5256 §3"),
        effects=Effects.HOLDS_REMOVALS,
    ),
    requires=("SEARCH",),
)
