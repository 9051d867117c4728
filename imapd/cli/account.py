"""``imapd account``: who may log in."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from imapd.cli.exits import Exit
from imapd.cli.settings import Settings, Stop, json_option, pass_settings

password_option = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input.",
)


@click.group()
def command() -> None:
    """Add, list and remove accounts, and change their passwords."""


@command.command()
@click.argument("name")
@password_option
@pass_settings
def add(settings: Settings, name: str, password_stdin: bool) -> None:
    """Add the account NAME; asks for its password."""
    password = _password(from_stdin=password_stdin)
    with settings.store() as store:
        store.directory.create(name, password)
    click.echo(f"added {name}")


@command.command(name="list")
@json_option
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """List all accounts."""
    with settings.store() as store:
        rows = [
            {
                "name": row.name,
                "id": row.id,
                "created": datetime.fromtimestamp(row.created, UTC).isoformat(),
                "disabled": row.disabled,
            }
            for row in store.directory.accounts()
        ]
    if as_json:
        settings.echo_json(rows)
    else:
        for row in rows:
            click.echo(row["name"])


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@pass_settings
def remove(settings: Settings, name: str, yes: bool) -> None:
    """Remove the account NAME with all its mail. There is no way back."""
    with settings.store() as store:
        if store.directory.find(name) is None:
            raise Stop(f"there is no account {name}", Exit.NAME)
        if not yes and sys.stdin.isatty():
            click.confirm(f"Delete {name} and all its mail?", abort=True)
        id_ = store.directory.remove(name)
        settings.run(store.remove_account(id_))
    click.echo(f"removed {name}")


@command.command()
@click.argument("name")
@password_option
@pass_settings
def passwd(settings: Settings, name: str, password_stdin: bool) -> None:
    """Change the password of the account NAME."""
    with settings.store() as store:
        if store.directory.find(name) is None:
            raise Stop(f"there is no account {name}", Exit.NAME)
    password = _password(from_stdin=password_stdin)
    with settings.store() as store:
        store.directory.set_password(name, password)
    click.echo(f"changed the password of {name}")


def _password(*, from_stdin: bool) -> bytes:
    if from_stdin:
        return sys.stdin.buffer.readline().rstrip(b"\r\n")
    text: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return text.encode("utf-8")
