"""How often the 95 % intervals of the summary, the reports and the page hold the truth.

    python3 -m benchmarks.coverage [--repetitions 2000] [--problems 100]

Problems differ (random effects), directions differ as they were measured to
(`phase4_5.analysis.power`). True rates are drawn anew for each repetition, evenly from the range
that a row names, so that coverage is an average over them, not that of one lucky rate.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from common.terms import SteeringType
from phase4_5.analysis.dose_response import fit_dose_response
from phase4_5.analysis.metrics import Share
from phase4_5.analysis.power import BETWEEN, RESIDUAL, Design, smallest_effect
from phase4_5.analysis.random_directions import compare_directions
from phase4_5.analysis.statistics import paired_difference, wilson_interval
from phase4_5.analysis.weighted_rates import Weighted, weighted_sum
from phase4_5.records import Population, ProgramRecord

COEFFICIENTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
PASS_RATE = 0.65
"""Of the embedded model's baseline."""


@dataclass(frozen=True)
class Row:
    """Of the table."""

    interval: str
    rates: str
    covered: float
    n: int
    """Intervals; of the curve those that were named."""
    repetitions: int


def holds(interval: Sequence[float] | np.ndarray, truth: float) -> bool:
    """Whether an interval has the truth in it."""
    return interval[0] - 1e-9 <= truth <= interval[1] + 1e-9


def rate(n: int, low: float, high: float, rng: np.random.Generator) -> bool:
    """Wilson's interval of a rate."""
    true = rng.uniform(low, high)
    interval = wilson_interval(int(rng.binomial(n, true)), n)
    assert interval is not None
    return holds(interval, 100 * true)


def weighted(n_solved: int, n_failed: int, sign: int, rng: np.random.Generator) -> bool:
    """A weighted flip rate (`sign` 1) or change of the pass rate (-1)."""
    corrected, corrupted = rng.uniform(0.02, 0.3), rng.uniform(0.02, 0.7)
    parts: list[Weighted] = [
        (1 - PASS_RATE, Share(int(rng.binomial(n_failed, corrected)), n_failed)),
        (sign * PASS_RATE, Share(int(rng.binomial(n_solved, corrupted)), n_solved)),
    ]
    true = (1 - PASS_RATE) * corrected + sign * PASS_RATE * corrupted
    return holds(weighted_sum(parts)[1], 100 * true)


def pairs(n: int, rng: np.random.Generator) -> bool:
    """Flips of a latent less those of a control, on the same problems."""
    ease = rng.normal(0, 1, n)
    first, second = rng.uniform(-2, 1, 2)
    ones, others = (rng.random(n) < _logistic(level + ease) for level in (first, second))
    true = _mean_logistic(first) - _mean_logistic(second)
    found = paired_difference(list(ones.astype(float)), list(others.astype(float)))
    return holds(found.interval, 100 * true)


def directions(n: int, rng: np.random.Generator) -> bool:
    """The wanted effect of a latent less that of the mean direction."""
    base, lift = 0.33, rng.uniform(0, 0.4)
    latent, others, tried, mean = draw_directions(n, 20, 5, base, lift, BETWEEN / 100, rng)
    interval = compare_directions(latent, others, tried).interval
    return holds(interval, PASS_RATE * (base + lift - mean))


def draw_directions(
    n: int, k: int, each: int, base: float, lift: float, between: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """A latent and k directions, each problem with `each` of them, and the mean direction's rate.

    `PASS_RATE` of the problems can show an effect: random directions at a rate around `base`, the
    latent at `base + lift`; `between` is their standard deviation over all problems.
    """
    can = rng.random(n) < PASS_RATE
    deviation = between / PASS_RATE
    likely = np.clip(base + rng.normal(0, deviation, k), 0, 1)
    mean = float(np.clip(base + rng.normal(0, deviation, 20_000), 0, 1).mean())
    latent = (rng.random(n) < base + lift) & can
    others = (rng.random((n, k)) < likely) & can[:, None]
    tried = np.zeros((n, k), dtype=bool)
    for place, row in enumerate(rng.permutation(n)):
        tried[row, (place * each + np.arange(each)) % k] = True
    return latent.astype(float), others.astype(float), tried, mean


def power_of_test(n: int, repetitions: int, rng: np.random.Generator) -> tuple[float, float]:
    """The effect announced for n problems (of all), and how often the real test shows it."""
    design = Design(n, 20, 5, BETWEEN / 100, RESIDUAL / 100, PASS_RATE)
    smallest = smallest_effect(design)
    assert smallest is not None
    base = 0.33  # Of these problems: a program then varies by RESIDUAL points.
    shown = 0
    for _ in range(repetitions):
        latent, others, tried, _ = draw_directions(
            n, 20, 5, base, smallest / PASS_RATE, BETWEEN / 100, rng
        )
        found = compare_directions(latent, others, tried)
        shown += max(found.p_directions, found.p_problems) < 0.05 and found.difference > 0
    return smallest, shown / repetitions


Shape = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From log10 coefficients and two random effects of the problems, the probabilities that code
breaks, and that code which didn't shows the effect wanted."""

SHAPES: dict[str, Shape] = {
    "window, thresholds differ": lambda x, u, _: (
        _logistic((x - 2.0 - 0.25 * u) / 0.15),
        _logistic((x - 1.4 - 0.25 * u) / 0.15),
    ),
    "window, levels differ": lambda x, u, v: (
        _logistic((x - 1.7) / 0.3 + u),
        _logistic((x - 1.6) / 0.3 + v),
    ),
    "fades without breaking": lambda x, _, v: (
        np.zeros(np.broadcast_shapes(x.shape, v.shape)),
        _logistic(-0.3 - 2 * (x - 1.5) ** 2 + v),
    ),
    "plateau at 80 %": lambda x, u, v: (
        _logistic((x - 2.0) / 0.15 + u),
        0.8 * _logistic((x - 1.2) / 0.2 + v),
    ),
}


def curve(shape: str, n: int, rng: np.random.Generator) -> bool | None:
    """The best strength of incorrect-steering; None where the fit doesn't name one."""
    n_solved = n // 2
    shift = rng.uniform(-0.2, 0.2)
    breaks, shows = SHAPES[shape](np.log10(COEFFICIENTS) - shift, *_effects(n_solved, rng))
    broken = rng.random(breaks.shape) < breaks
    wrong = (rng.random(shows.shape) < shows) & ~broken
    columns = {
        coefficient: [
            program(task, coefficient, True, not (lost or bad), not lost, "incorrect")
            for task, (lost, bad) in enumerate(zip(broken[:, at], wrong[:, at], strict=True))
        ]
        for at, coefficient in enumerate(COEFFICIENTS)
    }
    population = Population(n_problems=2 * n_solved, n_passed=n_solved)
    found = fit_dose_response(columns, "incorrect", population, 10.0)
    if found.interval is None:
        return None
    return holds(np.log10(found.interval), _peaks()[0][shape] + shift)


def net_curve(n: int, rng: np.random.Generator) -> bool | None:
    """The best strength of correct-steering: corrections less corruptions."""
    x = np.log10(COEFFICIENTS)
    half = n // 2
    corrects, corrupts = _net_shapes(x, *_effects(half, rng))
    corrected, corrupted = (rng.random(one.shape) < one for one in (corrects, corrupts))
    columns = {}
    for at, coefficient in enumerate(COEFFICIENTS):
        failed = [
            program(i, coefficient, False, one, True, "correct")
            for i, one in enumerate(corrected[:, at])
        ]
        solved = [
            program(half + i, coefficient, True, not one, True, "correct")
            for i, one in enumerate(corrupted[:, at])
        ]
        columns[coefficient] = [*failed, *solved]
    found = fit_dose_response(columns, "correct", Population(n_problems=100, n_passed=35), 10.0)
    return None if found.interval is None else holds(np.log10(found.interval), _peaks()[1])


def _net_shapes(x: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _logistic(-0.5 - 3 * (x - 1.3) ** 2 + v), _logistic((x - 1.9) / 0.25 + u)


def program(
    task: int,
    coefficient: float,
    passed_before: bool,
    passes: bool,
    valid: bool,
    steering_type: SteeringType,
) -> ProgramRecord:
    """A record with what the curve reads, and nothing else."""
    return ProgramRecord.model_construct(
        task_id=task,
        coefficient=coefficient,
        steering_type=steering_type,
        baseline_passed=passed_before,
        steered_passed=bool(passes),
        valid_syntax=bool(valid),
        signature_intact=bool(valid),
    )


def _logistic(logit: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -500, 500))))


def _mean_logistic(level: float) -> float:
    at, weight = np.polynomial.hermite_e.hermegauss(40)
    return float(_logistic(level + at) @ weight / weight.sum())


def _effects(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(0, 1, (n, 1)), rng.normal(0, 1, (n, 1))


@cache
def _peaks() -> tuple[dict[str, float], float]:
    """The true best strengths, log10, by many problems."""
    x = np.linspace(0, 3, 301)
    effects = _effects(4000, np.random.default_rng(0))
    found = {}
    for name, shape in SHAPES.items():
        breaks, shows = shape(x, *effects)
        found[name] = float(x[((1 - breaks) * shows).mean(axis=0).argmax()])
    corrects, corrupts = _net_shapes(x, *effects)
    net = 0.65 * corrects.mean(axis=0) - 0.35 * corrupts.mean(axis=0)
    return found, float(x[net.argmax()])


def table(n: int, repetitions: int) -> Iterator[Row]:
    """All intervals, at n problems."""
    rng = np.random.default_rng(0)
    failed = round(n * (1 - PASS_RATE))
    few = max(20, repetitions // 5)
    cases: list[tuple[str, str, int, Callable[[], bool | None]]] = [
        ("flip rate", "5-95 %", repetitions, lambda: rate(n, 0.05, 0.95, rng)),
        (
            "correction rate (of failed)",
            "2-50 %",
            repetitions,
            lambda: rate(failed, 0.02, 0.5, rng),
        ),
        (
            "corruption rate, preservation (of solved)",
            "5-95 %",
            repetitions,
            lambda: rate(n - failed, 0.05, 0.95, rng),
        ),
        ("valid syntax, signature", "50-99 %", repetitions, lambda: rate(n, 0.5, 0.99, rng)),
        (
            "weighted flip rate, search",
            "2-30, 2-70 %",
            repetitions,
            lambda: weighted(n // 2, n // 2, 1, rng),
        ),
        (
            "change of pass rate, search",
            "2-30, 2-70 %",
            repetitions,
            lambda: weighted(n // 2, n // 2, -1, rng),
        ),
        (
            "weighted flip rate, held-out",
            "2-30, 2-70 %",
            repetitions,
            lambda: weighted(n - failed, failed, 1, rng),
        ),
        (
            "change of pass rate, held-out",
            "2-30, 2-70 %",
            repetitions,
            lambda: weighted(n - failed, failed, -1, rng),
        ),
        ("difference to controls over the grid", "12-73 %", repetitions, lambda: pairs(n, rng)),
        ("difference to random directions", "lift 0-40 %", repetitions, lambda: directions(n, rng)),
        *(
            (f"best strength: {name}", "peak varied", few, lambda name=name: curve(name, n, rng))
            for name in SHAPES
        ),
        ("best strength, net of corruptions", "one curve", few, lambda: net_curve(n, rng)),
    ]
    for name, rates, times, once in cases:
        found = [one for one in (once() for _ in range(times)) if one is not None]
        yield Row(name, rates, float(np.mean(found)) if found else float("nan"), len(found), times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--problems", type=int, default=100)
    options = parser.parse_args()
    out = sys.stdout
    out.write("| interval | true rates | covered | named |\n|---|---|---|---|\n")
    for row in table(options.problems, options.repetitions):
        out.write(f"| {row.interval} | {row.rates} | {100 * row.covered:.1f} % | ")
        out.write(f"{row.n} of {row.repetitions} |\n")
        out.flush()
    if options.problems >= 20:
        rng = np.random.default_rng(1)
        effect, power = power_of_test(options.problems, options.repetitions // 5, rng)
        out.write(f"\nannounced: {100 * effect:.1f} % of all with 80 % power; ")
        out.write(f"the test shows it {100 * power:.1f} times of 100\n")


if __name__ == "__main__":
    main()
