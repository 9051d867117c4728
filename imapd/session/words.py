"""Commands without arguments, as data: ``tag SP name``."""

from __future__ import annotations

from dataclasses import dataclass

from imapd.session.registry import (
    CommandSpec,
    Effects,
    Registry,
    Run,
    States,
)
from imapd.wire.cursor import Cursor


@dataclass(frozen=True, slots=True)
class Bare:
    """A command that is its name and nothing else."""

    name: str


def bare(
    name: str,
    run: Run,
    states: States,
    rfc: str,
    effects: Effects = Effects.NONE,
) -> CommandSpec:
    """Give the spec of a command that takes no arguments."""
    node = Bare(name)

    def parse(cursor: Cursor, _: Registry) -> Bare:
        cursor.end()
        return node

    return CommandSpec(
        name=name,
        parse=parse,
        unparse=lambda node: node.name.encode("ascii"),
        run=run,
        states=states,
        rfc=rfc,
        effects=effects,
    )
