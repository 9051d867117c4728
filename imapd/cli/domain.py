"""``imapd domain``: the domains whose mail is ours."""

from __future__ import annotations

import click

from imapd.cli.settings import Settings, json_option, pass_settings


@click.group()
def command() -> None:
    """Add, list and remove domains."""


@command.command()
@click.argument("name")
@click.option(
    "--stands-for",
    metavar="DOMAIN",
    help="Its addresses are those of this other domain.",
)
@pass_settings
def add(settings: Settings, name: str, stands_for: str | None) -> None:
    """Add the domain NAME."""
    with settings.store() as store:
        store.directory.addresses.add_domain(name, stands_for)
    click.echo(f"added {name}")


@command.command(name="list")
@json_option
@pass_settings
def list_(settings: Settings, as_json: bool) -> None:
    """List all domains."""
    with settings.store() as store:
        rows = store.directory.addresses.domains()
    if as_json:
        settings.echo_json(
            [{"name": row.name, "stands_for": row.target} for row in rows]
        )
        return
    for row in rows:
        click.echo(f"{row.name} -> {row.target}" if row.target else row.name)


@command.command()
@click.argument("name")
@pass_settings
def remove(settings: Settings, name: str) -> None:
    """Remove the domain NAME, and those that stand for it. Accounts stay."""
    with settings.store() as store:
        store.directory.addresses.remove_domain(name)
    click.echo(f"removed {name}")
