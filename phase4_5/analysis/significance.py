"""What of a grid's differences is more than chance: added to the summaries of all coefficients."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from common.terms import SteeringType
from phase4_5.analysis.statistics import holm, mcnemar_p, problems_needed

Evaluations = Mapping[SteeringType, Sequence[dict[str, Any]]]


def add_p_values(evaluations: Evaluations) -> None:
    """Give each coefficient `mcnemar_p`, against the baseline, and `mcnemar_p_holm`.

    The latter is corrected for all coefficients of both directions.
    """
    rows = [row for listed in evaluations.values() for row in listed]
    for row in rows:
        row["mcnemar_p"] = mcnemar_p(row["n_pass_to_fail"], row["n_fail_to_pass"])
    corrected = holm([row["mcnemar_p"] for row in rows])
    for row, value in zip(rows, corrected, strict=True):
        row["mcnemar_p_holm"] = value


def compare_neighbours(evaluations: Evaluations) -> dict[SteeringType, list[dict[str, Any]]]:
    """For each two neighbouring coefficients, how many problems would tell them apart.

    Args:
        evaluations: for each direction one a coefficient, with its records under `results`.

    Returns:
        `lower` and `upper` coefficient, the `difference` of their flip rates in points (upper
        minus lower), and `n_problems_needed` (`analysis.statistics.problems_needed`).
    """
    return {steering_type: _neighbours(listed) for steering_type, listed in evaluations.items()}


def _neighbours(listed: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    ordered = sorted(listed, key=lambda row: row["coefficient"])
    return [
        {
            "lower": lower["coefficient"],
            "upper": upper["coefficient"],
            "difference": upper["flip_rate"] - lower["flip_rate"],
            "n_problems_needed": problems_needed(_flips(upper), _flips(lower)),
        }
        for lower, upper in pairwise(ordered)
    ]


def _flips(row: Mapping[str, Any]) -> list[bool]:
    ordered = sorted(row["results"], key=lambda record: record["task_id"])
    return [bool(record["flipped"]) for record in ordered]
