"""``imapd session``: who is connected to the running server, in all its workers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from imapd.cli.exits import Exit
from imapd.cli.settings import Settings, Stop, json_option, pass_settings
from imapd.control import NoAnswer, ask, control_folder, sockets
from imapd.logs import escaped
from imapd.session.facts import Wanted

_WHO = ("id", "protocol", "user", "address", "tls", "since")
_WHAT = ("idle", "mailbox", "command", "octets", "client")

account_option = click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="NAME",
    help="Sessions of this account, or in which it acts for others.",
)
address_option = click.option(
    "--address",
    "networks",
    multiple=True,
    metavar="ADDRESS",
    help="Sessions from this address or network, as 192.0.2.0/24.",
)


@click.group()
def command() -> None:
    """List and end the sessions of the running server, in all its workers."""


@command.command(name="list")
@account_option
@address_option
@json_option
@pass_settings
def list_(
    settings: Settings,
    accounts: tuple[str, ...],
    networks: tuple[str, ...],
    as_json: bool,
) -> int:
    """List sessions: who, from where, since when, what is selected and runs.

    Those who have not logged in yet have no user. Times of `idle` and of the command
    are seconds; `octets` are those from and to the client.
    """
    wanted = _wanted(settings, (), accounts, networks)
    found = _Found(settings, "list", wanted)
    _show(settings, list(found), as_json=as_json)
    return found.code


@command.command()
@click.argument("ids", nargs=-1)
@account_option
@address_option
@click.option("--all", "everybody", is_flag=True, help="Every session there is.")
@json_option
@pass_settings
def kill(
    settings: Settings,
    ids: tuple[str, ...],
    accounts: tuple[str, ...],
    networks: tuple[str, ...],
    everybody: bool,
    as_json: bool,
) -> int:
    """End sessions: by their IDS, by account, by address; prints which.

    Sessions that fit one of each kind that is given are ended: clients get BYE, and
    who does not close within seconds is cut off. A client may log in again: disable
    the account, or change its password, before.
    """
    if not (ids or accounts or networks or everybody):
        raise click.UsageError("say which: IDS, --account, --address or --all")
    wanted = _wanted(settings, ids, accounts, networks)
    found = _Found(settings, "kill", wanted)
    ended = list(found)
    _show(settings, ended, as_json=as_json)
    if not ended and not found.code:
        raise Stop("there is no such session", Exit.NAME)
    return found.code


def _wanted(
    settings: Settings,
    ids: tuple[str, ...],
    accounts: tuple[str, ...],
    networks: tuple[str, ...],
) -> Wanted:
    users = accounts
    if accounts:
        with settings.store() as store:
            rows = [(name, store.directory.find(name)) for name in accounts]
        # An account that was removed may still have sessions.
        users = tuple(name if row is None else row.name for name, row in rows)
    try:
        return Wanted(ids, users, networks)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


class _Found:
    """The answers of all workers, as they come; ``code`` is there at their end."""

    def __init__(self, settings: Settings, do: str, wanted: Wanted) -> None:
        self._folder = control_folder(settings.config.store.path)
        self._request = {
            "do": do,
            "ids": wanted.ids,
            "users": wanted.users,
            "networks": wanted.networks,
        }
        self.code = Exit.OK

    def __iter__(self) -> Iterator[dict[str, Any]]:
        answered = False
        for name in sockets(self._folder):
            try:
                yield from ask(self._folder, name, self._request)
            except (ConnectionRefusedError, FileNotFoundError):
                continue  # of a process that is no more
            except (NoAnswer, OSError) as error:
                self.code = Exit.FAILED
                click.echo(f"imapd: {name}: no answer: {error}", err=True)
            answered = True
        if not answered:
            raise Stop("no server runs on this store", Exit.FAILED)


def _show(settings: Settings, found: list[dict[str, Any]], *, as_json: bool) -> None:
    found.sort(key=lambda one: (one["user"], one["since"]))
    if as_json:
        settings.echo_json([{**one, "since": _moment(one["since"])} for one in found])
        return
    rows = [(*_WHO, *_WHAT), *(tuple(_words(one)) for one in found)]
    if len(rows) == 1:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(map(str.ljust, row, widths))
        sys.stdout.write(line.rstrip() + "\n")


def _words(one: dict[str, Any]) -> Iterator[str]:
    """Write a session for people; nothing in it can speak to their terminal."""
    user = one["user"] or "-"
    yield one["id"]
    yield one["protocol"]
    yield escaped(user if one["admin"] is None else f"{user} (by {one['admin']})")
    yield escaped(one["address"])
    yield one["tls"] or ("yes" if one["secure"] else "no")
    yield _moment(one["since"])
    yield _seconds(one["idle"])
    mailbox = "-" if one["mailbox"] is None else escaped(one["mailbox"])
    yield f"{mailbox} (read-only)" if one["readonly"] else mailbox
    running = one["command"]
    yield "-" if running is None else f"{running} {_seconds(one['command_seconds'])}"
    yield f"{one['octets_in']}/{one['octets_out']}"
    client = {key.lower(): value for key, value in one["client"].items()}
    words = [client[key] for key in ("name", "version") if client.get(key)]
    yield escaped(" ".join(words)) if words else "-"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def _seconds(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}"
