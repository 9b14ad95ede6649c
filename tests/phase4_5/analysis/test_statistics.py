"""Against tables worked by hand, and against scipy and simulation where those can tell."""

import gc

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from phase4_5.analysis.statistics import (
    MIN_DIFFERING,
    holm,
    mcnemar_p,
    paired_difference,
    problems_needed,
    wilson_interval,
)


def test_wilsons_interval_of_a_table_worked_by_hand():
    # 3 of 10, z = 1.96: centre (0.3 + z²/20) / (1 + z²/10) = 0.3555, half width 0.2478.
    assert wilson_interval(3, 10) == pytest.approx((10.779, 60.322), abs=0.001)


@pytest.mark.parametrize(("part", "whole"), [(0, 10), (1, 10), (5, 10), (10, 10), (42, 100)])
def test_wilsons_interval_is_scipys(part, whole):
    theirs = binomtest(part, whole).proportion_ci(method="wilson")
    assert wilson_interval(part, whole) == pytest.approx((100 * theirs.low, 100 * theirs.high))


def test_an_interval_holds_its_rate_and_none_is_made_of_nothing():
    of_none, of_all = wilson_interval(0, 10), wilson_interval(10, 10)
    assert of_none is not None and of_none[0] == 0
    assert of_all is not None and of_all[1] == 100
    assert wilson_interval(0, 0) is None


@pytest.mark.parametrize(
    ("lost", "won", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (2, 2, 1.0),
        (5, 0, 2 / 2**5),
        (0, 5, 2 / 2**5),
        (3, 1, 2 * (1 + 4) / 2**4),
        (8, 1, 2 * (1 + 9) / 2**9),
    ],
)
def test_mcnemar_of_tables_worked_by_hand(lost, won, p):
    assert mcnemar_p(lost, won) == pytest.approx(p)


def test_mcnemar_is_the_exact_binomial_test_of_the_flips():
    for lost, won in ((12, 3), (1, 7), (20, 20)):
        assert mcnemar_p(lost, won) == pytest.approx(binomtest(lost, lost + won).pvalue)


def test_holm_of_a_table_worked_by_hand():
    # In ascending order times 4, 3, 2, 1, never below the one before, at most 1.
    assert holm([0.04, 0.01, 0.5, 0.03]) == pytest.approx([0.09, 0.04, 0.5, 0.09])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_is_that_of_statsmodels(monkeypatch):
    # Theirs collects garbage at each call; beside a loaded model that takes a minute here.
    monkeypatch.setattr(gc, "collect", lambda: 0)
    rng = np.random.default_rng(0)
    for _ in range(200):
        p_values = np.round(rng.random(rng.integers(1, 30)) ** 3, rng.integers(1, 8))
        expected = multipletests(p_values, method="holm")[1]
        assert holm(p_values.tolist()) == expected.tolist()


def test_a_difference_of_pairs_has_mcnemars_p_and_bonett_and_prices_interval():
    first = [1.0] * 6 + [0.0] * 4
    second = [0.0] * 5 + [1.0] + [1.0] + [0.0] * 3
    found = paired_difference(first, second)
    assert found.difference == pytest.approx(40)
    assert found.n_differing == 6
    assert found.p == pytest.approx(mcnemar_p(5, 1))
    # p12 = (5 + 1) / 12, p21 = (1 + 1) / 12: 0.3333 ± 1.96 sqrt((0.6667 - 0.1111) / 12)
    assert found.interval == pytest.approx((-8.84, 75.51), abs=0.01)


def test_means_of_several_runs_can_be_compared_and_rounding_is_no_difference():
    third = sum([0.1, 0.1, 0.1])
    found = paired_difference([1.0, third, 0.5], [2 / 3, 0.3, 0.5])
    assert found.n_differing == 1
    assert found.p == 1
    assert found.difference == pytest.approx(100 / 9)


def test_equal_outcomes_are_no_proof_of_equality():
    low, high = paired_difference([0.0] * 10, [0.0] * 10).interval
    assert low < -15 < 15 < high


def test_the_interval_covers_what_it_should():
    rng = np.random.default_rng(0)
    first, second = rng.random((2000, 20)) < 0.5, rng.random((2000, 20)) < 0.2

    # How many differ one way and the other is all that an interval depends on.
    def covers(lost, won):
        alike = [0.0] * (20 - lost - won)
        one, other = [1.0] * lost + [0.0] * won + alike, [0.0] * lost + [1.0] * won + alike
        low, high = paired_difference(one, other).interval
        return low <= 30 <= high

    tables = list(zip((first & ~second).sum(axis=1), (second & ~first).sum(axis=1), strict=True))
    found = {table: covers(*table) for table in set(tables)}
    assert 0.92 <= np.mean([found[table] for table in tables]) <= 0.99


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], []), ([1.0], [1.0, 0.0])])
def test_no_pairs_are_refused(first, second):
    with pytest.raises(ValueError, match="pairs are needed"):
        paired_difference(first, second)


def test_the_fewest_pairs_that_can_show_anything():
    def p(n):
        return paired_difference([1.0] * n, [0.0] * n).p

    assert p(MIN_DIFFERING) < 0.05 < p(MIN_DIFFERING - 1)


def test_the_problems_needed_reach_the_power_that_is_promised():
    first = [True] * 4 + [False] * 6
    second = [False] * 3 + [True] + [True] + [False] * 5  # 3 differ one way, 1 the other
    needed = problems_needed(first, second)
    assert needed is not None
    rng = np.random.default_rng(0)

    def power(n):
        won, lost, _ = rng.multinomial(n, [0.3, 0.1, 0.6], size=1500).T
        pairs = {pair: mcnemar_p(*pair) < 0.05 for pair in set(zip(won, lost, strict=True))}
        return np.mean([pairs[pair] for pair in zip(won, lost, strict=True)])

    assert power(needed) == pytest.approx(0.8, abs=0.04)
    assert power(needed // 2) < 0.6


def test_more_problems_are_needed_for_smaller_differences_and_none_tell_equals_apart():
    def needed(n_differing):
        return problems_needed([True] * n_differing + [False] * (100 - n_differing), [False] * 100)

    assert needed(100) == MIN_DIFFERING
    assert needed(50) < needed(20) < needed(5)
    assert needed(0) is None
    assert problems_needed([True, False], [False, True]) is None
    # 501 against 500 of 1,001: no 10,000 problems show that.
    even = [True, False] * 500 + [True]
    assert problems_needed(even, [not flip for flip in even]) is None
