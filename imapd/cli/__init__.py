"""The command line: one module per subcommand, loaded when it is asked for.

Each module exports ``command``, a click command or group. ``imapd --help`` loads
none of them, so that it does not wait for what a server needs. It knows no store
and no protocol.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import click

from imapd import __version__
from imapd.cli.settings import config_option

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("imapd.cli.init", "Make a store, a configuration and a certificate."),
    "serve": ("imapd.cli.serve", "Run the server."),
    "account": ("imapd.cli.account", "Add, list and remove accounts."),
    "alias": ("imapd.cli.alias", "Have addresses lead to accounts."),
    "domain": ("imapd.cli.domain", "Add, list and remove domains."),
    "group": ("imapd.cli.group", "Say who is in which group."),
    "session": ("imapd.cli.session", "List and end sessions."),
    "mailbox": ("imapd.cli.mailbox", "List, create, rename and delete mailboxes."),
    "acl": ("imapd.cli.acl", "Say who may do what to a mailbox."),
    "quota": ("imapd.cli.quota", "Say how much mail an account may keep."),
    "import": ("imapd.cli.importing", "Bring mail in from files, mbox or Maildir."),
    "export": ("imapd.cli.exporting", "Write mail out as Maildir or mbox."),
    "undelete": ("imapd.cli.undelete", "List and restore what was removed."),
    "backup": ("imapd.cli.backup", "Back up the store, while the server runs."),
    "restore": ("imapd.cli.restore", "Bring back a store or mail from a backup."),
    "check": ("imapd.cli.check", "Prove that the store is sound."),
    "config": ("imapd.cli.config", "Show or check the configuration."),
    "capabilities": ("imapd.cli.capabilities", "List the features of the server."),
    "parse": ("imapd.cli.parse", "Print how a command line is understood."),
}
"""Name, module and one line of help of each subcommand, in the order of the help."""


class Commands(click.Group):
    """The subcommands, each imported when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Give the names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a subcommand."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        if isinstance(command, click.Group):
            _accept_config(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: Any) -> None:  # noqa: ANN401, ARG002 - click's
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _accept_config(group: click.Group) -> None:
    """Let ``imapd account --config FILE list`` mean what it says."""
    if not any(parameter.name == "config" for parameter in group.params):
        config_option(group)
    for inner in group.commands.values():
        if isinstance(inner, click.Group):
            _accept_config(inner)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="imapd")
@config_option
def main() -> None:
    """A mail access server: IMAP4rev1 with its own store."""


def run(arguments: Sequence[str]) -> int:
    """Run the command line and give its exit code."""
    try:
        result = main.main(list(arguments), prog_name="imapd", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("imapd: stopped", err=True)
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return result if isinstance(result, int) else 0
