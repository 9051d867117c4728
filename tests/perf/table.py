"""``python -m tests.perf.table FILE``: a benchmark's result as the tables of a page.

FILE is what ``imapbench.py run --json FILE`` wrote, with two servers in one run: the
first is what the other is compared with. Each workload is shown with the ratio that we
want to reach.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# Times as fast as the first server; a prefix stands for all that begin with it, and
# the longest one that fits counts.
WANTED: Mapping[str, float] = {
    "append_2k": 1.5,
    "append_50k": 1.5,
    "append_5m": 1,
    "append_50m": 1,
    "append_conc16": 3,
    "append_multi": 3,
    "copy_": 5,
    "expunge_": 1,
    "fetch_binary1": 1.5,
    "fetch_bodies": 1,
    "fetch_envelope": 5,
    "fetch_envelope_first": 3,
    "fetch_flags": 1.5,
    "fetch_header": 1.5,
    "fetch_part1": 1.5,
    "fetch_50m": 1,
    "fetch_thunderbird": 1.5,
    "fetch_thunderbird_first": 3,
    "folder_": 1,
    "greeting": 1,
    "idle_fanout_": 5,
    "idle_latency": 50,
    "list_": 1,
    "load": 3,
    "login": 5,
    "mixed_ops": 1,
    "mixed_p99": 1,
    "move_": 5,
    "noop": 1,
    "resync_": 1,
    "search_body_": 50,
    "search_body_rare_first": 3,
    "search_from": 3,
    "search_msgid": 10,
    "search_ornot": 2,
    "search_since": 2,
    "search_subject": 3,
    "search_text_": 50,
    "search_unseen": 1,
    "select": 1,
    "sort_": 1,
    "sort_date_first": 3,
    "status_": 1,
    "store_all_": 1,
    "store_one": 0.5,
    "thread_": 1,
    "thread_references_first": 3,
}


def wanted(workload: str) -> float | None:
    """Give the ratio that a workload is to reach, None where none was set."""
    fitting = [prefix for prefix in WANTED if workload.startswith(prefix)]
    return WANTED[max(fitting, key=len)] if fitting else None


def ratio(base: Mapping[str, Any], ours: Mapping[str, Any]) -> float | None:
    """Give how many times faster the second is, as the median of samples side by side.

    Samples of one repetition were taken next to each other, so a slow minute of the
    machine is in both. None where one of them measured nothing.
    """
    pairs: list[tuple[float, float]] = [
        (theirs, mine)
        for theirs, mine in zip(base["samples"], ours["samples"], strict=False)
        if theirs > 0 and mine > 0
    ]
    if not pairs:
        return None
    rate = base["unit"].endswith("/s")
    return statistics.median(
        mine / theirs if rate else theirs / mine for theirs, mine in pairs
    )


def rows(result: Mapping[str, Any]) -> Iterator[str]:
    """Give the lines of a Markdown table, one for each workload of both servers."""
    (first, base), (second, ours) = list(result["targets"].items())[:2]
    yield f"| workload | unit | {first} | {second} | ratio | wanted |"
    yield "|---|---|---:|---:|---:|---:|"
    for name, theirs in base["results"].items():
        mine = ours["results"].get(name)
        if mine is None or theirs["unit"] == "count":
            continue
        found, target = ratio(theirs, mine), wanted(name)
        if found is None:
            continue
        goal = "" if target is None else f"{target:g}"
        yield (
            f"| `{name}` | {theirs['unit']} | {_three_digits(theirs['median'])}"
            f" | {_three_digits(mine['median'])} | {found:.2f} | {goal} |"
        )


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if value < 1_000 else f"{value:,.0f}"


def summary(result: Mapping[str, Any]) -> str:
    """Say how many workloads there are, how many reach their goal, and the mean."""
    base, ours = [target["results"] for target in result["targets"].values()][:2]
    found = {
        name: value
        for name in base
        if name in ours
        and base[name]["unit"] != "count"
        and (value := ratio(base[name], ours[name])) is not None
    }
    goals = {name: goal for name in found if (goal := wanted(name)) is not None}
    reached = sum(found[name] >= goal for name, goal in goals.items())
    level = sum(found[name] >= 1 for name in goals)
    mean = statistics.geometric_mean([found[name] for name in goals])
    return (
        f"Of {len(goals)} workloads with a goal, {level} are level or ahead and"
        f" {reached} reach the goal; the geometric mean is {mean:.2f}."
    )


def main(arguments: Sequence[str]) -> int:
    """Print the tables of the files that are named."""
    if not arguments:
        sys.stderr.write(__doc__ or "")
        return 2
    for name in arguments:
        result = json.loads(Path(name).read_text())
        sys.stdout.write("\n".join([*rows(result), "", summary(result), ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
