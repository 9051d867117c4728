"""The messages that the mail tests run over: our own, and real ones if at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
OWN = tuple(sorted((_ROOT / "tests" / "data" / "mail").glob("*.eml")))
_SHARED = _ROOT.parent / "shared" / "mail"


def own(name: str) -> bytes:
    return (_ROOT / "tests" / "data" / "mail" / f"{name}.eml").read_bytes()


def real() -> list[Path]:
    if not _SHARED.is_dir():
        pytest.skip("no real mail: ../shared/mail is absent")
    return sorted(path for path in _SHARED.rglob("*") if path.is_file())
