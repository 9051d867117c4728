"""``python -m imapd`` and the console script: the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; does not return."""
    from imapd.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
