"""docs/reference/rfcs.toml: every section has a state, what is done has a proof."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from imapd.features import ALL
from tests.docs.pages import DOCS, ROOT

TESTS = ROOT / "tests"
TEXTS = ROOT.parent / "shared" / "rfc"
STATES = {"done", "partial", "no", "info"}
RFCS: dict[str, Any] = tomllib.loads(
    (DOCS / "reference" / "rfcs.toml").read_text(encoding="utf-8")
)
WHOLE = {
    name: rfc for name, rfc in RFCS.items() if isinstance(rfc.get("sections"), dict)
}
"""The RFCs that are followed as a whole, not in places only."""
_TRANSCRIPT = re.compile(r"(rfc\d+)-([0-9.]+)-[a-z0-9-]+")


def sections(rfc: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = rfc["sections"]
    return found


def test_each_rfc_has_title_and_status():
    for name, rfc in RFCS.items():
        assert re.fullmatch(r"rfc\d+", name)
        assert rfc["title"]
        assert rfc["status"] in STATES - {"info"}
        if rfc["status"] != "done":
            assert rfc["why"], name


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_done_is_proved_and_what_is_not_is_explained(name: str):
    for number, section in sections(WHOLE[name]).items():
        state = section["state"]
        assert state in STATES, number
        if state in ("no", "partial"):
            assert section["note"], number
        if state in ("done", "partial"):
            assert section.get("tests") or section.get("note"), number
        for test in section.get("tests", ()):
            assert (TESTS / test).is_file(), f"{number}: {test}"


@pytest.mark.parametrize("name", WHOLE)
def test_the_status_is_that_of_the_sections(name: str):
    states = {section["state"] for section in sections(WHOLE[name]).values()}
    if WHOLE[name]["status"] == "done":
        assert "partial" not in states


def test_every_transcript_belongs_to_a_section():
    for path in sorted((TESTS / "transcripts").glob("*.imap")):
        found = _TRANSCRIPT.fullmatch(path.stem)
        assert found is not None, path.name
        section = sections(WHOLE[found[1]]).get(found[2])
        assert section is not None, path.name
        assert f"transcripts/{path.name}" in section.get("tests", ()), path.name


def test_every_rfc_of_a_feature_is_there():
    assert {f"rfc{number}" for one in ALL for number in one.rfc} <= RFCS.keys()


def headings(text: Path) -> set[str]:
    """Find the numbers of an RFC's sections in its text."""
    lines = text.read_text(encoding="latin-1")
    found = re.findall(
        r"^(\d{1,2}(?:\.\d{1,2}){0,3})\.? {1,3}\S.*$", lines, re.MULTILINE
    )
    return set(found)


@pytest.mark.parametrize("name", WHOLE)
def test_no_section_is_left_out(name: str):
    text = TEXTS / f"{name}.txt"
    if not text.exists():
        pytest.skip("the texts of the RFCs are not beside this project")
    listed = set(sections(WHOLE[name]))
    top = {number for number in headings(text) if number.count(".")}
    # Addresses and lists in the text look like sections; those with a point don't.
    assert {n for n in top if n.split(".")[0] in listed} - listed <= REFERENCES


REFERENCES = {
    "9.1",
    "9.2",
    "8.1",
    "8.2",
    "8.3",
    "8.4",
    "8.5",
    "8.6",
    "11.1",
    "11.2",
    "2.3.1.1",
}
"""Lists of references and registrations, told by the section around them."""
