"""``imapd backup``: points in time of the store, taken while the server runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imapd.cli.exits import Exit
from imapd.cli.people import when
from imapd.cli.settings import Settings, json_option, pass_settings
from imapd.cli.undelete import Moment
from imapd.logs import escaped

if TYPE_CHECKING:
    from mailstore.maintenance.backup import Done
    from mailstore.maintenance.backup_points import Point
    from mailstore.maintenance.backup_prune import Keep, Pruned
    from mailstore.maintenance.backup_verify import LostMessage, Verified

_OTHERS = ("--config",)  # options of the group that have a value


class _Backups(click.Group):
    """``imapd backup DIR`` is ``imapd backup create DIR``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in what may be left out."""
        at = 0
        while at < len(args) and args[at].partition("=")[0] in _OTHERS:
            at += 1 if "=" in args[at] else 2
        wanted = args[at] if at < len(args) else "--help"
        if wanted not in (*self.commands, *ctx.help_option_names):
            args = [*args[:at], "create", *args[at:]]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Give a subcommand; what is none is a folder."""
        return super().get_command(ctx, cmd_name) or self.commands["create"]


directory_argument = click.argument(
    "directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False)
)
"""Where the backup is."""

_KEEP = (
    click.option(
        "--keep", type=click.IntRange(1), help="Keep so many of the last points."
    ),
    click.option(
        "--keep-daily", type=click.IntRange(1), help="The last one of so many days."
    ),
    click.option(
        "--keep-weekly", type=click.IntRange(1), help="The last one of so many weeks."
    ),
    click.option(
        "--keep-monthly", type=click.IntRange(1), help="The last of so many months."
    ),
)


def _keep_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_KEEP):
        function = option(function)
    return function


@click.group(cls=_Backups)
def command() -> None:
    """Back up the store to a folder, and look after such backups.

    `imapd backup DIR` takes a point in time; the server may go on running.
    """


@command.command()
@directory_argument
@_keep_options
@click.option("--verify", is_flag=True, help="Read all of the new point afterwards.")
@json_option
@pass_settings
def create(
    settings: Settings,
    /,
    directory: Path,
    verify: bool,
    as_json: bool,
    **keep: int | None,
) -> None:
    """Take a point in time of the whole store: the same as `imapd backup DIR`.

    What DIR has already is not copied again. With --keep… older points go, unless
    something could not be copied, or is damaged in the store: what can be read of it is
    in the point. Ends with 1 then, or if --verify finds something.
    """
    from mailstore.errors import StoreError
    from mailstore.maintenance import backup, backup_prune, backup_verify

    progress = Progress()
    store, stay = settings.config.store.path, _keep(keep)
    done = backup.back_up(store, directory, settings.runtime.now, progress.copied)
    progress.end()
    proved: Verified | None = None
    if verify:
        proved = backup_verify.verify(directory, done.point.name, progress.read)
        progress.end()
    whole = done.point.whole and (proved is None or proved.whole)
    pruned = None
    if stay and whole:
        try:
            pruned = backup_prune.prune(directory, stay)
        except StoreError as error:  # the point is there all the same
            click.echo(f"imapd: nothing was forgotten: {error}", err=True)
            whole = False
    if as_json:
        settings.echo_json(
            {
                **_done_data(done),
                "verified": None if proved is None else _verified_data(proved),
                "pruned": [] if pruned is None else list(pruned.points),
                "freed_octets": 0 if pruned is None else pruned.octets,
            }
        )
    else:
        _tell_done(done)
        if proved is not None:
            _tell_verified(proved)
        if pruned is not None:
            _tell_pruned(pruned)
    if not whole:
        click.get_current_context().exit(Exit.FAILED)


@command.command(name="list")
@directory_argument
@json_option
@pass_settings
def list_(settings: Settings, directory: Path, as_json: bool) -> None:
    """List the points in time that DIR holds, oldest first."""
    from mailstore.errors import Corrupt, NotFound
    from mailstore.maintenance.backup_points import BackupFolder

    folder = BackupFolder(directory)
    folder.store()
    rows: list[dict[str, Any]] = []
    for name in folder.names():
        try:
            rows.append(_point_data(folder.point(name)))
        except NotFound:
            continue  # forgotten just now
        except Corrupt as error:
            rows.append({"point": name, "whole": False, "damaged": str(error)})
    if as_json:
        settings.echo_json(rows)
        return
    for row in rows:
        if "damaged" in row:
            click.echo(f"{row['point']}  damaged")
            continue
        state = "" if row["whole"] else "  incomplete"
        click.echo(
            f"{row['point']}  {len(row['accounts'])} accounts, {row['messages']}"
            f" messages, {row['copied_octets']} octets copied{state}"
        )


@command.command()
@directory_argument
@click.option("--point", type=Moment(), help="Only the last point until then.")
@click.option(
    "--forget-damaged",
    is_flag=True,
    help="Have the next backup copy again what is damaged.",
)
@json_option
@pass_settings
def verify(
    settings: Settings,
    directory: Path,
    point: datetime | None,
    forget_damaged: bool,
    as_json: bool,
) -> None:
    """Read the whole backup and compare each message with its digest.

    Ends with 1 when something is damaged or missing, and says which messages.
    """
    from mailstore.maintenance import backup_verify
    from mailstore.maintenance.backup_points import BackupFolder

    only = None
    if point is not None:
        only = BackupFolder(directory).last_before(point.timestamp()).name
    progress = Progress()
    found = backup_verify.verify(directory, only, progress.read, forget=forget_damaged)
    progress.end()
    if as_json:
        settings.echo_json(_verified_data(found))
    else:
        _tell_verified(found)
    if not found.whole:
        click.get_current_context().exit(Exit.FAILED)


@command.command()
@directory_argument
@_keep_options
@click.option("--dry-run", is_flag=True, help="Say what would go, and leave it.")
@json_option
@pass_settings
def prune(
    settings: Settings,
    /,
    directory: Path,
    dry_run: bool,
    as_json: bool,
    **keep: int | None,
) -> None:
    """Forget old points, and what they alone needed. Say what is to stay.

    A point that is not whole counts for nothing, and stays while it is the newest.
    """
    from mailstore.maintenance import backup_prune

    stay = _keep(keep)
    if not stay:
        raise click.UsageError("say what is to stay: --keep, --keep-daily, …")
    done = backup_prune.prune(directory, stay, dry_run=dry_run)
    if as_json:
        settings.echo_json(
            {
                "pruned": list(done.points),
                "freed_octets": done.octets,
                "dry_run": dry_run,
            }
        )
    else:
        _tell_pruned(done)


def _keep(given: dict[str, int | None]) -> Keep:
    from mailstore.maintenance.backup_prune import Keep

    return Keep(
        last=given["keep"] or 0,
        daily=given["keep_daily"] or 0,
        weekly=given["keep_weekly"] or 0,
        monthly=given["keep_monthly"] or 0,
    )


class Progress:
    """One line on stderr, renewed twice a second where somebody looks."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._told = time.monotonic()
        self._open = False

    def copied(self, account: str, messages: int, octets: int) -> None:
        """Tell of a backup that goes on."""
        self.tell(f"{escaped(account)}: {messages} messages, {octets} octets copied")

    def read(self, account: str, octets: int) -> None:
        """Tell of a verification that goes on."""
        self.tell(f"{escaped(account)}: {octets} octets read")

    def tell(self, text: str) -> None:
        """Show a line in place of the last one."""
        now = time.monotonic()
        if self._shown and now - self._told >= 0.5:
            self._told, self._open = now, True
            click.echo(f"\r{text}\x1b[K", nl=False, err=True)

    def end(self) -> None:
        """Have what is written next begin a line."""
        if self._open:
            self._open = False
            click.echo("", err=True)


# -- what it looks like


def _tell_done(done: Done) -> None:
    point = done.point
    for one in point.accounts:
        if one.failure:
            click.echo(f"{escaped(one.name)}: not copied: {one.failure}", err=True)
        for lost in one.missing:
            text = f"{escaped(one.name)}: message {lost.message}: {lost.why}"
            click.echo(text, err=True)
        for damage in one.damage or ():
            click.echo(f"{escaped(one.name)}: damaged: {damage}", err=True)
    state = "" if point.whole else ", incomplete"
    click.echo(
        f"{point.name}: {len(point.accounts)} accounts ({done.unchanged} unchanged),"
        f" {point.messages} messages; copied {done.messages} messages,"
        f" {done.octets} octets{state}"
    )


def _tell_verified(found: Verified) -> None:
    for text in found.problems:
        click.echo(text)
    for one in found.lost:
        click.echo(f"{escaped(one.account)}: {_place(one)}: {one.why}")
    verdict = "no problem" if found.whole else "problems found"
    click.echo(
        f"{found.points} points, {found.messages} messages, {found.octets} octets"
        f" read: {verdict}"
    )


def _place(one: LostMessage) -> str:
    if one.mailbox is None:
        return f"message {one.message}, removed"
    return f"{escaped(one.mailbox)}/;UID={one.uid}"


def _tell_pruned(done: Pruned) -> None:
    for name in done.points:
        click.echo(f"{name} forgotten")
    click.echo(f"{len(done.points)} points forgotten, {done.octets} octets set free")


def _point_data(point: Point) -> dict[str, Any]:
    return {
        "point": point.name,
        "started": when(point.started),
        "finished": when(point.finished),
        "whole": point.whole,
        "messages": point.messages,
        "copied_octets": point.copied,
        "accounts": [
            {
                "account": one.name,
                "id": one.id,
                "messages": one.messages,
                "octets": one.octets,
                "missing": [
                    {"message": lost.message, "why": lost.why} for lost in one.missing
                ],
                "failure": one.failure or None,
                "damage": list(one.damage or ()),
            }
            for one in point.accounts
        ],
    }


def _done_data(done: Done) -> dict[str, Any]:
    return {
        **_point_data(done.point),
        "copied_messages": done.messages,
        "unchanged_accounts": done.unchanged,
    }


def _verified_data(found: Verified) -> dict[str, Any]:
    return {
        "whole": found.whole,
        "points": found.points,
        "messages": found.messages,
        "octets": found.octets,
        "problems": list(found.problems),
        "lost": [
            {
                "account": one.account,
                "mailbox": one.mailbox,
                "uid": one.uid or None,
                "message": one.message,
                "why": one.why,
            }
            for one in found.lost
        ],
    }
