"""FETCH and UID FETCH (RFC 3501 §6.4.5, §6.4.8)."""

from __future__ import annotations

from functools import partial

from imapd.commands.fetch.handler import Fetch, parse, run, unparse
from imapd.commands.fetch.items import ITEMS
from imapd.session.registry import CommandSpec, Effects, Feature, States
from imapd.syntax.sequence import SequenceSet, UidSet

__all__ = ["FEATURE", "Fetch"]

FEATURE = Feature(
    name="FETCH",
    rfc=("3501",),
    fetch_items=ITEMS,
    commands=(
        CommandSpec(
            name="FETCH",
            parse=partial(parse, SequenceSet),
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc="RFC 3501 §6.4.5",
            effects=Effects.HOLDS_REMOVALS | Effects.BY_NUMBER,
        ),
        CommandSpec(
            name="UID FETCH",
            parse=partial(parse, UidSet),
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc="RFC 3501 §6.4.8",
        ),
    ),
)
