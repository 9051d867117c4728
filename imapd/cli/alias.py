"""``imapd alias``: addresses that lead to accounts."""

from __future__ import annotations

import click

from imapd.cli.people import existing_account
from imapd.cli.settings import Settings, json_option, pass_settings


@click.group()
def command() -> None:
    """Add, list and remove addresses that lead to accounts."""


@command.command()
@click.argument("address")
@click.argument("account")
@pass_settings
def add(settings: Settings, address: str, account: str) -> None:
    """Have ADDRESS lead to ACCOUNT.

    An alias of one account may be used to log in. Said again with another account,
    it leads to both: then it only takes mail.
    """
    with settings.store() as store:
        id_ = existing_account(store, account).id
        store.directory.addresses.add_alias(address, id_)
    click.echo(f"added {address}")


@command.command(name="list")
@json_option
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """List all aliases with their accounts."""
    with settings.store() as store:
        names = {row.id: row.name for row in store.directory.accounts()}
        rows = [
            {"alias": row.name, "account": names.get(row.account)}
            for row in store.directory.addresses.aliases()
        ]
    if as_json:
        settings.echo_json(rows)
        return
    for row in rows:
        click.echo(f"{row['alias']} -> {row['account']}")


@command.command()
@click.argument("address")
@click.option("--account", metavar="NAME", help="Only this one of its accounts.")
@pass_settings
def remove(settings: Settings, address: str, account: str | None) -> None:
    """Remove the alias ADDRESS."""
    with settings.store() as store:
        id_ = None if account is None else existing_account(store, account).id
        store.directory.addresses.remove_alias(address, id_)
    click.echo(f"removed {address}")
