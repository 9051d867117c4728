"""``imapd account``: who may log in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from imapd.cli import app_password
from imapd.cli.exits import Exit
from imapd.cli.people import existing_account, when
from imapd.cli.settings import Settings, Stop, json_option, pass_settings

if TYPE_CHECKING:
    from mailstore.directory import AccountRow

password_option = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input.",
)
recoverable_option = click.option(
    "--recoverable",
    is_flag=True,
    help="Keep the password in clear too, for CRAM-MD5.",
)


@click.group()
def command() -> None:
    """Add, list and remove accounts, and change their passwords."""


command.add_command(app_password.command, "app-password")


@command.command()
@click.argument("name")
@password_option
@click.option("--no-password", is_flag=True, help="For somebody LDAP or OAuth knows.")
@click.option("--admin", is_flag=True, help="May act for other people (authzid).")
@recoverable_option
@pass_settings
def add(
    settings: Settings,
    name: str,
    password_stdin: bool,
    no_password: bool,
    admin: bool,
    recoverable: bool,
) -> None:
    """Add the account NAME; asks for its password."""
    if no_password and (password_stdin or recoverable):
        raise click.UsageError("--no-password goes with no other word on passwords")
    password = None if no_password else _password(from_stdin=password_stdin)
    with settings.store() as store:
        store.directory.create(name, password, admin=admin, recoverable=recoverable)
    click.echo(f"added {name}")


@command.command(name="list")
@json_option
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """List all accounts."""
    with settings.store() as store:
        rows = [_facts(row) for row in store.directory.accounts()]
    if as_json:
        settings.echo_json(rows)
    else:
        for row in rows:
            click.echo(row["name"])


@command.command()
@click.argument("name")
@json_option
@pass_settings
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Show all that is known of the account NAME."""
    with settings.store() as store:
        directory = store.directory
        row = existing_account(store, name)
        facts = {
            **_facts(row),
            "aliases": [
                alias.name
                for alias in directory.addresses.aliases()
                if alias.account == row.id
            ],
            "groups": directory.groups.of(row.id),
            "app_passwords": [one.name for one in directory.app_passwords.of(row.id)],
        }
    if as_json:
        settings.echo_json(facts)
        return
    for key, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{key:14} {shown}")


def _facts(row: AccountRow) -> dict[str, object]:
    return {
        "name": row.name,
        "id": row.id,
        "created": when(row.created),
        "disabled": row.disabled,
        "admin": row.admin,
        "password": bool(row.password),
        "recoverable": row.recoverable is not None,
    }


@command.command()
@click.argument("name")
@click.option("--admin/--no-admin", default=None, help="May act for other people.")
@click.option(
    "--disable/--enable",
    default=None,
    help="Shut out, or let in again. Open sessions stay open.",
)
@pass_settings
def change(
    settings: Settings, name: str, admin: bool | None, disable: bool | None
) -> None:
    """Change what the account NAME may do."""
    if admin is None and disable is None:
        raise click.UsageError("say what is to change")
    with settings.store() as store:
        existing_account(store, name)
        if admin is not None:
            store.directory.set_admin(name, admin=admin)
        if disable is not None:
            store.directory.set_disabled(name, disabled=disable)
    click.echo(f"changed {name}")


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@pass_settings
def remove(settings: Settings, name: str, yes: bool) -> None:
    """Remove the account NAME with all its mail. There is no way back."""
    with settings.store() as store:
        existing_account(store, name)
        if not yes and sys.stdin.isatty():
            click.confirm(f"Delete {name} and all its mail?", abort=True)
        id_ = store.directory.remove(name)
        settings.run(store.remove_account(id_))
    click.echo(f"removed {name}")


@command.command()
@click.argument("name")
@password_option
@recoverable_option
@pass_settings
def passwd(
    settings: Settings, name: str, password_stdin: bool, recoverable: bool
) -> None:
    """Change the password of the account NAME. App passwords stay."""
    with settings.store() as store:
        if store.directory.find(name) is None:
            raise Stop(f"there is no account {name}", Exit.NAME)
    password = _password(from_stdin=password_stdin)
    with settings.store() as store:
        store.directory.set_password(name, password, recoverable=recoverable)
    click.echo(f"changed the password of {name}")


def _password(*, from_stdin: bool) -> bytes:
    if from_stdin:
        return sys.stdin.buffer.readline().rstrip(b"\r\n")
    text: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return text.encode("utf-8")
