"""CONTEXT=SEARCH: results of SEARCH that are kept up to date (RFC 5267 §4).

::

    search-return-opt  =/ "CONTEXT" / "UPDATE" / "PARTIAL" SP partial-range
    cancelupdate       =  "CANCELUPDATE" 1*(SP quoted)

    B01 UID SEARCH RETURN (UPDATE COUNT) DELETED KEYWORD $Junk
    * ESEARCH (TAG "B01") UID COUNT 74
    B01 OK UID SEARCH completed
    * ESEARCH (TAG "B01") UID ADDTO (0 32768:32769)
    B04 CANCELUPDATE "B01"

How a result is followed is in `imapd.session.search_updates`; PARTIAL is a feature of
its own, which this one needs.
"""

from __future__ import annotations

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
from imapd.session.search_updates import CONTEXT, UPDATE, live_searches
from imapd.wire.cursor import Cursor
from imapd.wire.encode import client_string


@dataclass(frozen=True, slots=True)
class CancelUpdate:
    """Keep the results of some commands up to date no longer, by their tags."""

    tags: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not self.tags:
            raise ValueError("there is at least one tag")


def parse(cursor: Cursor, _: Registry) -> CancelUpdate:
    """Take the arguments of CANCELUPDATE. Raises `Malformed`."""
    tags: list[bytes] = []
    while not tags or cursor.peek() == b" ":
        cursor.sp()
        tags.append(cursor.quoted())
    cursor.end()
    return CancelUpdate(tuple(dict.fromkeys(tags)))


def unparse(node: CancelUpdate) -> bytes:
    """Write the command as a client would."""
    return b" ".join([b"CANCELUPDATE", *[client_string(tag) for tag in node.tags]])


async def run(context: Context, node: CancelUpdate) -> Completed:
    """End the updates, of all the tags or of none. Raises `No` for an unknown tag."""
    live = live_searches(context)
    if any(tag not in live for tag in node.tags):
        raise No("no search that goes on has this tag")
    for tag in node.tags:
        live.cancel(tag)
    return Completed("no further updates")


FEATURE = Feature(
    name="CONTEXT=SEARCH",
    rfc=("5267",),
    capabilities=(Capability("CONTEXT=SEARCH"),),
    search_returns=(UPDATE, CONTEXT),
    commands=(
        CommandSpec(
            name="CANCELUPDATE",
            parse=parse,
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc="RFC 5267 §4.3.5",
        ),
    ),
    requires=("ESEARCH", "PARTIAL"),
)
