"""``imapd acl``: who may do what to a mailbox, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from imapd.cli.exits import Exit
from imapd.cli.people import (
    existing_account,
    mailbox_name,
    open_with_store,
    owner_option,
)
from imapd.cli.settings import Settings, Stop, json_option, pass_settings
from mailstore.errors import InvalidName
from mailstore.rights import (
    LETTERS,
    Grant,
    Reckoning,
    Right,
    UnknownRight,
    parse_rights,
    write_rights,
)
from mailstore.service import Store
from mailstore.service.rights_lists import Change, RightsLists, write_identifier


@click.group()
def command() -> None:
    """List and change who may do what to a mailbox (access control lists).

    An identifier is an account, group:NAME, anyone, authenticated or owner; with a dash
    before it, the rights are taken from it. Rights are letters: l sees the mailbox, r
    reads it, s marks mail as seen, w sets other flags, i puts mail into it, p is for
    mail sent to it, k makes mailboxes below it, x deletes or renames it, t marks mail
    as deleted, e expunges it, a changes this list, n annotates mail for all. c stands
    for kx, d for te.
    """


@contextmanager
def _lists(settings: Settings, account: str) -> Iterator[tuple[Store, RightsLists]]:
    with open_with_store(settings, account) as (store, opened):
        yield store, RightsLists(store, opened)


def _change(text: str) -> tuple[Change, Right]:
    """Read rights with or without a sign. Raises `Stop`."""
    change = Change(text[:1]) if text[:1] in ("+", "-") else Change.REPLACE
    try:
        return change, parse_rights(text[len(change.value) :])
    except UnknownRight as error:
        letters = "".join(LETTERS) + "cd"
        raise Stop(f"there is no right {error}, only {letters}", Exit.USAGE) from None


@command.command(name="list")
@click.argument("name")
@owner_option
@json_option
@pass_settings
def list_(settings: Settings, name: str, account: str, as_json: bool) -> None:
    """List the identifiers that have rights to the mailbox NAME."""
    with _lists(settings, account) as (_, lists):
        rows = {
            one.identifier: write_rights(one.rights)
            for one in lists.entries(mailbox_name(name))
        }
    if as_json:
        settings.echo_json([{"identifier": i, "rights": r} for i, r in rows.items()])
        return
    for identifier, rights in rows.items():
        click.echo(f"{rights:<13} {identifier}")


@command.command(name="set", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("identifier")
@click.argument("rights")
@owner_option
@pass_settings
def set_(
    settings: Settings, name: str, identifier: str, rights: str, account: str
) -> None:
    """Give IDENTIFIER these RIGHTS to the mailbox NAME, instead of those it had.

    With + before the letters they are added, with - removed.
    """
    change, letters = _change(rights)
    with _lists(settings, account) as (_, lists), _known(identifier):
        settings.run(lists.change(mailbox_name(name), identifier, change, letters))
    click.echo(f"{name}: {identifier} {rights}")


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("identifier")
@owner_option
@pass_settings
def delete(settings: Settings, name: str, identifier: str, account: str) -> None:
    """Take IDENTIFIER off the list of the mailbox NAME."""
    with _lists(settings, account) as (_, lists), _known(identifier):
        settings.run(lists.drop(mailbox_name(name), identifier))
    click.echo(f"{name}: {identifier} is not on the list")


@contextmanager
def _known(identifier: str) -> Iterator[None]:
    try:
        yield
    except InvalidName as error:
        raise Stop(f"{identifier}: {error.text}", Exit.NAME) from None


@command.command()
@click.argument("name")
@click.argument("person")
@owner_option
@json_option
@pass_settings
def explain(
    settings: Settings, name: str, person: str, account: str, as_json: bool
) -> None:
    """Say what the account PERSON may do to the mailbox NAME, and why."""
    with _lists(settings, account) as (store, lists):
        who = store.directory.sharing.person(existing_account(store, person).id)
        found = lists.explain(mailbox_name(name), who)
        given = {_name(store, one): write_rights(one.rights) for one in found.given}
        taken = {_name(store, one): write_rights(one.rights) for one in found.taken}
    rights = write_rights(found.rights)
    if as_json:
        settings.echo_json(
            {
                "rights": rights,
                "given": given,
                "taken": taken,
                "owner": found.by_default,
                "kept": write_rights(found.kept),
            }
        )
        return
    click.echo(f"{person}: {rights or 'no rights'}")
    for line in _reasons(found, given, taken):
        click.echo(f"  {line}")


def _name(store: Store, grant: Grant) -> str:
    return write_identifier(store.directory, grant) or grant.key


def _reasons(
    found: Reckoning, given: dict[str, str], taken: dict[str, str]
) -> Iterator[str]:
    if found.by_default:
        yield "all, as the owner, of whom the list doesn't speak"
    for identifier, rights in given.items():
        yield f"{rights} given to {identifier}"
    for identifier, rights in taken.items():
        yield f"{rights} taken by {identifier}"
    if found.kept:
        yield f"{write_rights(found.kept)} kept, as the owner"
    if not (found.by_default or given):
        yield "nothing was given to any of his identifiers"
