"""Which start of the machine this is."""

from __future__ import annotations

from pathlib import Path


def boot_id() -> str:
    """Give what differs after each start of the machine."""
    try:
        path = Path("/proc/sys/kernel/random/boot_id")
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"  # every start is an unclean boot then: safe, only slower
