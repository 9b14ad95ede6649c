"""The optional second stage: between two neighbours of the grid, by golden section.

The grid's steps are threefold, and the best strength may lie between two of them. This stage
narrows the interval between the best coefficient and its better neighbour on the logarithmic axis,
each evaluation one more coefficient on the same problems; "better" is the rule of
`analysis.recommendation`. Where none qualifies, because the best is still too weak and the next
already breaks the code, what is looked for lies between these two, and so it is if the best is too
strong.
It adds to the grid and never replaces it.

Golden section (Kiefer 1953) finds the best point of a curve with one peak. A flip rate of ten
problems is no smooth curve, so what it finds is a candidate.
"""

from collections.abc import Callable, Sequence
from math import log10, sqrt

from common.terms import SteeringType
from phase4_5.analysis.recommendation import FLIP_RATE_BAND, preference, shortcomings
from phase4_5.records import CoefficientSummary

_GOLDEN = (sqrt(5) - 1) / 2
_DIGITS = 3
"""Significant ones of a coefficient: it has to be written down."""


def refine(
    summaries: Sequence[CoefficientSummary],
    steering_type: SteeringType,
    n_evaluations: int,
    evaluate: Callable[[float], CoefficientSummary],
) -> list[CoefficientSummary]:
    """Evaluate up to `n_evaluations` coefficients between the two best neighbours.

    Args:
        summaries: the grid's, from `analysis.metrics.summarise_coefficient`.
        steering_type: the direction, which says what is better.
        n_evaluations: how many coefficients may be added.
        evaluate: makes the summary of a coefficient.

    Returns:
        the summaries of the coefficients that were added, in the order of their evaluation. None
        where there are no two neighbours above 0; fewer where the interval has become so narrow
        that a coefficient of three digits was met before.
    """
    interval = best_neighbours(summaries, steering_type)
    if interval is None:
        return []
    low, high = (log10(coefficient) for coefficient in interval)
    known = {summary.coefficient: summary for summary in summaries}
    added: list[CoefficientSummary] = []

    def better(first: float, second: float) -> bool | None:
        """Whether `first` is better; None if one more evaluation would be too many."""
        for exponent in (first, second):
            coefficient = _rounded(exponent)
            if coefficient in known:
                continue
            if len(added) == n_evaluations:
                return None
            known[coefficient] = evaluate(coefficient)
            added.append(known[coefficient])
        return preference(known[_rounded(first)], steering_type) < preference(
            known[_rounded(second)], steering_type
        )

    while True:
        inner = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _rounded(inner[0]) == _rounded(inner[1]):
            return added
        answer = better(*inner)
        if answer is None:
            return added
        low, high = (low, inner[1]) if answer else (inner[0], high)


def best_neighbours(
    summaries: Sequence[CoefficientSummary], steering_type: SteeringType
) -> tuple[float, float] | None:
    """The best coefficient and the neighbour towards which a better one is looked for.

    In ascending order; None if there are fewer than two above 0.
    """
    ordered = sorted(
        (summary for summary in summaries if summary.coefficient > 0),
        key=lambda summary: summary.coefficient,
    )
    if len(ordered) < 2:
        return None
    keys = [preference(summary, steering_type) for summary in ordered]
    best = keys.index(min(keys))
    too_weak = ordered[best].flip_rate < FLIP_RATE_BAND[0]
    if shortcomings(ordered[best]) and not too_weak:
        # The band lies below the smallest that is too strong.
        best = next(i for i, each in enumerate(ordered) if keys[i][0] == keys[best][0])
    beside = [index for index in (best - 1, best + 1) if 0 <= index < len(ordered)]
    if shortcomings(ordered[best]):
        other = max(beside) if too_weak else min(beside)
    else:
        other = min(beside, key=lambda index: keys[index])
    first, second = sorted((best, other))
    return ordered[first].coefficient, ordered[second].coefficient


def _rounded(exponent: float) -> float:
    return float(f"{10**exponent:.{_DIGITS}g}")
