"""What a few problems can and can't tell: intervals, exact tests, and how many would be needed.

Percent and points (of a percentage) unless said otherwise. The tests are of pairs: every
coefficient is tried on the same problems.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt

import numpy as np

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
POWER = 0.8
MIN_DIFFERING = 6
"""Pairs that differ without which no exact test reaches `SIGNIFICANCE`: 2 / 2**5 is above it."""
MAX_PROBLEMS = 10_000
"""More than this `problems_needed` doesn't count."""

_RESAMPLES = 9999
"""Up to 13 differing problems all sign patterns are tried; beyond, this many at random."""

Interval = tuple[float, float]


def wilson_interval(part: int, whole: int) -> Interval | None:
    """Wilson's score interval of the percentage `part / whole`; None if `whole` is 0."""
    from statsmodels.stats.proportion import proportion_confint

    if whole == 0:
        return None
    low, high = proportion_confint(part, whole, alpha=1 - CONFIDENCE, method="wilson")
    # Rounding can leave 0 and 100 % outside by a hair.
    return (
        0.0 if part == 0 else 100 * float(low),
        100.0 if part == whole else 100 * float(high),
    )


def exact_interval(part: int, whole: int) -> Interval:
    """Clopper and Pearson's interval of the percentage `part / whole`; never too narrow."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(part, whole, alpha=1 - CONFIDENCE, method="beta")
    return 100 * float(low), 100 * float(high)


def mcnemar_p(n_pass_to_fail: int, n_fail_to_pass: int) -> float:
    """The exact two-sided McNemar test: does steering change the share that passes?

    Only flips count: under the null each is as likely in either direction. 1 without flips.
    """
    from statsmodels.stats.contingency_tables import mcnemar

    table = [[0, n_pass_to_fail], [n_fail_to_pass, 0]]
    return min(1.0, float(mcnemar(table, exact=True).pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm 1979), in the same order.

    Not by statsmodels' `multipletests`, which collects the garbage of the whole process at each
    call: half a second beside a loaded model.
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    corrected = np.empty_like(values)
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return [float(value) for value in corrected]


@dataclass(frozen=True)
class PairedDifference:
    """The mean difference of two shares on the same problems, in points."""

    difference: float
    interval: Interval
    p: float
    n_differing: int
    """Problems on which the two differ; with fewer than `MIN_DIFFERING` p can't be small."""


def paired_difference(first: Sequence[float], second: Sequence[float]) -> PairedDifference:
    """Compare two outcomes of the same problems, each between 0 and 1: `first` minus `second`.

    The interval is Bonett and Price's (2012) adjusted Wald interval for paired proportions, which
    adds two problems that differ, one each way; here the outcomes may be means of several runs.
    The p value is that of the exact sign-flip permutation test; where both outcomes are 0 or 1
    this is the exact McNemar test.

    Raises:
        ValueError: there are no problems, or not as many of each.
    """
    from scipy.stats import norm, permutation_test

    if not first or len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} outcomes: pairs are needed")
    differences = np.subtract(first, second)
    n = len(differences) + 2
    mean = differences.sum() / n
    variance = ((differences**2).sum() + 2) / n - mean**2
    margin = norm.ppf((1 + CONFIDENCE) / 2) * sqrt(variance / n)
    # Means of thirds that cancel out leave a rest of rounding.
    differing = differences[abs(differences) > 1e-9]
    p = 1.0
    if differing.size > 1:  # One alone is as likely either way.
        p = permutation_test(
            (differing,),
            np.mean,
            permutation_type="samples",
            n_resamples=_RESAMPLES,
            rng=np.random.default_rng(0),
            vectorized=True,
        ).pvalue
    return PairedDifference(
        difference=100 * float(differences.mean()),
        interval=(100 * max(-1.0, float(mean - margin)), 100 * min(1.0, float(mean + margin))),
        p=min(1.0, float(p)),
        n_differing=len(differing),
    )


def problems_needed(first: Sequence[bool], second: Sequence[bool]) -> int | None:
    """How many problems would tell two coefficients apart, if they differ as they do here.

    The smallest number with which the exact McNemar test of their flips reaches `SIGNIFICANCE`
    with probability `POWER`, the differing problems being as frequent as in `first` and `second`
    (the flips of the same problems under the two coefficients).

    Returns:
        None if they don't differ, or if `MAX_PROBLEMS` aren't enough.
    """
    from scipy.stats import binom

    n_first = sum(a and not b for a, b in zip(first, second, strict=True))
    n_second = sum(b and not a for a, b in zip(first, second, strict=True))
    if n_first == n_second:
        return None
    differ = (n_first + n_second) / len(first)
    share = n_first / (n_first + n_second)
    # The power of the test for each number of differing problems.
    counts = np.arange(MAX_PROBLEMS + 1)
    critical = _critical(MAX_PROBLEMS)
    power = binom.cdf(critical, counts, share) + binom.sf(counts - critical - 1, counts, share)

    def enough(n_problems: int) -> bool:
        likely = binom.pmf(counts, n_problems, differ)
        return float((likely * power).sum()) >= POWER

    if not enough(MAX_PROBLEMS):
        return None
    low, high = 0, MAX_PROBLEMS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@cache
def _critical(most: int) -> np.ndarray:
    """For 0, ..., `most` differing pairs the largest smaller part that is significant (or -1)."""
    from scipy.stats import binom

    counts = np.arange(most + 1)
    critical: np.ndarray = binom.ppf(SIGNIFICANCE / 2, counts, 0.5)
    critical -= binom.cdf(critical, counts, 0.5) > SIGNIFICANCE / 2
    return critical
