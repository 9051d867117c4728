"""``imapd export``: writes mail as other programs read it. The store stays as it is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from imapd.cli.exits import Exit
from imapd.cli.people import account_option, mailbox_name, open_account
from imapd.cli.settings import Settings, Stop, pass_settings
from imapd.wire import utf7
from mailstore.model import Column, InternalDate

if TYPE_CHECKING:
    from mailstore.service import Account, Mailbox


class _Writer(Protocol):
    def add(
        self, uid: int, content: bytes, flags: Sequence[str], date: InternalDate
    ) -> None: ...


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@account_option
@click.option("--mailbox", help="Only this mailbox; all if none is given.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["maildir", "mbox"]),
    default="maildir",
    show_default=True,
    help="A Maildir++, or one mbox file per mailbox.",
)
@pass_settings
def command(
    settings: Settings, directory: Path, account: str, mailbox: str | None, form: str
) -> None:
    """Write the mail of an account into DIRECTORY, which must be new or empty."""
    if directory.exists() and any(directory.iterdir()):
        raise Stop(f"{directory} is not empty", Exit.NAME)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    total = 0
    with open_account(settings, account) as opened:
        names = [
            entry.name for entry in settings.run(opened.mailboxes()) if entry.selectable
        ]
        if mailbox is not None:
            wanted = mailbox_name(mailbox)
            if wanted not in names:
                raise Stop(f"there is no mailbox {mailbox}", Exit.NAME)
            names = [wanted]
        for name in names:
            total += settings.run(_export(opened, name, directory, form))
            if sys.stderr.isatty():
                click.echo(f"\r{total} messages", nl=False, err=True)
    click.echo(f"exported {total} messages of {len(names)} mailboxes")


async def _export(account: Account, name: str, directory: Path, form: str) -> int:
    mailbox = await account.open(name, readonly=True)
    try:
        with ExitStack() as stack:
            writer = _writer(stack, mailbox, directory, form)
            return await _copy(mailbox, writer)
    finally:
        await mailbox.close()


def _writer(stack: ExitStack, mailbox: Mailbox, directory: Path, form: str) -> _Writer:
    from mailstore.mailformats.maildir import MaildirWriter
    from mailstore.mailformats.mbox import MboxWriter

    levels = [utf7.encode(level).decode("ascii") for level in mailbox.name.split("/")]
    if form == "maildir":
        # A dot parts levels there: it cannot stand in one.
        safe = [level.replace(".", "_") for level in levels]
        folder = () if mailbox.name == "INBOX" else tuple(safe)
        maildir = MaildirWriter(directory, folder, mailbox.keywords)
        maildir.begin()
        return maildir
    file = directory.joinpath(*(_as_file(level) for level in levels[:-1]))
    file.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = file / f"{_as_file(levels[-1])}.mbox"
    return MboxWriter(stack.enter_context(path.open("xb")))


def _as_file(level: str) -> str:
    """Give a level as a file's name: never a way out of the folder."""
    return level if not level.startswith(".") else "_" + level[1:]


async def _copy(mailbox: Mailbox, writer: _Writer) -> int:
    from imapd.session.responses import flag_list

    columns = (Column.FLAGS, Column.INTERNALDATE, Column.BLOB)
    count = 0
    async for batch in mailbox.fetch(mailbox.uids, columns):
        values = zip(batch.uids, *(batch.columns[c] for c in columns), strict=True)
        for uid, mask, (epoch, zone), ref in values:
            await mailbox.prove(ref)
            with mailbox.blob(ref) as blob:
                content = blob.pread(0, blob.size)
            flags = flag_list(mask, mailbox.keywords)[1:-1].decode("ascii").split()
            writer.add(uid, content, flags, InternalDate(epoch, zone))
            count += 1
    return count
