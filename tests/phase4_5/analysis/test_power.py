"""The power that is told, recomputed with scipy alone and held against the real test."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2, norm, t

from benchmarks.coverage import power_of_test
from phase4_5.analysis import statistics
from phase4_5.analysis.power import power_of_run, unseen_correction

BETWEEN, RESIDUAL = np.sqrt(8.0**2 - 3.8**2) / 100, 0.38


def power(n, k, each, effect, share, between=BETWEEN, residual=RESIDUAL):
    """As the module says it, by scipy's quadrature."""
    # Four groups of five directions that meet no other.
    df = k - k // each
    spread = np.sqrt(between**2 + residual**2 / (n * (each - 1) / df))
    # Programs of random directions that can show an effect do so at this rate.
    base = (1 - np.sqrt(max(0, 1 - 4 * residual**2 / share))) / 2
    rate = min(1, base + effect / share)
    one = share * rate * (1 - rate)
    deviation = np.sqrt(one / n + spread**2 / k)

    def passed(seen):
        ratio = seen / (t.ppf(0.975, df) * spread * np.sqrt(1 + 1 / k))
        square = (one + residual**2 / each + seen**2) / n
        both = seen > 1.96 * np.sqrt(square) and n * seen >= 5.5
        return norm.pdf(seen, effect, deviation) * both * chi2.cdf(df * ratio**2, df)

    return quad(passed, 0, effect + 8 * deviation, limit=300)[0]


@pytest.mark.parametrize(("steering_type", "share"), [("correct", 0.35), ("incorrect", 0.65)])
def test_the_smallest_effects_that_are_told_have_a_power_of_80_percent(steering_type, share):
    found = power_of_run(steering_type, 100, 65, 20, 5)
    assert [row.n_problems for row in found.detectable] == [100, 200, 400]
    for row in found.detectable:
        assert row.of_all is not None
        assert power(row.n_problems, 20, 5, row.of_all / 100, share) == pytest.approx(
            0.8, abs=0.005
        )
        assert row.of_those == pytest.approx(row.of_all / share)
    now, double, _ = found.detectable
    assert f"{now.of_those:.0f} % of the " in found.statement
    calm = found.calm
    assert calm is not None and calm.of_all is not None and calm.n_problems == 100
    assert power(100, 20, 5, calm.of_all / 100, share, 0.0, 0.131) == pytest.approx(0.8, abs=0.005)
    assert f"change few programs, it is {calm.of_those:.0f} % ({calm.of_all:.0f}" in found.statement
    assert f"with 200 {double.of_those:.0f} % ({double.of_all:.0f} % of all)" in found.statement


@pytest.mark.long
def test_the_real_test_shows_it_as_often_as_is_told(monkeypatch):
    # Its p over problems is far below 0.05 here; a rough one does.
    monkeypatch.setattr(statistics, "_RESAMPLES", 199)
    _, shown = power_of_test(100, 200, np.random.default_rng(0))
    assert shown == pytest.approx(0.8, abs=0.09)


def test_where_even_all_would_not_be_enough_it_says_so():
    found = power_of_run("correct", 100, 90, 20, 5)
    assert found.detectable[0].of_all is None
    assert "of all failed problems can't be shown with 80 % power" in found.statement


@pytest.mark.parametrize(("n", "k"), [(0, 20), (100, 1), (100, 0)])
def test_without_problems_or_directions_nothing_can_be_told(n, k):
    assert power_of_run("correct", n, n // 2, k, 5).statement.startswith("No effect can be told")


def test_the_measured_spread_takes_the_place_of_the_planned_one():
    from report_runs import make_direction_test

    from phase4_5.records import DirectionTest

    test = DirectionTest.model_validate(make_direction_test(between=1.0, residual=10.0))
    measured = power_of_run("correct", 100, 65, 20, 5, test)
    planned = power_of_run("correct", 100, 65, 20, 5)
    assert (measured.basis, planned.basis) == ("measured", "planned")
    little, much = measured.detectable[0].of_all, planned.detectable[0].of_all
    assert little is not None and much is not None and little < much / 2
    assert "as they did here" in measured.statement
    assert measured.calm is None and "few programs" not in measured.statement


def test_how_often_the_published_effect_would_not_be_seen():
    assert f"{100 * 0.96**5:.0f} of 100 searches" in unseen_correction(5)
