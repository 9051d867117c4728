"""I18NLEVEL=1 and I18NLEVEL=2: by which rules texts are compared (RFC 5255 §4).

::

    comparator-cmd  = "COMPARATOR" *(SP comp-order-quoted)
    comparator-data = "COMPARATOR" SP comp-sel-quoted
                      [SP "(" comp-id-quoted *(SP comp-id-quoted) ")"]

    C: a COMPARATOR "cz;*" i;octet
    S: * COMPARATOR i;octet
    S: a OK i;octet is used

The active comparator belongs to the session; SEARCH, SORT and THREAD read it there.
Arguments are of RFC 4790 §3.4: a collation's name, in which ``*`` stands for anything,
behind ``-`` if the order is to be turned round.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_astring
from mailstore.query import DEFAULT_COMPARATOR, Collation, Comparator

# RFC 4790 §3.2: collation-wild, and "default" (RFC 5255 §4.7), which is one too.
_ORDER = re.compile(rb"[+-]?(?:\*|[A-Za-z]\*?)(?:[A-Za-z0-9;=.-]\*?){0,254}")
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class UseComparator:
    """Ask which comparator is active, or, by patterns, for another one."""

    orders: tuple[bytes, ...] = ()


def parse(cursor: Cursor, _: Registry) -> UseComparator:
    """Take the arguments of COMPARATOR. Raises `Malformed`."""
    orders: list[bytes] = []
    while cursor.peek() == b" ":
        cursor.sp()
        start = cursor.at
        order = cursor.astring()
        if _ORDER.fullmatch(order) is None or len(order) > _LONGEST:
            cursor.at = start
            raise cursor.fail("a collation")
        orders.append(order)
    cursor.end()
    return UseComparator(tuple(orders))


def unparse(node: UseComparator) -> bytes:
    """Write the command as a client would."""
    return b" ".join([b"COMPARATOR", *map(client_astring, node.orders)])


async def run(context: Context, node: UseComparator) -> Completed:
    """Tell the active comparator, after changing it where patterns ask for that.

    Raises `No` when nothing matches; the comparator stays as it was.
    """
    session = context.session
    found: list[Comparator] = []
    for order in node.orders:
        found += _matching(order.decode("ascii").lower())
    if node.orders and not found:
        raise No("there is no such comparator", "BADCOMPARATOR")
    if found:
        # §4.7: the first argument wins; of those that it matches, the widest use.
        session.comparator = found[0]
    active = _name(session.comparator)
    line = f"COMPARATOR {active}"
    several = list(dict.fromkeys(one.collation.value for one in found))
    if len(several) > 1:
        line += f" ({' '.join(several)})"
    context.reply.untagged(line.encode("ascii"))
    return Completed(f"{active} is used")


def _matching(order: str) -> list[Comparator]:
    """Give the comparators that a pattern names, the most useful first."""
    pattern = order.lstrip("+-")
    if pattern == "default":
        return [DEFAULT_COMPARATOR]
    descending = order.startswith("-")
    return [
        Comparator(collation, descending)
        for collation in Collation
        if _matches(pattern, collation.value)
    ]


def _matches(pattern: str, name: str) -> bool:
    """Compare a name with a pattern, in linear time whatever the pattern."""
    first, *others = pattern.split("*")
    if not others:
        return name == pattern
    *middle, last = others
    if not name.startswith(first) or not name[len(first) :].endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in middle:
        at = name.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _name(comparator: Comparator) -> str:
    """Give a comparator as it was selected (RFC 4790 §3.4)."""
    return ("-" if comparator.descending else "") + comparator.collation.value


FEATURE = Feature(
    name="I18NLEVEL",
    rfc=("5255",),
    capabilities=(Capability("I18NLEVEL=1"), Capability("I18NLEVEL=2")),
    commands=(
        CommandSpec(
            name="COMPARATOR",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.LOGGED_IN,
            rfc="RFC 5255 §4.7",
        ),
    ),
    requires=("SEARCH",),
)
