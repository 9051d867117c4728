"""The table of a benchmark: ratios are of samples side by side, never of averages."""

from __future__ import annotations

import pytest

from tests.perf.table import ratio, rows, summary, wanted


def measured(unit: str, *samples: float) -> dict[str, object]:
    return {"unit": unit, "samples": list(samples), "median": sorted(samples)[1]}


RESULT = {
    "targets": {
        "theirs": {
            "results": {
                "noop": measured("ms", 2, 4, 40),
                "login": measured("logins/s", 100, 100, 100),
                "only_there": measured("ms", 1, 1, 1),
                "mixed_errors": measured("count", 0, 0, 0),
            }
        },
        "ours": {
            "results": {
                "noop": measured("ms", 1, 1, 10),
                "login": measured("logins/s", 250, 2_000, 300),
                "mixed_errors": measured("count", 0, 0, 0),
            }
        },
    }
}


def test_a_time_is_better_when_it_is_less_and_a_rate_when_it_is_more():
    assert ratio(measured("ms", 2, 4, 40), measured("ms", 1, 1, 10)) == 4
    assert ratio(measured("msg/s", 1, 1, 1), measured("msg/s", 3, 3, 3)) == 3


def test_nothing_is_compared_with_what_was_not_measured():
    assert ratio(measured("ms", 0, 0, 0), measured("ms", 1, 1, 1)) is None


def test_each_workload_of_both_is_a_row_with_its_goal():
    assert list(rows(RESULT))[2:] == [
        "| `noop` | ms | 4 | 1 | 4.00 | 1 |",
        "| `login` | logins/s | 100 | 300 | 3.00 | 5 |",
    ]


def test_the_summary_counts_goals():
    assert summary(RESULT) == (
        "Of 2 workloads with a goal, 2 are level or ahead and 1 reach the goal;"
        " the geometric mean is 3.46."
    )


@pytest.mark.parametrize(
    ("workload", "goal"),
    [
        ("fetch_envelope_warm", 5),
        ("fetch_envelope_first", 3),
        ("search_body_rare", 50),
        ("search_body_rare_first", 3),
        ("idle_memory", None),
    ],
)
def test_the_longest_prefix_names_the_goal(workload: str, goal: float | None):
    assert wanted(workload) == goal
