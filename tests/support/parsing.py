"""One command, parsed without a session."""

from __future__ import annotations

from typing import Any

from imapd.session.dispatch import find_spec, parse_command, read_head
from imapd.session.registry import Registry
from imapd.wire.framing import Frame
from tests.support.framing import read_frame


def parse(registry: Registry, text: bytes) -> Any:
    """Parse a command without its tag that has its literals within. Raises `Bad`."""
    return parse_frame(registry, read_frame(b"t " + text))


def parse_frame(registry: Registry, made: Frame, *, utf8: bool = False) -> Any:
    """Parse a command that is framed. Raises `Bad`."""
    head = read_head(made.text)
    assert head is not None
    spec = find_spec(registry, head)
    return parse_command(
        registry, spec, made.text, head.end, made.literals, utf8=utf8, charsets=not utf8
    )
