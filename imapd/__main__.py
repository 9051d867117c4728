"""``python -m imapd`` and the console script: the command line."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; does not return."""
    # Whatever a command makes is somebody's mail, or says how to come by it. It is set
    # here, as it is the process's: who calls a command as a function has his own.
    os.umask(0o077)
    from imapd.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
