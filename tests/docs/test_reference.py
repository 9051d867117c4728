"""The reference says what the code does: no more, no less, the same numbers."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re

import pytest

from imapd.cli.exits import MEANINGS
from imapd.cli.reference import reference_page as cli_page
from imapd.config.reference import reference_page as config_page
from imapd.features import ALL, OPTIONAL
from imapd.logs import EVENT_LEVELS
from imapd.metrics import METRICS
from imapd.session.faults import CODES
from imapd.session.limits import Limits
from imapd.session.login import REFUSALS
from tests.architecture.source import modules
from tests.docs.pages import page


@pytest.mark.parametrize(
    ("name", "made"), [("config.md", config_page), ("cli.md", cli_page)]
)
def test_pages_that_are_made_are_up_to_date(name: str, made: object):
    assert callable(made)
    text = page(f"reference/{name}").text
    command = re.search(r"This page is made by `(python -m [\w.]+)`", text)
    assert command is not None
    assert text == made(), f"{command[1]} > docs/reference/{name}"


def test_every_exit_code():
    rows = page("reference/exit-codes.md").rows("code", "name", "meaning")
    assert rows == [
        [str(code.value), code.name, meaning] for code, meaning in MEANINGS.items()
    ]


def test_every_limit_that_can_be_set():
    rows = page("reference/limits.md").rows("key", "default", "unit")
    assert rows == [
        [spec.name, f"{spec.default:,}", spec.metadata["unit"]]
        for spec in dataclasses.fields(Limits)
    ]


def test_the_limits_that_are_fixed():
    rows = page("reference/limits.md").rows("value", "unit", "where", "what")
    assert rows
    for value, _, where, _ in rows:
        name, _, constant = where.rpartition(".")
        found = getattr(importlib.import_module(name), constant)
        assert f"{int(found):,}" == value, where


def test_no_public_limit_is_left_out():
    rows = page("reference/limits.md").rows("value", "unit", "where", "what")
    told = {where for _, _, where, _ in rows}
    constants = {
        f"{module.name}.{node.targets[0].id}"
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.startswith("MAX_")
        and isinstance(node.value, ast.Constant | ast.BinOp)
    }
    assert constants <= told


def test_every_feature_with_its_capabilities_and_commands():
    rows = page("reference/capabilities.md").rows(
        "feature", "RFC", "capability", "commands"
    )
    told = {
        name: (
            list(filter(None, rfcs.split(", "))),
            set(re.findall(r"[A-Z][A-Za-z0-9=+-]{3,}|ID|ACL\b", capabilities)),
            set(filter(None, commands.split(", "))),
        )
        for name, rfcs, capabilities, commands in rows
    }
    assert len(told) == len(rows)
    assert told == {
        feature.name: (
            list(feature.rfc),
            {capability.text for capability in feature.capabilities},
            {command.name for command in feature.commands},
        )
        for feature in (*ALL, *OPTIONAL)
    }


def response_codes() -> set[str]:
    """Find the codes of refusals in the source: second arguments of faults."""
    found = {code for code in CODES.values() if code is not None}
    raised = ("No", "Bad", "Bye", "fail", "Poison")
    for module in modules("imapd"):
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name) if name in raised:
                    code = node.args[1]
                    values = ast.walk(code) if isinstance(code, ast.JoinedStr) else ()
                    for part in (code, *values):
                        if isinstance(part, ast.Constant) and isinstance(
                            part.value, str
                        ):
                            found |= set(re.findall(r"^[A-Z-]{4,}", part.value))
    return found


def test_every_response_code_of_a_refusal():
    rows = page("reference/capabilities.md").rows("code", "when")
    told = [code for code, _ in rows]
    assert told == sorted(told)
    assert set(told) == response_codes() | REFUSALS.keys()


def events() -> set[str]:
    """Find the kinds of log entries in the source."""
    found = set()
    for module in modules():
        for node in ast.walk(module.tree):
            match node:
                case ast.Call(
                    func=ast.Name(id="event") | ast.Attribute(attr="event"),
                    args=[ast.Constant(value=str(kind)), *_],
                ):
                    found.add(kind)
                case _:
                    pass
    return found


def test_every_event_of_the_log():
    rows = page("reference/logs.md").rows("event", "level", "facts", "what to do")
    told = {event: level for event, level, _, _ in rows}
    assert len(told) == len(rows)
    assert told.keys() == events() | {"failure"}
    names = {10: "debug", 20: "info", 30: "warning", 40: "error"}
    for event, level in told.items():
        assert names[EVENT_LEVELS.get(event, 20)] == level, event


def test_every_metric():
    rows = page("reference/metrics.md").rows("metric", "kind", "label", "meaning")
    assert rows == [[one.name, one.kind, one.label, one.doc] for one in METRICS]
