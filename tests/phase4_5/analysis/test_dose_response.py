"""The curve's numbers against statsmodels' GEE, and its silence where data can't tell."""

import numpy as np
import pytest
from report_runs import make_record
from scipy.stats import t
from statsmodels.genmod.cov_struct import Independence
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_estimating_equations import GEE

from phase4_5.analysis.dose_response import fit_dose_response
from phase4_5.records import Population

COEFFICIENTS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
HALF = Population(n_problems=100, n_passed=50)


def columns(wrong, broken=None):
    """Of incorrect-steering, from arrays [n_problems, n_coefficients]: all solved at baseline."""
    lost = np.zeros_like(wrong) if broken is None else broken
    return {
        coefficient: [
            make_record(
                task,
                "incorrect",
                coefficient,
                steered_passed=not (wrong[task, at] or lost[task, at]),
                valid_syntax=not lost[task, at],
                token_similarity=0.9,
                char_similarity=0.9,
                length_ratio=1.0,
            )
            for task in range(len(wrong))
        ]
        for at, coefficient in enumerate(COEFFICIENTS[: wrong.shape[1]])
    }


def drawn(n=40, seed=2):
    """Problems that differ; the effect is largest at 10 ** 1.5 = 32, and code doesn't break."""
    rng = np.random.default_rng(seed)
    x = np.log10(COEFFICIENTS)
    logit = -0.3 - 2 * (x - 1.5) ** 2 + rng.normal(0, 1, (n, 1))
    return rng.random(logit.shape) < 1 / (1 + np.exp(-logit))


def test_without_breaking_it_is_fiellers_interval_of_gee():
    wrong = drawn()
    found = fit_dose_response(columns(wrong), "incorrect", HALF, 10.0)
    n, k = wrong.shape
    x = np.log10(COEFFICIENTS)
    design = np.tile(np.column_stack([np.ones(k), x, x**2]), (n, 1))
    result = GEE(
        wrong.ravel().astype(float),
        design,
        groups=np.repeat(np.arange(n), k),
        family=Binomial(),
        cov_struct=Independence(),
    ).fit()
    _, linear, square = result.params
    cov = np.asarray(result.cov_params()) * n / (n - 3)
    assert found.best is not None and found.interval is not None
    assert np.log10(found.best) == pytest.approx(-linear / (2 * square), abs=0.01)
    # Strengths at which a slope of linear + 2 square x = 0 isn't refused.
    places = np.linspace(0, 3, 6001)
    error = np.sqrt(cov[1, 1] + 4 * places * cov[1, 2] + 4 * places**2 * cov[2, 2])
    held = places[abs(linear + 2 * square * places) <= t.ppf(0.975, n - 3) * error]
    assert np.log10(found.interval) == pytest.approx([held[0], held[-1]], abs=0.02)


def test_the_statement_tells_strength_interval_and_what_the_rule_named():
    found = fit_dose_response(columns(drawn()), "incorrect", HALF, 10.0)
    assert found.best is not None and found.interval is not None
    low, high = found.interval
    inside = "inside" if low <= 10 <= high else "outside"
    assert found.statement == (
        f"The fit puts the best strength at {found.best:.3g} [{low:.3g}–{high:.3g}]; the rule "
        f"names 10, {inside} this 95 % interval."
    )
    assert low < found.best < high
    assert [point.coefficient for point in found.observed] == list(COEFFICIENTS)
    at_30 = found.observed[3]
    assert at_30.effect == pytest.approx(100 * drawn()[:, 3].mean())


def test_an_effect_that_falls_because_code_breaks_peaks_before_it_breaks():
    rng = np.random.default_rng(3)
    x = np.log10(COEFFICIENTS)
    shift = rng.normal(0, 0.25, (60, 1))
    broken = rng.random((60, 7)) < 1 / (1 + np.exp(-(x - 2.0 - shift) / 0.15))
    wrong = (rng.random((60, 7)) < 1 / (1 + np.exp(-(x - 1.4 - shift) / 0.15))) & ~broken
    found = fit_dose_response(columns(wrong, broken), "incorrect", HALF, 10.0)
    assert found.best is not None
    assert 30 < found.best < 90


def nothing(n=20):
    return np.zeros((n, 7), dtype=bool)


def rising(n=20):
    """The more, the larger the coefficient: the largest effect may lie beyond the grid."""
    return np.arange(n)[:, None] < np.array([1, 3, 6, 9, 12, 15, 17])


def jumping(n=20):
    table = nothing(n)
    table[:, 3] = True
    return table


@pytest.mark.parametrize(
    ("table", "why", "words"),
    [
        (nothing(), "few effects", "0 programs show the effect wanted"),
        (drawn(6), "few problems", "a curve needs 8 problems"),
        (drawn()[:, :3], "few coefficients", "a curve needs 4 coefficients"),
        (drawn()[:0], "no problems", "no problem of the search"),
        (rising(), "edge", "at or beyond an end of the grid (1 to 1000)"),
        (jumping(), "separated", "jump from none to all between two neighbours"),
    ],
)
def test_where_it_cannot_tell_it_says_so_instead_of_a_number(table, why, words):
    found = fit_dose_response(columns(table), "incorrect", HALF, 10.0)
    assert (found.best, found.interval, found.no_peak) == (None, None, why)
    assert found.statement.startswith("The fit can't tell the best strength: ")
    assert words in found.statement


def test_of_correct_steering_corruptions_are_taken_off():
    rng = np.random.default_rng(5)
    x = np.log10(COEFFICIENTS)
    right = rng.random((50, 7)) < 0.6 / (1 + np.exp(-(x - 1) / 0.2))
    spoiled = rng.random((50, 7)) < 1 / (1 + np.exp(-(x - 2) / 0.2))

    def table(spoiled):
        return {
            coefficient: [
                make_record(
                    i,
                    coefficient=coefficient,
                    baseline_passed=i >= 50,
                    steered_passed=bool(right[i, at] if i < 50 else not spoiled[i - 50, at]),
                    token_similarity=0.9,
                    char_similarity=0.9,
                    length_ratio=1.0,
                )
                for i in range(100)
            ]
            for at, coefficient in enumerate(COEFFICIENTS)
        }

    found = fit_dose_response(table(spoiled), "correct", HALF, 10.0)
    assert found.curve[-1].effect < 0 < max(point.effect for point in found.curve)
    net = 0.5 * right.mean(axis=0) - 0.5 * spoiled.mean(axis=0)
    assert [point.effect for point in found.observed] == pytest.approx(list(100 * net))
    assert found.best is not None and found.best < 100
