"""Prints docs/reference/config.md."""

import sys

from imapd.config.reference import reference_page

if __name__ == "__main__":
    sys.stdout.write(reference_page())
