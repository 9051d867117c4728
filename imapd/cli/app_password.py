"""``imapd account app-password``: a password for each program, to be revoked alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from imapd.cli.people import existing_account, when
from imapd.cli.settings import Settings, json_option, pass_settings

if TYPE_CHECKING:
    from mailstore.directory import AppPasswordRow


@click.group()
def command() -> None:
    """Make, list and revoke passwords for single programs."""


@command.command()
@click.argument("account")
@click.argument("name")
@click.option(
    "--protocol",
    "protocols",
    type=click.Choice(["imap", "pop3", "smtp"]),
    multiple=True,
    help="Good for this protocol only; may be given several times.",
)
@click.option("--read-only", is_flag=True, help="Lets nothing be changed.")
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Good up to this time (UTC).",
)
@pass_settings
def add(
    settings: Settings,
    account: str,
    name: str,
    protocols: tuple[str, ...],
    read_only: bool,
    expires: datetime | None,
) -> None:
    """Make a password for ACCOUNT, called NAME after its program; prints it.

    It is not shown again. Spaces, hyphens and capitals don't matter in it, but for
    SCRAM, which wants it just as it is printed.
    """
    until = None if expires is None else int(expires.replace(tzinfo=UTC).timestamp())
    now = int(settings.runtime.now())
    if until is not None and until <= now:
        raise click.BadParameter("that time is past", param_hint="--expires")
    with settings.store() as store:
        made = store.directory.app_passwords.add(
            existing_account(store, account).id,
            name,
            now=now,
            protocols=protocols,
            readonly=read_only,
            expires=until,
        )
    click.echo(made)


@command.command(name="list")
@click.argument("account")
@json_option
@pass_settings
def list_(settings: Settings, account: str, as_json: bool) -> None:
    """List the app passwords of ACCOUNT, with their last use."""
    with settings.store() as store:
        id_ = existing_account(store, account).id
        rows = [_facts(row) for row in store.directory.app_passwords.of(id_)]
    if as_json:
        settings.echo_json(rows)
        return
    for row in rows:
        used = f"used {row['used']} from {row['address']}" if row["used"] else "unused"
        scope = " ".join(row["protocols"]) or "all protocols"
        more = ", read-only" if row["readonly"] else ""
        until = f", until {row['expires']}" if row["expires"] else ""
        click.echo(f"{row['name']:20} {scope}{more}{until}, {used}")


def _facts(row: AppPasswordRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "protocols": sorted(row.protocols),
        "readonly": row.readonly,
        "created": when(row.created),
        "expires": when(row.expires),
        "used": when(row.used),
        "address": row.address,
    }


@command.command()
@click.argument("account")
@click.argument("name")
@pass_settings
def revoke(settings: Settings, account: str, name: str) -> None:
    """End the app password NAME of ACCOUNT, at once. Open sessions stay open."""
    with settings.store() as store:
        id_ = existing_account(store, account).id
        store.directory.app_passwords.revoke(id_, name)
    click.echo(f"revoked {name}")
