"""The page of what is done of each RFC, made of `rfcs.toml` and of the source.

::

    python -m tests.docs.rfc_coverage      # writes docs/reference/rfc-coverage.md

Which module obeys a section is read from the references in the source
(``# RFC 3501 §6.4.5``), which test proves it from the table.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.architecture.test_rfcs import references
from tests.docs.pages import DOCS
from tests.docs.test_rfcs import RFCS

PAGE = DOCS / "reference" / "rfc-coverage.md"

_HEAD = """\
# What is done of each RFC

Made of [rfcs.toml](rfcs.toml) and of the references in the source by
`python -m tests.gate coverage`; a test compares them. *Where* names the modules that
speak of a section, *tests* what proves it, below `tests/`. A section that asks for
nothing of a server is *info*.
"""

Places = Mapping[tuple[int, str], list[str]]


def places() -> Places:
    """Give the modules that name a section, by RFC and section."""
    found: dict[tuple[int, str], set[str]] = defaultdict(set)
    for place, number, sections in references():
        module = place.partition(":")[0]
        for section in sections or ("",):
            found[number, section].add(module)
    return {key: sorted(modules) for key, modules in found.items()}


def render() -> str:
    """Write the page."""
    where = places()
    numbers = sorted((int(name.removeprefix("rfc")), name) for name in RFCS)
    return "\n".join([_HEAD, *(_part(n, RFCS[name], where) for n, name in numbers)])


def _part(number: int, rfc: Mapping[str, Any], where: Places) -> str:
    lines = [f"## RFC {number}: {rfc['title']}", "", _status(rfc)]
    sections = rfc.get("sections")
    if isinstance(sections, Mapping):
        lines += ["", "| section | state | where | tests |", "|---|---|---|---|"]
        lines += [
            _row(key, section, where.get((number, key), []))
            for key, section in sections.items()
        ]
    else:
        modules = sorted(
            {m for (n, _), some in where.items() if n == number for m in some}
        )
        if modules:
            lines += ["", f"Obeyed in {_list(modules)}."]
    return "\n".join([*lines, ""])


def _modules(number: int, where: Places) -> list[str]:
    """List the modules that name any section of an RFC, or none of them."""
    return sorted({m for (n, _), some in where.items() if n == number for m in some})


def _status(rfc: Mapping[str, Any]) -> str:
    why = rfc.get("why")
    return f"Status: {rfc['status']}{f'. {_cell(why)}' if why else '.'}"


def _row(key: str, section: Mapping[str, Any], modules: list[str]) -> str:
    state = section["state"]
    if "note" in section:
        state = f"{state}: {section['note']}"
    cells = (
        f"{key} {section['title']}",
        state,
        _list(modules),
        _list(section.get("tests", ())),
    )
    return f"| {' | '.join(map(_cell, cells))} |"


def _list(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def lacking() -> Iterator[str]:
    """Name the capabilities whose RFC the table does not call done or partial."""
    from imapd.features import ALL

    for feature in ALL:
        for number in feature.rfc:
            if feature.capabilities and RFCS[f"rfc{number}"]["status"] == "no":
                yield f"{feature.name}: RFC {number}"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
