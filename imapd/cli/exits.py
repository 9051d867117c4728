"""The exit codes of the command line, documented in docs/reference/cli.md."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """What a subcommand's end tells a script."""

    OK = 0
    FAILED = 1  # what was asked about failed, or has problems
    USAGE = 2  # the command line makes no sense
    CONFIG = 3  # the configuration cannot be used
    STORE = 4  # the store cannot be opened, read or written
    NAME = 5  # what is named does not exist, or exists already
    ADDRESS = 6  # an address to listen on is taken or not ours


MEANINGS: dict[Exit, str] = {
    Exit.OK: "done",
    Exit.FAILED: "what was asked about failed, or has problems",
    Exit.USAGE: "the command line makes no sense",
    Exit.CONFIG: "the configuration cannot be used",
    Exit.STORE: "the store cannot be opened, read or written",
    Exit.NAME: "what is named does not exist, or exists already",
    Exit.ADDRESS: "an address to listen on is taken or not ours",
}
