"""``imapd mailbox``: mailboxes of an account or of all, without a mail program."""

from __future__ import annotations

import click

from imapd.cli.people import (
    mailbox_name,
    new_mailbox_name,
    open_account,
    owner_option,
)
from imapd.cli.settings import Settings, json_option, pass_settings


@click.group()
def command() -> None:
    """List, create, rename and delete mailboxes, of an account or public ones."""


@command.command(name="list")
@owner_option
@json_option
@pass_settings
def list_(settings: Settings, account: str, as_json: bool) -> None:
    """List all mailboxes with their counts of messages and unseen ones."""
    rows = []
    with open_account(settings, account) as opened:
        for entry in settings.run(opened.mailboxes()):
            if not entry.selectable:
                continue
            status = settings.run(opened.status(entry.name))
            rows.append(
                {
                    "name": entry.name,
                    "messages": status.messages,
                    "unseen": status.unseen,
                    "bytes": status.bytes,
                    "subscribed": entry.subscribed,
                    "special_use": entry.special_use and entry.special_use.value,
                }
            )
    if as_json:
        settings.echo_json(rows)
        return
    for row in rows:
        click.echo(f"{row['messages']:>8} {row['unseen']:>8}  {row['name']}")


@command.command()
@click.argument("name")
@owner_option
@pass_settings
def create(settings: Settings, name: str, account: str) -> None:
    """Create the mailbox NAME, and the parents that it lacks."""
    with open_account(settings, account) as opened:
        settings.run(opened.create(new_mailbox_name(opened, name)))
    click.echo(f"created {name}")


@command.command()
@click.argument("old")
@click.argument("new")
@owner_option
@pass_settings
def rename(settings: Settings, old: str, new: str, account: str) -> None:
    """Rename the mailbox OLD, and all below it, to NEW."""
    with open_account(settings, account) as opened:
        to = new_mailbox_name(opened, new)
        settings.run(opened.rename(mailbox_name(old), to))
    click.echo(f"renamed {old} to {new}")


@command.command()
@click.argument("name")
@owner_option
@pass_settings
def delete(settings: Settings, name: str, account: str) -> None:
    """Delete the mailbox NAME with its messages; those below it stay."""
    with open_account(settings, account) as opened:
        settings.run(opened.delete(mailbox_name(name)))
    click.echo(f"deleted {name}")
