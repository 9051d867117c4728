"""What subcommands that work on one account's mail have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING

import click

from imapd.cli.exits import Exit
from imapd.cli.settings import Settings, Stop
from imapd.logs import escaped
from imapd.syntax.mailbox import InvalidMailboxName, canonical_inbox, check_name

if TYPE_CHECKING:
    from mailstore.directory import AccountRow
    from mailstore.service import Account, Store

account_option = click.option(
    "--account", "account", required=True, metavar="NAME", help="Whose mail."
)
FOR_OTHERS = (
    "is a name of what others share, see [namespaces]: choose another one,"
    " or make a public mailbox by `imapd mailbox create NAME --shared`"
)
PUBLIC = ""
"""The owner of the public mailboxes, where an account is wanted."""


def owner_option(command: Callable[..., None]) -> Callable[..., None]:
    """Take ``--account NAME`` or ``--shared``, and call the command with one of both.

    The argument is ``account``: a name, or `PUBLIC`.
    """

    @click.option("--account", metavar="NAME", help="Whose mail.")
    @click.option("--shared", is_flag=True, help="The mailboxes of no person.")
    @wraps(command)
    def run(*args: object, account: str | None, shared: bool, **more: object) -> None:
        if shared == bool(account):
            raise click.UsageError("say --account NAME, or --shared")
        command(*args, account=account or PUBLIC, **more)

    return run


def existing_account(store: Store, name: str) -> AccountRow:
    """Give the account of that name. Raises `Stop` if there is none."""
    found = store.directory.find(name)
    if found is None:
        raise Stop(f"there is no account {name}", Exit.NAME)
    return found


def when(seconds: int | None) -> str | None:
    """Write a time since the epoch as scripts read it."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


@contextmanager
def open_account(settings: Settings, name: str) -> Iterator[Account]:
    """Open an account of the configured store, or that of all if it is `PUBLIC`.

    Raises `Stop` if there is none.
    """
    with open_with_store(settings, name) as (_, account):
        yield account


@contextmanager
def open_with_store(settings: Settings, name: str) -> Iterator[tuple[Store, Account]]:
    """Open an account as `open_account`, and give its store too."""
    with settings.store() as store:
        if name == PUBLIC:
            account = settings.run(store.public())
        else:
            account = settings.run(store.account(existing_account(store, name).id))
        try:
            yield store, account
        finally:
            settings.run(account.close())


def mailbox_name(text: str) -> str:
    """Check a mailbox name of the command line. Raises `Stop`."""
    try:
        return check_name(canonical_inbox(text), trailing=True)
    except InvalidMailboxName as error:
        raise Stop(f"{text!r}: {error}", Exit.NAME) from None


def leads_elsewhere(account: Account, name: str) -> bool:
    """Tell whether a name is for others' mailboxes: one's own would hide those."""
    return not account.public and account.options.namespaces.split(name) is not None


def shared_with(store: Store, account: Account, name: str) -> dict[str, str]:
    """Give who else has which rights to a mailbox."""
    from mailstore.rights import write_rights
    from mailstore.service.rights_lists import RightsLists

    others = RightsLists(store, account).others(name)
    return {one.identifier: write_rights(one.rights) for one in others}


def in_words(shared: dict[str, str]) -> str:
    """Say who has which rights, behind something else; nothing if nobody has any."""
    if not shared:
        return ""
    rows = [f"{escaped(who)} {rights}" for who, rights in shared.items()]
    return f", shared with {', '.join(rows)}"


def new_mailbox_name(account: Account, text: str) -> str:
    """Check the name of a mailbox to be. Raises `Stop`."""
    name = mailbox_name(text)
    if leads_elsewhere(account, name):
        raise Stop(f"{name!r} {FOR_OTHERS}", Exit.NAME)
    return name
