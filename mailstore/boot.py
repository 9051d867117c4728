"""Which start of the machine this is, and which of a process."""

from __future__ import annotations

import os
from pathlib import Path


def boot_id() -> str:
    """Give what differs after each start of the machine."""
    try:
        path = Path("/proc/sys/kernel/random/boot_id")
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"  # every start is an unclean boot then: safe, only slower


def this_process() -> str:
    """Give what this process is called, as no other one of this boot."""
    return _called(os.getpid())


def runs(process: str) -> bool:
    """Tell whether `this_process` of some time still runs, as far as can be seen."""
    number = process.partition(".")[0]
    if not number.isdecimal():
        return False
    pid = int(number)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # somebody else's
    # In a container the next process has the same number soon.
    return _called(pid) == process


def _called(pid: int) -> str:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return f"{pid}.0"
    started = status.rpartition(")")[2].split()[19]  # in ticks; see proc(5)
    return f"{pid}.{started}"
