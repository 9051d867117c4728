"""The gate: every check that a change has to pass, in one command.

::

    python -m tests.gate            # everything, as CI runs it
    python -m tests.gate unit -k fetch

It knows no check itself: it prints and runs command lines that can be typed by hand.
Standard library only, so that it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

CHECKS: Mapping[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "lint": (
        "ruff: rules, then format",
        (("ruff", "check", "."), ("ruff", "format", "--check", ".")),
    ),
    "types": ("mypy, strict", (("mypy",),)),
    "docs": (
        "the documentation says what the code does",
        (("pytest", "-q", "tests/docs", "tests/architecture"),),
    ),
    "coverage": (
        "writes the page of what is done of each RFC anew",
        (("tests.docs.rfc_coverage",),),
    ),
    "unit": (
        "all tests but mta, workers, soak and perf, on two processes",
        (("pytest", "-q", "-n", "2", "--dist", "loadfile"),),
    ),
    "mta": (
        "mail through Postfix, and kill -9 while it comes in",
        (("pytest", "-q", "-m", "mta", "tests/clients", "tests/process"),),
    ),
    "workers": (
        "servers of several processes: replaced, counted together, killed",
        (("pytest", "-q", "-n", "2", "-m", "workers", "tests/process"),),
    ),
    "soak": (
        "long runs of the random tests, by hand",
        (("pytest", "-q", "-m", "soak or not perf", "--hypothesis-profile", "soak"),),
    ),
    "sessions": (
        "random sessions over worker processes for an hour, by hand",
        (("tests.soak",),),
    ),
    "crash": (
        "kills, power cuts and faults of the disk for an hour, by hand",
        (("tests.crash",),),
    ),
    "perf": ("comparisons of speed, by hand", (("pytest", "-q", "-m", "perf"),)),
}
"""Name, what it proves, and its command lines (a module and its arguments)."""

ALL = ("lint", "types", "unit")
"""What ``all`` runs; ``docs`` is a part of ``unit``. The tests come last, so that
the last line of a whole run is the summary of pytest."""


def main(arguments: Sequence[str]) -> int:
    """Run the wanted checks; give the exit code of the first that failed, or 0.

    With ``all`` the later checks run even so: one run shows everything.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.gate",
        description="Run the checks that every change has to pass.",
        epilog="\n".join(f"{name:8} {text}" for name, (text, _) in CHECKS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("check", nargs="?", default="all", choices=("all", *CHECKS))
    wanted, more = parser.parse_known_args(arguments)
    if wanted.check == "all" and more:
        parser.error("arguments for a tool need the name of one check")
    names = ALL if wanted.check == "all" else (wanted.check,)
    codes = {name: run_check(name, more) for name in names}
    failed = [name for name in names if codes[name]]
    if failed and len(names) > 1:  # the tests' summary would hide what came before
        say(f"failed: {', '.join(failed)}")
    return next((codes[name] for name in failed), 0)


def run_check(name: str, more: Sequence[str] = ()) -> int:
    """Run the command lines of one check; ``more`` goes to each.

    Returns the exit code of the first that failed, or 0.
    """
    codes = [run_line((*line, *more)) for line in CHECKS[name][1]]
    return next((code for code in codes if code), 0)


def run_line(line: Sequence[str]) -> int:
    """Print one command line, run it at the top of the project, give its exit code."""
    program = [sys.executable, "-m", *line]
    say(f"$ {shlex.join(('python', '-m', *line))}")
    return subprocess.run(program, cwd=ROOT, check=False, env=_environment()).returncode


def say(text: str) -> None:
    """Write a line at once, in order with what the tools write."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _environment() -> dict[str, str]:
    # Our own settings must not leak into servers that tests start.
    return {key: value for key, value in os.environ.items() if key != "IMAPD_CONFIG"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
