"""The command line, written out: docs/reference/cli.md is made of it.

``python -m imapd.cli.reference`` prints the page.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

import click

from imapd.cli import COMMANDS, main
from imapd.cli.exits import MEANINGS


def reference_page() -> str:
    """Write docs/reference/cli.md."""
    lines = [
        "# Command line",
        "",
        "Every subcommand takes `--config FILE`, before or behind its name. Without it",
        "the environment variable `IMAPD_CONFIG` is read, then `./imapd.toml`, then",
        "`./var/imapd/imapd.toml`. `--help` explains each subcommand.",
        "",
        "Results go to standard output, errors and progress to standard error.",
        "",
        "## Exit codes",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()),
    ]
    context = click.Context(main, info_name="imapd")
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        lines += _command(f"imapd {name}", command)
    lines += ["", "This page is made by `python -m imapd.cli.reference`."]
    return "\n".join(lines) + "\n"


def _command(name: str, command: click.Command) -> Iterator[str]:
    yield from ("", f"## `{name}`", "", *_help(command))
    if isinstance(command, click.Group):
        for word, part in command.commands.items():
            yield from _part(f"{name} {word}", part)
    else:
        yield from _parameters(name, command)


def _part(name: str, part: click.Command) -> Iterator[str]:
    yield from ("", f"### `{name}`", "", *_help(part))
    if isinstance(part, click.Group):
        for word, inner in part.commands.items():
            yield from _part(f"{name} {word}", inner)
    else:
        yield from _parameters(name, part)


def _help(command: click.Command) -> list[str]:
    return inspect.cleandoc(command.help or "").replace("\b\n", "").splitlines()


def _parameters(name: str, command: click.Command) -> Iterator[str]:
    shown = [p for p in command.params if not getattr(p, "hidden", False)]
    words = [
        p.make_metavar(click.Context(command))
        for p in shown
        if isinstance(p, click.Argument)
    ]
    yield from ("", "```text", " ".join([name, "[OPTIONS]", *words]), "```")
    options = [p for p in shown if isinstance(p, click.Option)]
    if options:
        yield from ("", "| option | meaning |", "|---|---|")
    for option in options:
        names = ", ".join(
            f"`{text}`" for text in (*option.opts, *option.secondary_opts)
        )
        if not option.is_flag:
            names += f" {option.make_metavar(click.Context(command))}"
        yield f"| {names} | {option.help or ''} |"


if __name__ == "__main__":
    sys.stdout.write(reference_page())
