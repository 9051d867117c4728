"""What a setting is made of, beside its name: kind, default and text."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from imapd.config.wanted import Wanted


def setting(default: Any, wanted: Wanted, doc: str) -> Any:  # noqa: ANN401 - as dataclasses.field
    """Make the field of a setting."""
    return field(default=default, metadata={"wanted": wanted, "doc": doc})
