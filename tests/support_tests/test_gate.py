"""The gate runs every check and names those that failed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests import gate


def _codes(monkeypatch: pytest.MonkeyPatch, red: dict[str, int]) -> list[str]:
    ran: list[str] = []

    def run_line(line: Sequence[str]) -> int:
        ran.append(line[0])
        return red.get(line[0], 0)

    monkeypatch.setattr(gate, "run_line", run_line)
    return ran


def test_later_checks_run_and_the_failed_ones_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    ran = _codes(monkeypatch, {"mypy": 2})
    assert gate.main([]) == 2
    assert ran == ["ruff", "ruff", "mypy", "pytest"]
    assert capsys.readouterr().err == "failed: types\n"


def test_nothing_follows_the_summary_of_tests_where_all_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    _codes(monkeypatch, {})
    assert gate.main([]) == 0
    assert capsys.readouterr().err == ""


def test_one_check_alone_ends_with_its_own_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    _codes(monkeypatch, {"pytest": 1})
    assert gate.main(["unit", "-k", "fetch"]) == 1
    assert capsys.readouterr().err == ""
