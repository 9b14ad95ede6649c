"""The chosen coefficients on problems that had no part in choosing them."""

import random
from collections.abc import Collection, Sequence
from typing import Any

from phase3_6.baseline import BaselineProblem
from phase4_5.grid import Record
from phase4_5.metrics import rate_with_interval, summarise_coefficient
from phase4_5.selecting import shortcomings
from phase4_5.statistics import mcnemar_p


def held_out_problems(
    baseline: Sequence[BaselineProblem],
    used: Collection[BaselineProblem],
    count: int,
    seed: int,
) -> list[BaselineProblem]:
    """Up to `count` baseline problems that the search hasn't `used`, ordered by `task_id`.

    If there are more, a simple random sample, so that rates are those of the split; the same for
    the same seed.
    """
    taken = {problem.task_id for problem in used}
    rest = sorted(
        (problem for problem in baseline if problem.task_id not in taken),
        key=lambda problem: problem.task_id,
    )
    if len(rest) > count:
        rest = random.Random(seed).sample(rest, count)
    return sorted(rest, key=lambda problem: problem.task_id)


def summarise_final(records: Sequence[Record]) -> dict[str, Any]:
    """What `summarise_coefficient` tells, and `preservation_rate`, `mcnemar_p`, `shortcomings`.

    The preservation rate is the percentage of baseline passes that still pass: what is left of
    the corruption rate. The shortcomings are what would keep the coefficient from being
    recommended by these problems.
    """
    summary = summarise_coefficient(records)
    n_passed = summary["n_baseline_passed"]
    return {
        **summary,
        **rate_with_interval("preservation_rate", n_passed - summary["n_pass_to_fail"], n_passed),
        "mcnemar_p": mcnemar_p(summary["n_pass_to_fail"], summary["n_fail_to_pass"]),
        "shortcomings": shortcomings(summary),
    }
