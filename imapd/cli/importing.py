"""``imapd import``: brings mail in, and can be started again after a stop.

A message that the mailbox has already, octet for octet, is passed over; a source
with the same message twice gives it twice.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imapd.cli.exits import Exit
from imapd.cli.people import (
    FOR_OTHERS,
    account_option,
    leads_elsewhere,
    mailbox_name,
    open_account,
)
from imapd.cli.settings import Settings, Stop, json_option, pass_settings
from imapd.syntax.flags import MAX_KEYWORD
from imapd.syntax.mailbox import InvalidMailboxName, check_name, decode_name
from imapd.wire import abnf

if TYPE_CHECKING:
    from mailstore.mailformats import Found, Skipped
    from mailstore.service import Account

_BATCH = 256
_BATCH_OCTETS = 8 * 2**20
_SYSTEM = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="PATH...",
    type=click.Path(path_type=Path, exists=True),
)
@account_option
@click.option("--mailbox", default="INBOX", help="Where the mail goes; INBOX if none.")
@click.option("--over-quota", is_flag=True, help="Bring in more than the quota allows.")
@json_option
@pass_settings
def command(
    settings: Settings,
    paths: tuple[Path, ...],
    account: str,
    mailbox: str,
    over_quota: bool,
    as_json: bool,
) -> None:
    """Import .eml files, folders of them, mbox files and Maildirs.

    Flags and dates are kept. Subfolders become mailboxes: below the one that
    --mailbox names, or at the top if that is INBOX. The server may be running.
    """
    from mailstore.mailformats import messages

    most = settings.config.limits.message
    found = (one for path in paths for one in messages(path, most))
    with open_account(settings, account) as opened:
        name = mailbox_name(mailbox)
        done = _Import(settings, opened, name, bounded=not over_quota)
        if done.is_for_others(name):
            raise Stop(f"{name!r} {FOR_OTHERS}", Exit.NAME)
        done.run(found)
    if as_json:
        settings.echo_json(
            {
                "imported": done.imported,
                "known": done.known,
                "skipped": [{"source": s, "reason": r} for s, r in done.skipped],
            }
        )
    else:
        for source, reason in done.skipped:
            click.echo(f"skipped {source}: {reason}", err=True)
        click.echo(f"imported {done.imported} messages, {done.known} were there")
    if done.skipped:
        click.get_current_context().exit(Exit.FAILED)


@dataclass(slots=True)
class _Import:
    settings: Settings
    account: Account
    mailbox: str
    bounded: bool = True
    imported: int = 0
    known: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    _there: dict[str, Counter[bytes]] = field(default_factory=dict)
    _batch: list[Found] = field(default_factory=list)
    _target: str = ""
    _octets: int = 0

    def run(self, found: Iterable[Found | Skipped]) -> None:
        progress = _Progress()
        for one in self._messages(found):
            target = self._name(one)
            if target is None or self._has(target, one):
                continue
            full = len(self._batch) >= _BATCH or self._octets >= _BATCH_OCTETS
            if self._batch and (full or target != self._target):
                self._flush()
                progress.tell(self.imported)
            self._target = target
            self._batch.append(one)
            self._octets += len(one.content)
        self._flush()
        progress.end()

    def _messages(self, found: Iterable[Found | Skipped]) -> Iterator[Found]:
        from mailstore.mailformats import Found

        for one in found:
            if isinstance(one, Found):
                yield one
            else:
                self.skipped.append((one.source, one.reason))

    def _name(self, one: Found) -> str | None:
        """Give the mailbox that a message goes to; made, if it is missing."""
        if not one.folder:
            name = self.mailbox
        else:
            try:
                levels = [_level(level) for level in one.folder]
                inside = [] if self.mailbox == "INBOX" else [self.mailbox]
                name = check_name("/".join((*inside, *levels)))
            except InvalidMailboxName as error:
                self.skipped.append((one.source, f"its folder: {error}"))
                return None
        if name not in self._there:
            if self.is_for_others(name):
                self.skipped.append((one.source, f"its folder: {name!r} {FOR_OTHERS}"))
                return None
            self._there[name] = self._digests(name)
        return name

    def is_for_others(self, name: str) -> bool:
        """Tell whether a mailbox of that name would have to be made, and can't be."""
        if not leads_elsewhere(self.account, name):
            return False
        there = self.settings.run(self.account.mailboxes())
        return not any(one.name == name and one.selectable for one in there)

    def _digests(self, name: str) -> Counter[bytes]:
        from mailstore.errors import AlreadyExists

        try:
            self.settings.run(self.account.create(name, bounded=self.bounded))
        except AlreadyExists:
            return self.settings.run(self.account.digests(name))
        return Counter()

    def _has(self, target: str, one: Found) -> bool:
        from mailstore.service.arrivals import digest_of

        there, digest = self._there[target], digest_of(one.content)
        if there[digest] > 0:
            there[digest] -= 1
            self.known += 1
            return True
        return False

    def _flush(self) -> None:
        if not self._batch:
            return
        from mailstore.errors import StoreError, TooMany

        batch, self._batch, self._octets = self._batch, [], 0
        try:
            self._append(batch, keywords=True)
        except TooMany:
            self._append(batch, keywords=False)
            text = "too many keywords in one mailbox, left out"
            self.skipped.append((batch[0].source, text))
        except StoreError:
            if len(batch) == 1:
                raise
            for one in batch:  # which of them it was
                self._batch = [one]
                self._flush()

    def _append(self, batch: list[Found], *, keywords: bool) -> None:
        from mailstore.model import Arrival

        arrivals = [
            Arrival(
                one.content,
                tuple(f for f in one.flags if _is_flag(f, keywords=keywords)),
                one.date,
                binary=True,
            )
            for one in batch
        ]
        self.settings.run(
            self.account.append(self._target, arrivals, bounded=self.bounded)
        )
        self.imported += len(batch)


def _level(text: str) -> str:
    """Read a folder's name: modified UTF-7 in a Maildir, or what people write."""
    if text.isascii() and "&" in text:
        try:
            return decode_name(text.encode("ascii"))
        except InvalidMailboxName:
            return text
    return text


def _is_flag(flag: str, *, keywords: bool) -> bool:
    if flag in _SYSTEM:
        return True
    octets = flag.encode("ascii", "replace")
    return (
        keywords
        and flag.isascii()
        and len(octets) <= MAX_KEYWORD
        and abnf.atom.fullmatch(octets) is not None
    )


class _Progress:
    """One line on stderr, renewed twice a second where somebody looks."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._began = self._told = time.monotonic()

    def tell(self, count: int) -> None:
        now = time.monotonic()
        if self._shown and now - self._told >= 0.5:
            self._told = now
            rate = count / max(now - self._began, 0.001)
            click.echo(f"\r{count} messages, {rate:.0f}/s", nl=False, err=True)

    def end(self) -> None:
        if self._shown and self._told > self._began:
            click.echo("", err=True)
