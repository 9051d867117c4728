"""ENABLE: extensions that change what the server says (RFC 5161).

::

    enable          = "ENABLE" 1*(SP capability)

    C: a1 ENABLE CONDSTORE X-GOOD-IDEA
    S: * ENABLED X-GOOD-IDEA
    S: a1 OK ENABLE completed

What can be enabled is each feature's to say (`Feature.enables`).
"""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.context import Context
from imapd.session.registry import (
    Capability,
    CommandSpec,
    Completed,
    Feature,
    Registry,
    States,
)
from imapd.wire.cursor import Cursor


@dataclass(frozen=True, slots=True)
class Enable:
    """Enable extensions, upper case, each once."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("ENABLE names something")


def parse(cursor: Cursor, _: Registry) -> Enable:
    """Take the arguments of ENABLE. Raises `Malformed`."""
    names: list[str] = []
    while not names or cursor.peek() == b" ":
        cursor.sp()
        names.append(cursor.atom().decode("ascii").upper())
    cursor.end()
    return Enable(tuple(dict.fromkeys(names)))


def unparse(node: Enable) -> bytes:
    """Write the command as a client would."""
    return " ".join(("ENABLE", *node.names)).encode("ascii")


async def run(context: Context, node: Enable) -> Completed:
    """Enable what can be; the others are passed over (§3.1)."""
    session = context.session
    new = [
        name
        for name in node.names
        if name in context.registry.enables and name not in session.enabled
    ]
    for name in new:
        session.enabled.add(name)
        enabling = context.registry.enables[name]
        if enabling.enable is not None:
            enabling.enable(session)
    told = [context.registry.enables[name].told for name in new]
    context.reply.untagged(" ".join(("ENABLED", *told)).encode("ascii"))
    return Completed("ENABLE completed")


FEATURE = Feature(
    name="ENABLE",
    rfc=("5161",),
    capabilities=(Capability("ENABLE"),),
    commands=(
        CommandSpec(
            name="ENABLE",
            parse=parse,
            unparse=unparse,
            run=run,
            # §3.1: only before a mailbox is selected.
            states=States.AUTHENTICATED,
            rfc="RFC 5161 §3.1",
        ),
    ),
)
