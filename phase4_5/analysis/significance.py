"""What of a grid's differences is more than chance."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from common.terms import SteeringType
from phase4_5.analysis.statistics import holm, problems_needed
from phase4_5.records import CoefficientSummary, Neighbours, ProgramRecord

Summaries = Mapping[SteeringType, Sequence[CoefficientSummary]]
Columns = Mapping[SteeringType, Mapping[float, Sequence[ProgramRecord]]]
"""For each direction, coefficient -> its records."""


def with_corrected_p(summaries: Summaries) -> dict[SteeringType, list[CoefficientSummary]]:
    """The summaries with `mcnemar_p_holm`: corrected for all coefficients of both directions."""
    corrected = iter(holm([row.mcnemar_p for rows in summaries.values() for row in rows]))
    return {
        steering_type: [row.model_copy(update={"mcnemar_p_holm": next(corrected)}) for row in rows]
        for steering_type, rows in summaries.items()
    }


def compare_neighbours(
    summaries: Summaries, columns: Columns
) -> dict[SteeringType, list[Neighbours]]:
    """For each two neighbouring coefficients, how many problems would tell them apart."""
    return {
        steering_type: _neighbours(rows, columns[steering_type])
        for steering_type, rows in summaries.items()
    }


def _neighbours(
    rows: Sequence[CoefficientSummary], columns: Mapping[float, Sequence[ProgramRecord]]
) -> list[Neighbours]:
    ordered = sorted(rows, key=lambda row: row.coefficient)
    return [
        Neighbours(
            lower=lower.coefficient,
            upper=upper.coefficient,
            difference=upper.flip_rate - lower.flip_rate,
            n_problems_needed=problems_needed(
                _flips(columns[upper.coefficient]), _flips(columns[lower.coefficient])
            ),
        )
        for lower, upper in pairwise(ordered)
    ]


def _flips(records: Sequence[ProgramRecord]) -> list[bool]:
    return [record.flipped for record in sorted(records, key=lambda record: record.task_id)]
