"""``imapd quota``: how much mail accounts may keep, and how much they have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from imapd.cli.exits import Exit
from imapd.cli.people import existing_account, mailbox_name, open_account
from imapd.cli.settings import Settings, Stop, json_option, pass_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailstore.quotas import QuotaLimits, QuotaRoot

_UNITS = {"K": 1, "M": 2**10, "G": 2**20, "T": 2**30}
_STORAGE = re.compile(r"(\d{1,9})([KMGT])", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,18}")

mailbox_option = click.option(
    "--mailbox",
    "mailbox",
    metavar="MAILBOX",
    help="For MAILBOX and those below it, not for all of the account.",
)


@click.group()
def command() -> None:
    """Set limits for accounts and parts of them, and show what is used."""


@command.command(name="list")
@click.argument("accounts", nargs=-1, metavar="[ACCOUNT]...")
@json_option
@pass_settings
def list_(settings: Settings, accounts: tuple[str, ...], as_json: bool) -> None:
    """Show what is used and allowed: for each ACCOUNT, or for all."""
    rows: list[tuple[str, QuotaRoot]] = []
    with settings.store() as store:
        chosen = [existing_account(store, name) for name in accounts]
        for row in chosen or store.directory.accounts():
            account = settings.run(store.account(row.id))
            rows += [(row.name, one) for one in settings.run(account.quota.roots())]
            settings.run(account.close())
    if as_json:
        settings.echo_json([_facts(name, root) for name, root in rows])
        return
    for name, root in rows:
        click.echo(f"{name}{'/' + root.top if root.top else ''}: {_text(root)}")


def _facts(account: str, root: QuotaRoot) -> dict[str, object]:
    limits, usage = root.limits, root.usage
    return {
        "account": account,
        "mailbox": root.top or None,
        "default": not root.chosen,
        "octets": usage.octets,
        "storage_limit": _octets(limits.storage),
        "messages": usage.messages,
        "message_limit": limits.message,
        "mailboxes": usage.mailboxes,
        "mailbox_limit": limits.mailbox,
        "annotation_octets": usage.annotation_octets,
        "annotation_limit": _octets(limits.annotation_storage),
    }


def _octets(units: int | None) -> int | None:
    return None if units is None else units * 1024


def _text(root: QuotaRoot) -> str:
    usage, limits = root.usage, root.limits
    parts: list[tuple[object, object, str]] = [
        (f"{-(-usage.octets // 1024)}K", limits.storage and f"{limits.storage}K", ""),
        (usage.messages, limits.message, " messages"),
        (usage.mailboxes, limits.mailbox, " mailboxes"),
    ]
    if usage.annotation_octets or limits.annotation_storage is not None:
        most = limits.annotation_storage
        used = f"{-(-usage.annotation_octets // 1024)}K"
        parts.append((used, most and f"{most}K", " of annotations"))
    told = [
        f"{used}{'' if most is None else f' of {most}'}{what}"
        for used, most, what in parts
    ]
    return ", ".join(told) + ("" if root.chosen else " (default)")


@command.command(name="set")
@click.argument("account")
@mailbox_option
@click.option("--storage", metavar="SIZE", help="As 500M or 2G; none: no limit.")
@click.option("--messages", metavar="NUMBER", help="Messages; none: no limit.")
@click.option("--mailboxes", metavar="NUMBER", help="Mailboxes; none: no limit.")
@click.option("--annotations", metavar="SIZE", help="Of messages; none: no limit.")
@pass_settings
def set_(
    settings: Settings,
    /,
    account: str,
    mailbox: str | None,
    **wanted: str | None,
) -> None:
    """Limit what ACCOUNT may keep. What isn't named stays as it is.

    Mail that is there stays, also where it is more than allowed.
    """
    from mailstore.quotas import NO_LIMITS, QuotaLimits

    if all(one is None for one in wanted.values()):
        raise Stop("say which limit", Exit.USAGE)
    top = mailbox_name(mailbox) if mailbox else ""
    with open_account(settings, account) as opened:
        roots = settings.run(opened.quota.roots())
        before = next((one.limits for one in roots if one.top == top), NO_LIMITS)
        limits = QuotaLimits(
            _limit(wanted["storage"], before.storage, _read_storage),
            _limit(wanted["messages"], before.message, _read_number),
            _limit(wanted["mailboxes"], before.mailbox, _read_number),
            _limit(wanted["annotations"], before.annotation_storage, _read_storage),
        )
        settings.run(opened.quota.set(top, limits))
    click.echo(f"{account}{'/' + top if top else ''}: {_limits_text(limits)}")


def _limit(
    text: str | None, before: int | None, read: Callable[[str], int]
) -> int | None:
    if text is None:
        return before
    return None if text.lower() == "none" else read(text)


def _read_storage(text: str) -> int:
    found = _STORAGE.fullmatch(text)
    if found is None:
        raise Stop(f"{text!r} is no size: a number with K, M, G or T", Exit.USAGE)
    return int(found[1]) * _UNITS[found[2].upper()]


def _read_number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Stop(f"{text!r} is no number", Exit.USAGE)
    return int(text)


def _limits_text(limits: QuotaLimits) -> str:
    told = (
        limits.storage is not None and f"{limits.storage}K",
        limits.message is not None and f"{limits.message} messages",
        limits.mailbox is not None and f"{limits.mailbox} mailboxes",
        limits.annotation_storage is not None
        and f"{limits.annotation_storage}K of annotations",
    )
    return ", ".join([text for text in told if text]) or "no limit"


@command.command()
@click.argument("account")
@mailbox_option
@pass_settings
def unset(settings: Settings, account: str, mailbox: str | None) -> None:
    """Forget what was set for ACCOUNT: the default of the configuration holds again."""
    with open_account(settings, account) as opened:
        settings.run(opened.quota.unset(mailbox_name(mailbox) if mailbox else ""))
    click.echo(f"{account}{'/' + mailbox if mailbox else ''}: unset")


@command.command()
@click.argument("accounts", nargs=-1, metavar="[ACCOUNT]...")
@json_option
@pass_settings
def recount(settings: Settings, accounts: tuple[str, ...], as_json: bool) -> None:
    """Count the messages of each ACCOUNT anew, or of all, and mend wrong counters.

    `imapd check` tells whether there are any. The server may go on running.
    """
    found: dict[str, list[str]] = {}
    with settings.store() as store:
        chosen = [existing_account(store, name) for name in accounts]
        for row in chosen or store.directory.accounts():
            account = settings.run(store.account(row.id))
            found[row.name] = settings.run(account.quota.recount())
            settings.run(account.close())
    if as_json:
        settings.echo_json([{"account": n, "mended": m} for n, m in found.items()])
        return
    for name, mended in found.items():
        for sentence in mended:
            click.echo(f"{name}: mended: {sentence}")
    click.echo(f"{len(found)} accounts, {sum(map(len, found.values()))} mended")
