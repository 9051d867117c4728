"""FETCH and UID FETCH (RFC 3501 §6.4.5, §6.4.8)."""

from __future__ import annotations

from imapd.commands.fetch.handler import Fetch, parse, run, unparse
from imapd.commands.fetch.items import ITEMS
from imapd.session.numbered import both_forms
from imapd.session.registry import Effects, Feature

__all__ = ["FEATURE", "Fetch"]

FEATURE = Feature(
    name="FETCH",
    rfc=("3501",),
    fetch_items=ITEMS,
    commands=both_forms(
        "FETCH",
        parse,
        unparse,
        run,
        rfc=("RFC 3501 §6.4.5", "RFC 3501 §6.4.8"),
        effects=Effects.HOLDS_REMOVALS,
    ),
)
