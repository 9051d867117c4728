"""SEARCH and UID SEARCH (RFC 3501 §6.4.4, §6.4.8)."""

from __future__ import annotations

from functools import partial

from imapd.commands.search.handler import Search, parse, run, unparse
from imapd.commands.search.keys import KEYS
from imapd.session.registry import CommandSpec, Effects, Feature, States
from imapd.syntax.sequence import SequenceSet, UidSet

__all__ = ["FEATURE", "Search"]

FEATURE = Feature(
    name="SEARCH",
    rfc=("3501",),
    search_keys=KEYS,
    commands=(
        CommandSpec(
            name="SEARCH",
            parse=partial(parse, SequenceSet),
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc="RFC 3501 §6.4.4",
            effects=Effects.HOLDS_REMOVALS | Effects.BY_NUMBER,
        ),
        CommandSpec(
            name="UID SEARCH",
            parse=partial(parse, UidSet),
            unparse=unparse,
            run=run,
            states=States.SELECTED,
            rfc="RFC 3501 §6.4.8",
        ),
    ),
)
