"""Mail programs of other people, run against a server of a test.

A program that is not installed is a skip that says so; `.ci/run` installs them all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

SECONDS = 60.0


def needed_program(name: str, package: str) -> str:
    """Give the path of a program; skip the test if it isn't installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (on Debian: apt install {package})")
    return found


def run(
    line: Sequence[str], home: Path, *, code: int = 0, data: bytes | None = None
) -> str:
    """Run a program with a home of its own; gives its output, errors included."""
    done = subprocess.run(
        line,
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd=home,
        timeout=SECONDS,
        env=environment(home),
    )
    text = done.stdout.decode("utf-8", "backslashreplace")
    assert done.returncode == code, f"{line[0]} gave {done.returncode}: {text}"
    return text


def environment(home: Path) -> dict[str, str]:
    """Give the environment of somebody who lives in a folder and has no settings."""
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "TMPDIR": str(home),
    }
