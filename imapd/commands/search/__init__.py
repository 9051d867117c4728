"""SEARCH and UID SEARCH (RFC 3501 §6.4.4, §6.4.8)."""

from __future__ import annotations

from imapd.commands.search.handler import Search, parse, run, unparse
from imapd.commands.search.keys import KEYS
from imapd.session.numbered import both_forms
from imapd.session.registry import Effects, Feature

__all__ = ["FEATURE", "Search"]

FEATURE = Feature(
    name="SEARCH",
    rfc=("3501",),
    search_keys=KEYS,
    commands=both_forms(
        "SEARCH",
        parse,
        unparse,
        run,
        rfc=("RFC 3501 §6.4.4", "RFC 3501 §6.4.8"),
        effects=Effects.HOLDS_REMOVALS,
    ),
)
