"""``imapd group``: accounts under one name, for rights that they share."""

from __future__ import annotations

import click

from imapd.cli.people import existing_account
from imapd.cli.settings import Settings, json_option, pass_settings


@click.group()
def command() -> None:
    """Make, list and remove groups, and say who is in them."""


@command.command()
@click.argument("name")
@pass_settings
def add(settings: Settings, name: str) -> None:
    """Make the group NAME."""
    with settings.store() as store:
        store.directory.groups.add(name)
    click.echo(f"added {name}")


@command.command(name="list")
@json_option
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """List all groups with their accounts."""
    with settings.store() as store:
        names = {row.id: row.name for row in store.directory.accounts()}
        groups = store.directory.groups
        rows = {
            row.name: [names[id_] for id_ in groups.members(row.name) if id_ in names]
            for row in groups.all()
        }
    if as_json:
        settings.echo_json([{"name": n, "accounts": a} for n, a in rows.items()])
        return
    for name, accounts in rows.items():
        click.echo(f"{name}: {' '.join(accounts)}".rstrip())


@command.command()
@click.argument("name")
@pass_settings
def remove(settings: Settings, name: str) -> None:
    """Remove the group NAME. Its accounts stay."""
    with settings.store() as store:
        store.directory.groups.remove(name)
    click.echo(f"removed {name}")


@command.command()
@click.argument("name")
@click.argument("account")
@pass_settings
def join(settings: Settings, name: str, account: str) -> None:
    """Put ACCOUNT into the group NAME."""
    with settings.store() as store:
        store.directory.groups.join(name, existing_account(store, account).id)
    click.echo(f"{account} is in {name}")


@command.command()
@click.argument("name")
@click.argument("account")
@pass_settings
def leave(settings: Settings, name: str, account: str) -> None:
    """Take ACCOUNT out of the group NAME."""
    with settings.store() as store:
        store.directory.groups.leave(name, existing_account(store, account).id)
    click.echo(f"{account} is no longer in {name}")
