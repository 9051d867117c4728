"""``imapd config``: what the configuration is, or what is wrong with it."""

from __future__ import annotations

import click

from imapd.cli.exits import Exit
from imapd.cli.settings import Settings, json_option, pass_settings


@click.group()
def command() -> None:
    """Show or check the configuration."""


@command.command()
@json_option
@pass_settings
def show(settings: Settings, as_json: bool) -> None:
    """Print every setting that holds, defaults included."""
    from imapd.config import as_data, as_toml

    if as_json:
        settings.echo_json(as_data(settings.config))
    else:
        click.echo(as_toml(settings.config), nl=False)


@command.command()
@json_option
@pass_settings
def check(settings: Settings, as_json: bool) -> None:
    """Tell all that is wrong with the configuration; exit code 3 if anything is.

    The certificate is read too.
    """
    from imapd.app import load_checked
    from imapd.config import ConfigError, Problem

    problems: tuple[Problem, ...] = ()
    try:
        load_checked(settings.path)
    except ConfigError as error:
        problems = error.problems
        if not as_json:
            raise
    if as_json:
        settings.echo_json(
            {
                "file": str(settings.path),
                "problems": [{"line": p.line, "text": p.text} for p in problems],
            }
        )
    else:
        click.echo(f"{settings.path} is fine")
    if problems:
        click.get_current_context().exit(Exit.CONFIG)
