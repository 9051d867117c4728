"""References to RFCs name what docs/reference/rfcs.toml knows.

Its tables are named after the number of an RFC and list, under ``sections``, those
that exist; without that key any section is taken.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.architecture.source import ROOT, modules

LIST = ROOT / "docs" / "reference" / "rfcs.toml"
REFERENCE = re.compile(r"RFC\s+([0-9]{3,5})(?:[,:]?\s+(§[^\n]*))?")
SECTION = re.compile(r"§\s*([0-9A-Z][0-9A-Za-z]*(?:\.[0-9]+)*)")


def known() -> dict[int, frozenset[str] | None]:
    """Give the sections of each RFC in the list; None: any."""
    if not LIST.exists():
        pytest.skip(f"{LIST.relative_to(ROOT)} is not written yet")
    data: dict[str, Any] = tomllib.loads(LIST.read_text(encoding="utf-8"))
    tables = data.get("rfc", data)
    found: dict[int, frozenset[str] | None] = {}
    for key, table in tables.items():
        number = re.fullmatch(r"(?:rfc)?([0-9]+)", key, re.IGNORECASE)
        if number is None:
            continue
        sections = table.get("sections")
        found[int(number[1])] = (
            None if sections is None else frozenset(map(str, sections))
        )
    return found


def references() -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """List place, RFC and sections of each reference in the source."""
    for module in modules():
        for number, line in enumerate(module.text.splitlines(), 1):
            for found in REFERENCE.finditer(line):
                rest = re.split(r"RFC|\.\s|[;()]", found[2] or "")[0]
                yield (
                    f"{module.place}:{number}",
                    int(found[1]),
                    tuple(SECTION.findall(rest)),
                )


def test_references_are_found():
    """The search itself works: the source is full of references."""
    assert len(list(references())) > 100


def test_references_name_a_known_rfc():
    rfcs = known()
    assert {
        f"{place}: RFC {n}" for place, n, _ in references() if n not in rfcs
    } == set()


def test_references_name_a_known_section():
    rfcs = known()
    wrong = [
        f"{place}: RFC {number} §{section}"
        for place, number, sections in references()
        for section in sections
        if (known_sections := rfcs.get(number)) is not None
        and section not in known_sections
    ]
    assert wrong == []
