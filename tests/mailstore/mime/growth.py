"""Linear work, shown by comparing the work for n with the work for four times n."""

from __future__ import annotations

import time
from collections.abc import Callable


def grows_linearly(run: Callable[[int], object], n: int) -> bool:
    """Tell whether ``run(4 * n)`` costs far less than the 16 times of a square.

    CPU time, the least of three, and three attempts: a busy machine can only make
    a good result look bad.
    """
    run(n)
    for _ in range(3):
        small = min(_cpu(run, n) for _ in range(3))
        large = min(_cpu(run, 4 * n) for _ in range(3))
        if large < 9 * small + 0.002:
            return True
    return False


def _cpu(run: Callable[[int], object], n: int) -> float:
    start = time.process_time()
    run(n)
    return time.process_time() - start
