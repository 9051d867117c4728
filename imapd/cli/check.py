"""``imapd check``: proves that the store is sound, and repairs it where it isn't."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imapd.cli.exits import Exit
from imapd.cli.people import existing_account, when
from imapd.cli.settings import Settings, Stop, json_option, pass_settings
from imapd.logs import escaped

if TYPE_CHECKING:
    from mailstore.maintenance.healing import Healed, Wish


@click.command()
@click.option("--account", metavar="NAME", help="Only this account's mail.")
@click.option(
    "--thorough", is_flag=True, help="Compare every message, not a sample of them."
)
@click.option(
    "--repair", is_flag=True, help="Set right what is wrong; the index is copied first."
)
@click.option(
    "--salvage",
    is_flag=True,
    help="Bring messages that only their bytes are left of into `Recovered`.",
)
@json_option
@pass_settings
def command(
    settings: Settings,
    account: str | None,
    thorough: bool,
    repair: bool,
    salvage: bool,
    as_json: bool,
) -> None:
    """Compare every counter, number and message of the store with its index.

    Also what is derived of a sample of messages, and the text index, with a thousand
    messages of each account, and the directory with its accounts. The server may go on
    running; only an index that cannot be read is repaired while it is stopped. Ends
    with 1 when there are problems, or are some left after the repair.
    """
    from mailstore.maintenance.check import check_directory
    from mailstore.maintenance.directory_healing import heal_directory
    from mailstore.maintenance.healing import Wish

    path = settings.config.store.path
    if not path.is_dir():
        raise Stop(f"there is no store at {path}", Exit.STORE)
    wish = Wish(repair, salvage, thorough, _server_runs(path))
    only = None
    if account is not None:
        with settings.store() as store:
            only = existing_account(store, account).id
    found = list(_heal(settings, wish, only, quiet=as_json))
    mended = heal_directory(path) if repair and only is None else []
    problems = check_directory(path)
    whole = not problems and not any(one.now.problems for one in found)
    if as_json:
        report = _report(found, problems, whole=whole)
        settings.echo_json({**report, "repaired": mended})
    else:
        for text in mended:
            click.echo(f"repaired: {text}")
        for text in problems:
            click.echo(text)
        verdict = "no problem" if whole else "problems found"
        messages = sum(one.now.messages for one in found)
        click.echo(f"{len(found)} accounts, {messages} messages: {verdict}")
    if not whole:
        click.get_current_context().exit(Exit.FAILED)


def _server_runs(store: Path) -> bool:
    """Tell whether a server answers on this store."""
    from imapd.control import NoAnswer, ask, control_folder, sockets

    folder = control_folder(store)
    for name in sockets(folder):
        try:
            list(ask(folder, name, {"do": "list", "ids": ["-"]}))
        except (ConnectionRefusedError, FileNotFoundError):
            continue  # of a process that is no more
        except (NoAnswer, OSError):
            return True
        return True
    return False


def _heal(
    settings: Settings, wish: Wish, only: str | None, *, quiet: bool
) -> Iterator[Healed]:
    from imapd.app import store_options
    from mailstore.maintenance.healing import heal

    config = settings.config
    progress = _progress if sys.stderr.isatty() else None
    for one in heal(config.store.path, store_options(config), wish, progress, only):
        if not quiet:
            for line in _lines(one):
                click.echo(f"{one.now.account}: {line}")
        yield one


def _lines(one: Healed) -> Iterator[str]:
    yield from (f"was wrong: {text}" for text in one.found)
    if one.snapshot is not None:
        yield f"the index before the repair is {one.snapshot}"
    yield from (f"repaired: {text}" for text in one.done)
    if one.salvaged:
        yield f"{one.salvaged} messages are in Recovered"
    for lost in one.now.damaged:
        place = "no mailbox" if lost.mailbox is None else escaped(lost.mailbox)
        yield (
            f"damaged: message {lost.message}, in {place} with UID {lost.uid} until"
            f" {when(lost.at)}: {lost.why}"
        )
    yield from one.now.problems


def _report(found: list[Healed], problems: list[str], *, whole: bool) -> dict[str, Any]:
    return {
        "whole": whole,
        "messages": sum(one.now.messages for one in found),
        "problems": problems,
        "accounts": [
            {
                "account": one.now.account,
                "messages": one.now.messages,
                "orphans": one.now.orphans,
                "problems": one.now.problems,
                "found": one.found,
                "repaired": one.done,
                "salvaged": one.salvaged,
                "snapshot": one.snapshot,
                "damaged": [
                    {
                        "message": lost.message,
                        "mailbox": lost.mailbox,
                        "uid": lost.uid,
                        "since": when(lost.at),
                        "why": lost.why,
                    }
                    for lost in one.now.damaged
                ],
            }
            for one in found
        ],
    }


def _progress(account: str, messages: int) -> None:
    click.echo(f"\r{account}: {messages} messages", nl=False, err=True)
