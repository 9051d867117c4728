"""The conversations of this folder once more, with sessions that have UIDs alone.

RFC 9586: what is said is the same, in other words. `UidOnlyPeer` translates. Those
that are about numbers, or about what only numbers make necessary, stay out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.furnished import OPTIONS
from tests.support.session import World
from tests.support.transcript import run_transcript
from tests.support.uid_only import UidOnlyPeer, without_uid_items

SHOWN = replace(OPTIONS, namespaces=replace(OPTIONS.namespaces, deleted="Deleted"))
HELD = "removals are held back while messages are named by numbers"
NAMES = {
    "user": "alice",
    "password": "alice-password",
    "other": "bob",
    "otherpassword": "bob-password",
}
OUT = {
    "rfc7162-3.1.3-unchangedsince-two": HELD,
    "rfc7162-3.2.10.2-vanished-two": HELD,
    "rfc7162-3.2.6-vanished-two": HELD,
    "rfc7162-6-delayed-two": HELD,
    "rfc5267-4.3-updates": HELD,
    "rfc9738-3.2-uidafter": "the UID behind a key would be taken for a number",
    "rfc7162-3.2.3-enable": "it has FETCH refused where UID FETCH is not",
    "rfc9394-3.3-uid-fetch": "it has FETCH refused where UID FETCH is not",
    "rfc4731-3.1-esearch": "its numbers are other ones than its UIDs",
    "rfc9394-3.1-partial": "its numbers are other ones than its UIDs",
    "rfc5465-7-update": "its search tells numbers, and then changes of them",
    "rfc5465-3.1-notify": "it takes a UID from where this mode tells none",
    "rfc7162-3.2.5.2-sequence-match-two": "it tells message numbers in SELECT",
}
"""Transcripts that would say something else, and why."""
FILES = [
    file
    for file in sorted(Path(__file__).parent.glob("*.imap"))
    if "! login" in file.read_text(encoding="utf-8") and file.stem not in OUT
]
_FETCH_LINE = re.compile(r"^S\d: \* \d+ FETCH \(.*$", re.MULTILINE)
_UNSEEN_LINE = re.compile(r"^S\d: \* OK \[UNSEEN \d+\].*\n", re.MULTILINE)


def in_this_mode(text: str) -> str:
    """Take out of a transcript what isn't told: UID beside others, UNSEEN."""
    text = _UNSEEN_LINE.sub("", text)
    text = _FETCH_LINE.sub(
        lambda m: without_uid_items(m[0].encode()).decode("ascii"), text
    )
    return text.replace("FETCH ({more})", "FETCH ({any})")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_transcript_without_numbers(file: Path, tmp_path: Path):
    shown = file.stem.endswith("-deleted")
    world = World(tmp_path, options=SHOWN if shown else OPTIONS)
    for who in ("user", "other"):
        secret = NAMES["password" if who == "user" else "otherpassword"]
        world.store.directory.create(NAMES[who], secret.encode("ascii"))
    try:
        run_transcript(
            in_this_mode(file.read_text(encoding="utf-8")),
            lambda: UidOnlyPeer(world.connect()),
            NAMES,
        )
    finally:
        world.close()


def test_what_stays_out_is_there():
    names = {file.stem for file in Path(__file__).parent.glob("*.imap")}
    assert OUT.keys() <= names
    assert len(FILES) > 100
