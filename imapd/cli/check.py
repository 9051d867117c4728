"""``imapd check``: proves that the store is sound. It changes nothing."""

from __future__ import annotations

import sys

import click

from imapd.cli.exits import Exit
from imapd.cli.settings import Settings, Stop, json_option, pass_settings


@click.command()
@json_option
@pass_settings
def command(settings: Settings, as_json: bool) -> None:
    """Compare every counter, number and message of the store with its index.

    The text index too, with a thousand messages of each account.

    The server may go on running. Ends with 1 when there are problems.
    """
    from mailstore.maintenance.check import check

    path = settings.config.store.path
    if not path.is_dir():
        raise Stop(f"there is no store at {path}", Exit.STORE)
    report = check(path, _progress if sys.stderr.isatty() else None)
    if as_json:
        settings.echo_json(
            {
                "whole": report.whole,
                "messages": report.messages,
                "accounts": [
                    {
                        "account": one.account,
                        "messages": one.messages,
                        "orphans": one.orphans,
                        "problems": one.problems,
                    }
                    for one in report.accounts
                ],
            }
        )
    else:
        for one in report.accounts:
            for problem in one.problems:
                click.echo(f"{one.account}: {problem}")
        verdict = "no problem" if report.whole else "problems found"
        count = f"{len(report.accounts)} accounts, {report.messages} messages"
        click.echo(f"{count}: {verdict}")
    if not report.whole:
        click.get_current_context().exit(Exit.FAILED)


def _progress(account: str, messages: int) -> None:
    click.echo(f"\r{account}: {messages} messages", nl=False, err=True)
