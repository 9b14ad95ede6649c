"""Does the latent do what is wanted, more than a random direction of the same norm does?

Random directions differ among themselves, and the latent is one draw too: so the question is
whether it lies outside the population that the random ones are drawn from. Each problem is tried
with the latent and with some of the directions; directions and problems are told apart by a two-way
additive model (effect = problem + direction + rest), fitted by least squares.

p is the larger of two: across directions, the prediction t-test of one more draw,
(latent - mean) / (sd * sqrt(1 + 1/k)), where sd is that of directions each tried on as many
problems as these were; across problems, the exact sign-flip test. The latent has more problems than
each direction, which makes the first cautious. It takes effects of directions to be about normal
(benchmarks/README.md has its level where they aren't); where the directions don't differ at all
nothing is known of how they would, and p is that of the rank, 1 / (k + 1).

The interval is that of the difference to the *mean* direction: one direction more may differ from
the mean by more, which is what p asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from common.terms import SteeringType
from phase4_5.analysis.statistics import CONFIDENCE, SIGNIFICANCE, Interval, paired_difference
from phase4_5.records import DirectionTest, Outcome, ProgramRecord

MIN_DIRECTIONS = 2
"""Below this nothing is known of how directions differ."""

EFFECT_WANTED: dict[SteeringType, str] = {
    "correct": "corrections less corruptions",
    "incorrect": "programs that became wrong, still valid and with their signature",
}
"""In words."""


def wanted_effect(record: ProgramRecord) -> int:
    """What steering did to a program, as it is wanted: 1, 0, or -1 for its opposite.

    Of correct-steering: 1 for a correction, -1 for a corruption. Of incorrect-steering: 1 for a
    program that passed and no longer does, though Python can still parse it and its function can be
    called as before; a program that fell apart isn't counted.
    """
    if record.steering_type == "correct":
        return int(record.steered_passed) - int(record.baseline_passed)
    became_wrong = record.baseline_passed and not record.steered_passed
    return int(became_wrong and record.valid_syntax and record.signature_intact)


RANDOM = "random directions of the same norm"
MATCHED = "latents of the nearest firing rates that separate nothing"


def against_directions(
    latent: Sequence[ProgramRecord],
    directions: Mapping[str, Sequence[ProgramRecord]],
    where: str,
    what: str = RANDOM,
) -> DirectionTest | None:
    """Compare the wanted effect of a latent with that of random directions.

    Args:
        latent: its records, one a problem.
        directions: each direction's records, of at least one of these problems.
        where: what the statement says the comparison is about, e.g. `on 100 held-out problems`.
        what: what the statement says the directions are.

    Returns:
        None if there are fewer than `MIN_DIRECTIONS`.
    """
    if len(directions) < MIN_DIRECTIONS:
        return None
    tasks = {record.task_id: row for row, record in enumerate(latent)}
    effects = np.array([wanted_effect(record) for record in latent], dtype=float)
    tried = np.zeros((len(tasks), len(directions)), dtype=bool)
    others = np.zeros(tried.shape)
    for column, records in enumerate(directions.values()):
        for record in records:
            row = tasks[record.task_id]
            tried[row, column] = True
            others[row, column] = wanted_effect(record)
    return _told(compare_directions(effects, others, tried), latent[0], tried, where, what)


@dataclass(frozen=True)
class Compared:
    """What the two-way model says. Effects are fractions of the problems."""

    effect: float
    """Of the latent, on all problems."""
    difference: float
    """Of the latent and the mean direction, on the same problems."""
    interval: Interval
    p_directions: float
    p_problems: float
    n_less: int
    """Directions with a smaller effect."""
    between: float
    """Standard deviation between directions."""
    residual: float
    """Standard deviation of one program of one direction, problems and directions taken off."""


def compare_directions(latent: np.ndarray, others: np.ndarray, tried: np.ndarray) -> Compared:
    """Fit the model at the top of this module.

    Args:
        latent: its effect on each problem [n_problems].
        others: the effect of each direction [n_problems, n_directions], where it was tried.
        tried: where that is; at least one direction of each problem.
    """
    from scipy.stats import t

    others = np.where(tried, others, 0.0)
    n, k = tried.shape
    with_latent = _fit(
        np.column_stack([latent, others]), np.column_stack([np.ones(n, dtype=bool), tried])
    )
    alone = _fit(others, tried)
    difference = float(with_latent.effects[0] - with_latent.effects[1:].mean())

    freedom = alone.freedom
    spread = alone.mean_square * freedom / alone.information * (1 + 1 / k)
    p_directions = 1.0
    if freedom and spread < 1e-12 and abs(difference) > 1e-12:
        p_directions = 1 / (k + 1)
    elif freedom:
        p_directions = 2 * float(t.sf(_ratio(abs(difference), sqrt(spread)), freedom))

    beside = others.sum(axis=1) / tried.sum(axis=1)
    # Both between 0 and 1, as shares are.
    p_problems = paired_difference(list((latent + 1) / 2), list((beside + 1) / 2)).p

    between = max(0.0, (alone.mean_square - alone.residual) * freedom / alone.information)
    error = sqrt(float((latent - beside).var(ddof=1)) / n + between / k) if n > 1 else inf
    margin = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error if freedom else inf
    return Compared(
        effect=float(latent.mean()),
        difference=difference,
        interval=(max(-2.0, difference - margin), min(2.0, difference + margin)),
        p_directions=min(1.0, p_directions),
        p_problems=p_problems,
        n_less=int((with_latent.effects[1:] < with_latent.effects[0] - 1e-9).sum()),
        between=sqrt(between),
        residual=sqrt(alone.residual),
    )


@dataclass(frozen=True)
class _Fit:
    effects: np.ndarray
    """Of the directions, adjusted for the problems."""
    mean_square: float
    """Between directions."""
    freedom: int
    """Comparisons of directions that meet in a problem: one less for each group of directions that
    meets no other."""
    residual: float
    information: float
    """What a variance between directions of 1 adds to their sum of squares."""


def _fit(values: np.ndarray, tried: np.ndarray) -> _Fit:
    """Least squares of value = problem + direction, by eliminating the problems."""
    counts = tried.astype(float)
    n_of_problem = tried.sum(axis=1)
    matrix = np.diag(counts.sum(axis=0)) - counts.T @ (counts / n_of_problem[:, None])
    right = values.sum(axis=0) - counts.T @ (values.sum(axis=1) / n_of_problem)
    # One direction of each group that meets no other is free: its singular value isn't quite 0.
    effects = np.linalg.pinv(matrix, rcond=1e-10, hermitian=True) @ right
    between = float(effects @ right)
    total = float((values**2).sum() - (values.sum(axis=1) ** 2 / n_of_problem).sum())
    freedom = int(np.linalg.matrix_rank(matrix, tol=1e-8, hermitian=True))
    left_over = int(tried.sum()) - len(tried) - freedom
    return _Fit(
        effects=effects,
        mean_square=max(0.0, between) / max(1, freedom),
        freedom=freedom,
        residual=max(0.0, total - between) / left_over if left_over > 0 else 0.0,
        information=max(1e-9, float(np.trace(matrix))),
    )


def _ratio(difference: float, error: float) -> float:
    if error < 1e-12:
        return inf if difference > 1e-12 else 0.0
    return difference / error


_MEANING: dict[Outcome, str] = {
    "more": "more than {} do",
    "less": "less than {} do",
    "alike": "which can't be told from what {} do",
}


def _signed(value: float) -> str:
    """Points or percent with a sign, which 0 has none of."""
    return f"{value:+.1f}" if abs(value) >= 0.05 else "0.0"


def _told(
    found: Compared, first: ProgramRecord, tried: np.ndarray, where: str, what: str
) -> DirectionTest:
    p = max(found.p_directions, found.p_problems)
    outcome: Outcome = "alike"
    if p < SIGNIFICANCE:
        outcome = "more" if found.difference > 0 else "less"
    n, k = tried.shape
    low, high = (100 * bound for bound in found.interval)
    mean = 100 * (found.effect - found.difference)
    return DirectionTest(
        n_directions=k,
        n_problems=n,
        n_programs=int(tried.sum()),
        effect=100 * found.effect,
        directions_effect=mean,
        difference=100 * found.difference,
        interval=[low, high],
        p_directions=found.p_directions,
        p_problems=found.p_problems,
        p=p,
        n_less=found.n_less,
        between=100 * found.between,
        residual=100 * found.residual,
        outcome=outcome,
        statement=(
            f"At {first.coefficient:g} {where} the latent's effect "
            f"({EFFECT_WANTED[first.steering_type]}) is {_signed(100 * found.effect)} % of the "
            f"problems, {_MEANING[outcome].format(what)} ({_signed(mean)} % on average; difference "
            f"to their mean {_signed(100 * found.difference)} points, 95 % interval {_signed(low)} "
            f"to {_signed(high)}; p = {p:.2g} for one more of them to differ as much; "
            f"{found.n_less} of these {k} do less)."
        ),
    )
