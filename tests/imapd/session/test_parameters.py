"""Optional parameters of commands: grammar, order, refusals (RFC 4466)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from imapd.session.faults import Bad
from imapd.session.parameters import (
    SelectParameterSpec,
    in_order,
    parse_parameters,
    unparse_parameters,
)
from imapd.session.registry import Enabling, Feature, Registry, RegistryError
from imapd.session.state import Peer as PeerAddress
from imapd.session.state import SessionState
from imapd.wire.cursor import Cursor, Malformed
from tests.imapd.commands.peers import parsed
from tests.support.session import World


@dataclass(frozen=True, slots=True)
class Made:
    name: str
    value: int | None = None

    def unparse(self) -> bytes:
        value = "" if self.value is None else f" {self.value}"
        return f"{self.name}{value}".encode("ascii")


def _with_value(cursor: Cursor) -> Any:
    cursor.sp()
    return Made("SINCE", cursor.number())


SPECS = {
    "PLAIN": SelectParameterSpec("PLAIN", lambda _: Made("PLAIN"), ""),  # type: ignore[arg-type,return-value]
    "SINCE": SelectParameterSpec("SINCE", _with_value, ""),
}


def read(text: bytes) -> Any:
    cursor = Cursor(text)
    found = parse_parameters(cursor, SPECS, "a parameter")
    cursor.end()
    return found


def test_parameters_are_read_in_any_case_and_order():
    assert read(b"(since 7 Plain)") == (Made("SINCE", 7), Made("PLAIN"))
    assert unparse_parameters(read(b"(PLAIN SINCE 7)")) == b"(PLAIN SINCE 7)"


def test_they_are_obeyed_in_the_order_of_the_features():
    assert in_order(read(b"(SINCE 7 PLAIN)"), SPECS) == [
        Made("PLAIN"),
        Made("SINCE", 7),
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"()", "a parameter wanted at octet 1"),
        (b"(NEWS)", "a parameter wanted at octet 1"),
        (b"(PLAIN PLAIN)", "PLAIN once wanted at octet 7"),
        (b"(PLAIN", "')' wanted at octet 6"),
        (b"(SINCE)", "a space wanted at octet 6"),
    ],
)
def test_what_is_no_parameter_is_refused(text: bytes, wanted: str):
    with pytest.raises(Malformed, match=re.escape(wanted)):
        read(text)


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (b"SELECT INBOX (BLURDYBLOOP)", "a parameter of SELECT wanted at octet 16"),
        (b"EXAMINE INBOX ()", "a parameter of SELECT wanted at octet 17"),
        (b"FETCH 1 FLAGS (NEWS)", "a fetch modifier wanted at octet 17"),
        (b"FETCH 1 ALL ()", "a fetch modifier wanted at octet 15"),
        (b"UID FETCH 1 (FLAGS) (7)", "a fetch modifier wanted at octet 23"),
        (b"STORE 1 (NEWS) FLAGS (a)", "a store modifier wanted at octet 11"),
    ],
)
def test_a_parameter_that_nobody_brought_is_bad(command: bytes, wanted: str):
    """RFC 4466 §2.1, §2.4, §2.5."""
    with pytest.raises(Bad, match=re.escape(wanted)):
        parsed(command)


def test_two_features_cannot_bring_the_same_parameter():
    one = Feature("A", (), select_parameters=(SPECS["PLAIN"],))
    other = Feature("B", (), select_parameters=(SPECS["PLAIN"],))
    with pytest.raises(RegistryError, match="select parameter PLAIN is claimed twice"):
        Registry.of([one, other])


def test_enabling_calls_its_feature():
    def turn(session: SessionState) -> None:
        session.telling.modseqs = True

    registry = Registry.of([Feature("A", (), enables=(Enabling("X", turn),))])
    session = SessionState(PeerAddress("192.0.2.1"), "1")
    enable = registry.enables["X"].enable
    assert enable is not None
    enable(session)
    assert session.telling.modseqs


def test_selecting_another_mailbox_closes_the_first(tmp_path):
    """RFC 7162 §3.2.11: also when the other cannot be opened, not when refused."""
    world = World(tmp_path)
    ann = world.session(mailbox=b"INBOX")
    answer = ann.ok(b"SELECT Sent")
    assert answer.raw.startswith(b"* OK [CLOSED] ")
    assert b"CLOSED" not in ann.bad(b"SELECT INBOX (NEWS)").raw
    ann.ok(b"SEARCH ALL")
    assert ann.no(b"SELECT nowhere", "NONEXISTENT").raw.startswith(b"* OK [CLOSED] ")
    assert b"CLOSED" not in ann.ok(b"SELECT INBOX").raw
    ann.ok(b"CLOSE")
    assert b"CLOSED" not in ann.ok(b"SELECT INBOX").raw
    world.close()
