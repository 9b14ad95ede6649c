"""Rates of samples that differ in their share of solved problems, made comparable.

The search's sample is half solved and half failed (`search.problem_sample`), the held-out one is
not, and what steering does depends on which a problem is. So a rate of all problems is weighted
to the baseline's pass rate: rate among solved times pass rate, plus rate among failed times the
rest (post-stratification). The pass rate is that of the whole baseline, so it is known; intervals
are those of a weighted sum of two independent proportions, from Wilson's intervals of each by the
method of variance estimates recovery (Zou, Huang and Zhang 2009).

The sample is also stratified by complexity; among the solved ones, and among the failed ones, it
is near the baseline's mix of complexities but not weighted to it.
"""

from collections.abc import Mapping, Sequence
from math import hypot
from typing import Any

from common.terms import SteeringType
from phase4_5.analysis.metrics import METRIC, METRICS, Share
from phase4_5.analysis.statistics import Interval, wilson_interval
from phase4_5.records import (
    CoefficientSummary,
    FinalEvaluation,
    Population,
    ProgramRecord,
    WeightedRates,
)

Weighted = tuple[float, Share]
"""A weight, negative for what is taken off, and the share that it is given."""


def weighted_sum(parts: Sequence[Weighted]) -> tuple[float, Interval]:
    """The weighted sum of independent shares, in percent or points, with its 95 % interval.

    Raises:
        ValueError: a share is of no problems.
    """
    total, below, above = 0.0, [], []
    for weight, share in parts:
        rate, interval = share.percent, wilson_interval(share.part, share.whole)
        if rate is None or interval is None:
            raise ValueError("a share of no problems has no rate")
        total += weight * rate
        ends = sorted((weight * (rate - interval[0]), weight * (rate - interval[1])))
        above.append(ends[0])
        below.append(ends[1])
    return total, (total - hypot(*below), total + hypot(*above))


def weighted_rates(
    records: Sequence[ProgramRecord], population: Population
) -> WeightedRates | None:
    """All metrics of one coefficient, as they would be in the whole baseline.

    Returns:
        None where the records hold none of the solved problems, or none of the failed ones,
        though the baseline has such: then nothing is known of them.
    """
    strata = [
        (weight, [record for record in records if record.baseline_passed == passed])
        for weight, passed in ((population.pass_rate, True), (1 - population.pass_rate, False))
        if weight > 0
    ]
    if not all(listed for _, listed in strata):
        return None
    values: dict[str, Any] = {"pass_rate": 100 * population.pass_rate}
    for metric in METRICS:
        found = [(weight, metric.compute(listed)) for weight, listed in strata]
        shares = [(weight, one) for weight, one in found if isinstance(one, Share)]
        numbers = [(weight, one) for weight, one in found if isinstance(one, float | int)]
        if len(numbers) == len(found):
            values[metric.name] = sum(weight * one for weight, one in numbers)
        # A rate that is of solved or of failed problems alone needs no weights.
        elif len(shares) == len(found) and all(share.whole for _, share in shares):
            values[metric.name], interval = weighted_sum(shares)
            values[f"{metric.name}_interval"] = list(interval)
    values["net_change"], interval = net_change(records, population)
    values["net_change_interval"] = list(interval)
    return WeightedRates.model_validate(values)


def net_change(records: Sequence[ProgramRecord], population: Population) -> tuple[float, Interval]:
    """How the share of the baseline that passes changes, in points, with its 95 % interval.

    Raises:
        ValueError: there is no problem of an outcome that the baseline has.
    """
    shares: list[Weighted] = []
    for weight, name in (
        (1 - population.pass_rate, "correction_rate"),
        (-population.pass_rate, "corruption_rate"),
    ):
        share = METRIC[name].compute(records)
        assert isinstance(share, Share)
        if weight:
            shares.append((weight, share))
    return weighted_sum(shares)


def with_weighted_rates(
    summaries: Mapping[SteeringType, Sequence[CoefficientSummary]],
    columns: Mapping[SteeringType, Mapping[float, Sequence[ProgramRecord]]],
    population: Population,
) -> dict[SteeringType, list[CoefficientSummary]]:
    """The summaries with `weighted`, from the records of each coefficient."""
    return {
        name: [
            row.model_copy(
                update={"weighted": weighted_rates(columns[name][row.coefficient], population)}
            )
            for row in rows
        ]
        for name, rows in summaries.items()
    }


def final_with_weighted_rates(
    finals: Mapping[SteeringType, FinalEvaluation | None],
    records: Sequence[ProgramRecord],
    population: Population,
) -> dict[SteeringType, FinalEvaluation | None]:
    """The final evaluations with `weighted`, from the records of all of them."""
    return {
        name: None
        if final is None
        else final.model_copy(
            update={
                "weighted": weighted_rates(
                    [record for record in records if record.steering_type == name], population
                )
            }
        )
        for name, final in finals.items()
    }
