"""``imapd parse``: how the server understands a command line, for debugging.

::

    $ imapd parse 'a1 UID FETCH 1:* (FLAGS)'
    a1 UID FETCH
    Fetch(...)

It uses the very framer, registry and grammar that a session uses.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import pprint
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from imapd.cli.exits import Exit
from imapd.cli.settings import config_option, json_option

if TYPE_CHECKING:
    from imapd.wire.framing import Frame

_LINE = 1_048_576  # octets: nothing is hostile here


@click.command()
@config_option
@json_option
@click.argument("line", required=False)
def command(line: str | None, as_json: bool) -> None:
    """Print the AST of the command LINE, or of what stands on standard input.

    Literals may follow their announcement; a line end may be CRLF or LF. When the
    command isn't valid, what was wanted and where is told, and the exit code is 1.
    """
    data = line.encode("utf-8", "surrogateescape") if line else sys.stdin.buffer.read()
    frames, rest = _frames(data)
    good = bool(frames) and not rest
    shown = [_understand(frame) for frame in frames]
    if rest:
        shown.append({"error": rest})
    if not shown:
        shown.append({"error": "there is no command"})
    if as_json:
        click.echo(json.dumps(as_data(shown), indent=2))
    else:
        for one in shown:
            click.echo(_as_text(one))
    if not good or any("error" in one for one in shown):
        click.get_current_context().exit(Exit.FAILED)


def _frames(data: bytes) -> tuple[list[Frame], str]:
    """Cut the input into commands; the text tells what is missing at its end."""
    from imapd.wire.framing import FrameLimits, Framer, LiteralAnnounced

    framer = Framer(FrameLimits(line=_LINE))
    frames: list[Frame] = []
    for piece in (data, b"" if data.endswith(b"\n") else b"\r\n"):
        framer.feed(piece)
        while (event := framer.next()) is not None:
            if isinstance(event, LiteralAnnounced):
                framer.accept(None)
            elif event.text or event.poison:
                frames.append(event)
        if framer.literal_left:
            return frames, f"{framer.literal_left} octets of a literal are missing"
    return frames, ""


def _understand(frame: Frame) -> dict[str, Any]:
    from imapd.features import ALL
    from imapd.session.dispatch import find_spec, parse_command, read_head
    from imapd.session.faults import Fault
    from imapd.session.registry import Registry

    registry = Registry.of(ALL)
    head = read_head(frame.text)
    text = frame.text.decode("utf-8", "backslashreplace")
    if frame.poison is not None:
        return {"line": text, "error": frame.poison.text}
    if head is None:
        return {"line": text, "error": "a command begins with a tag and a space"}
    found: dict[str, Any] = {
        "line": text,
        "tag": head.tag.decode("ascii"),
        "command": head.name,
    }
    try:
        spec = find_spec(registry, head)
        node = parse_command(
            registry, spec, frame.text, head.end, frame.literals, utf8=False
        )
    except Fault as fault:
        return {**found, "error": fault.text}
    return {**found, "rfc": spec.rfc, "node": node if node is not None else {}}


def _as_text(found: dict[str, Any]) -> str:
    if "error" in found:
        return f"{found.get('line', '')}\n  {found['error']}".lstrip("\n")
    tree = pprint.pformat(found["node"], width=88, compact=False)
    return f"{found['tag']} {found['command']}  ({found['rfc']})\n{tree}"


def as_data(value: object) -> object:
    """Give an AST as JSON knows it; each node names its class."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        data: dict[str, object] = {"node": type(value).__name__}
        for spec in dataclasses.fields(value):
            data[spec.name] = as_data(getattr(value, spec.name))
        return data
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        return {str(key): as_data(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return [as_data(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return repr(value)
