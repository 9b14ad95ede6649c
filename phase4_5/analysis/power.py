"""How small an effect the comparison with random directions can show, told before the work.

The test is that of `analysis.random_directions`: p is the larger of the prediction t-test over
directions and the sign-flip test over problems. With k directions, each on some of n problems, the
latent's difference to the mean direction is nearly normal around the true difference d, with

    variance v = latent^2 / n + spread^2 / k,    spread^2 = between^2 + residual^2 / m,

latent^2 being the variance of one of its programs, and m the problems of a direction after those
are taken off that the two-way model spends on differences between problems. The t-test asks for a
difference above t * S * sqrt(1 + 1/k), where S^2 / spread^2 is chi-squared over its degrees of
freedom; the sign-flip test for one above 1.96 standard errors of a
sum whose signs are random. The power is the integral over the difference of both being passed.

A correction is taken to come without corruptions, so it is the *net* effect; random directions are
taken to do nothing on average: an effect is one beyond theirs.
"""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from common.terms import SteeringType
from common.words import counted
from phase4_5.analysis.statistics import CONFIDENCE, MIN_DIFFERING, POWER, SIGNIFICANCE
from phase4_5.records import Detectable, DirectionTest, PowerReport

BETWEEN = sqrt(8.0**2 - 3.8**2)
"""Standard deviation between random directions, in points: on 100 problems their flip rates had one
of 8.0 points, of which sampling alone gives 3.8 (the embedded model, 65 % solved)."""
RESIDUAL = 3.8 * sqrt(100)
"""That of one program of one direction, in points, from the same measurement."""
CALM = 0.0, 13.1
"""The same two where random directions change few programs: at the strength that is chosen for
correct-steering on the embedded model of today."""
MORE = (1, 2, 4)
"""Times the held-out problems."""
PUBLISHED_CORRECTION = 4.0
"""Percent of failing programs corrected in arXiv 2510.02917."""

_STEPS = 2001


@dataclass(frozen=True)
class Design:
    """How a comparison is made, and how much varies; fractions of the problems."""

    n_problems: int
    n_directions: int
    n_per_problem: int
    between: float
    residual: float
    share: float
    """Of the problems that can show an effect."""

    def latent_variance(self, difference: float) -> float:
        """Of one of the latent's programs: shows an effect or not, if its problem can."""
        # Random directions vary as programs do that show an effect at this rate.
        base = (1 - sqrt(max(0.0, 1 - 4 * self.residual**2 / self.share))) / 2
        rate = min(1.0, base + difference / self.share)
        return self.share * rate * (1 - rate)

    @property
    def freedom(self) -> int:
        """Of the t-test: one less than directions, for each group that meets no other.

        `search.controls.spread_controls` gives each problem the directions after the last one's.
        """
        k, each = self.n_directions, self.n_per_problem
        return k - (k // each if k % each == 0 else 1)

    @property
    def spread(self) -> float:
        """Standard deviation of the directions' effects as the t-test sees it."""
        information = self.n_problems * (self.n_per_problem - 1) / max(1, self.freedom)
        return sqrt(self.between**2 + self.residual**2 / max(information, 1e-9))


def power(design: Design, difference: float) -> float:
    """The probability that a latent with this true difference is told from random directions.

    Args:
        design: with at least two directions, and two on each problem.
        difference: latent less mean direction, a fraction of the problems, above 0.
    """
    from scipy.special import chdtr, ndtri, stdtrit

    n, k, freedom = design.n_problems, design.n_directions, design.freedom
    if freedom < 1:
        return 0.0
    latent = design.latent_variance(difference)
    deviation = max(1e-9, sqrt(latent / n + design.spread**2 / k))
    seen = difference + deviation * np.linspace(-6, 6, _STEPS)
    critical = float(stdtrit(freedom, 1 - SIGNIFICANCE / 2)) * sqrt(1 + 1 / k)
    ratio = np.maximum(seen, 0.0) / (critical * max(design.spread, 1e-9))
    over_directions = chdtr(freedom, freedom * ratio**2)
    beside = design.residual**2 / design.n_per_problem
    square = (latent + beside + seen**2) / n
    normal = float(ndtri((1 + CONFIDENCE) / 2))
    over_problems = (seen > normal * np.sqrt(square)) & (n * seen >= MIN_DIFFERING - 0.5)
    likely = np.exp(-0.5 * ((seen - difference) / deviation) ** 2)
    # Normalised over the same steps: the sums are the trapezoid rule's.
    return float((likely * over_directions * over_problems).sum() / likely.sum())


def smallest_effect(design: Design) -> float | None:
    """The smallest difference with the power `POWER`, a fraction of the problems.

    None if even all problems that can show it aren't enough.
    """
    from scipy.optimize import brentq

    largest = design.share
    if design.n_directions < 2 or largest <= 0 or power(design, largest) < POWER:
        return None
    return float(brentq(lambda one: power(design, one) - POWER, 1e-9, largest, xtol=1e-5))


def power_of_run(
    steering_type: SteeringType,
    n_problems: int,
    n_solved: int,
    n_directions: int,
    n_per_problem: int,
    measured: DirectionTest | None = None,
) -> PowerReport:
    """What a comparison on held-out problems can show, and what more of them would buy.

    Args:
        steering_type: the direction, which says what effect is wanted.
        n_problems: held-out problems.
        n_solved: those of them that the unsteered model solved.
        n_directions: random directions.
        n_per_problem: with how many of them each problem is tried.
        measured: the comparison that was made, whose variation stands in the place of an earlier
            run's.
    """
    n_that_can = n_solved if steering_type == "incorrect" else n_problems - n_solved
    between, residual = BETWEEN, RESIDUAL
    known = measured is not None and measured.between is not None and measured.residual is not None
    if known:
        assert measured is not None
        between, residual = measured.between or 0.0, measured.residual or 0.0

    def with_problems(times: int, between: float, residual: float) -> Detectable:
        n = n_problems * times
        wanted = max(n_per_problem, ceil(2 * n_directions / n))
        share = n_that_can / n_problems
        design = Design(
            n, n_directions, min(n_directions, wanted), between / 100, residual / 100, share
        )
        smallest = smallest_effect(design)
        return Detectable(
            n_problems=n,
            n_that_can=n_that_can * times,
            of_all=None if smallest is None else 100 * smallest,
            of_those=None if smallest is None else 100 * smallest / share,
        )

    rows = [with_problems(times, between, residual) for times in MORE if n_problems]
    calm = None if known or not n_problems else with_problems(1, *CALM)
    return PowerReport(
        basis="measured" if known else "planned",
        n_directions=n_directions,
        n_per_problem=n_per_problem,
        between=between,
        residual=residual,
        detectable=rows,
        calm=calm,
        statement=_statement(steering_type, rows, calm, n_directions, known),
    )


def _statement(
    steering_type: SteeringType,
    rows: list[Detectable],
    calm: Detectable | None,
    n_directions: int,
    known: bool,
) -> str:
    if not rows or n_directions < 2:
        return (
            "No effect can be told from that of random directions: that needs held-out problems "
            "and at least 2 directions (PVA_SAE_PHASE4_5_FINAL_EVAL_PROBLEMS, "
            "PVA_SAE_PHASE4_5_FINAL_CONTROLS)."
        )
    now, *more = rows
    what, those = (
        ("correction, less corruptions,", "failed")
        if steering_type == "correct"
        else ("corruption into valid programs", "solved")
    )
    varying = "as they did here" if known else "as widely as strong ones on the embedded model"
    held_out = counted(now.n_problems, "held-out problem")
    head = f"With {held_out} ({now.n_that_can} {those} at baseline) and "
    head += f"{n_directions} random directions, if these differ {varying}, "
    if now.of_all is None or now.of_those is None:
        told = f"even the {what} of all {those} problems can't be shown with 80 % power"
    else:
        told = (
            f"the smallest {what} that can be shown with 80 % power is {now.of_those:.0f} % of the "
            f"{those} problems, {now.of_all:.0f} % of all, beyond what random directions do"
        )
    bought = ", ".join(
        f"with {row.n_problems} "
        + (
            "not even all"
            if row.of_those is None
            else f"{row.of_those:.0f} % ({row.of_all:.0f} % of all)"
        )
        for row in more
    )
    weak = ""
    if calm is not None and calm.of_those is not None:
        weak = (
            f" Where random directions change few programs, it is {calm.of_those:.0f} % "
            f"({calm.of_all:.0f} % of all)."
        )
    return f"{head}{told}; {bought}.{weak}"


def unseen_correction(n_failed: int) -> str:
    """How often the search would see nothing of an effect as small as the published one."""
    unseen = 100 * (1 - PUBLISHED_CORRECTION / 100) ** n_failed
    return (
        f"An effect as small as the published one ({PUBLISHED_CORRECTION:g} % of failed programs "
        f"corrected) shows no correction at all among {counted(n_failed, 'failed problem')} in "
        f"{unseen:.0f} of 100 searches; more problems (--problems) show more."
    )
