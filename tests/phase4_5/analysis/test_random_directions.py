"""Against tables worked by hand, scipy and statsmodels, and simulated directions."""

import numpy as np
import pytest
from report_runs import make_record
from scipy.stats import permutation_test, t
from statsmodels.api import OLS, add_constant

from phase4_5.analysis.random_directions import (
    against_directions,
    compare_directions,
    wanted_effect,
)


@pytest.mark.parametrize(
    ("steering_type", "before", "after", "broken", "effect"),
    [
        ("correct", False, True, {}, 1),
        ("correct", True, False, {}, -1),
        ("correct", True, True, {}, 0),
        ("correct", False, False, {}, 0),
        ("incorrect", True, False, {}, 1),
        ("incorrect", True, False, {"valid_syntax": False}, 0),
        ("incorrect", True, False, {"signature_intact": False}, 0),
        ("incorrect", False, True, {}, 0),
        ("incorrect", False, False, {}, 0),
        ("incorrect", True, True, {}, 0),
    ],
)
def test_what_is_wanted(steering_type, before, after, broken, effect):
    record = make_record(
        steering_type=steering_type, baseline_passed=before, steered_passed=after, **broken
    )
    assert wanted_effect(record) == effect


def design(n, k, per_problem, rng):
    """Each problem with some of the directions, each direction on as many problems."""
    tried = np.zeros((n, k), dtype=bool)
    for place, row in enumerate(rng.permutation(n)):
        tried[row, [(place * per_problem + step) % k for step in range(per_problem)]] = True
    return tried


def draw(n, k, spread, rng, lift=0.0):
    """Effects of k + 1 directions that differ among themselves; the first does more by `lift`."""
    base, sensitivity = rng.beta(0.4, 1.6, n), rng.uniform(0, 2, n)
    likely = np.clip(base[:, None] + sensitivity[:, None] * rng.normal(0, spread, k + 1), 0, 1)
    likely[:, 0] += lift * (1 - likely[:, 0])
    return (rng.random((n, k + 1)) < likely).astype(float)


def test_with_all_directions_on_all_problems_it_is_the_prediction_t_test():
    rng = np.random.default_rng(1)
    drawn = draw(50, 12, 0.1, rng, lift=0.3)
    latent, others = drawn[:, 0], drawn[:, 1:]
    found = compare_directions(latent, others, np.ones(others.shape, dtype=bool))
    means = others.mean(axis=0)
    ratio = (latent.mean() - means.mean()) / (means.std(ddof=1) * np.sqrt(1 + 1 / 12))
    assert found.p_directions == pytest.approx(2 * t.sf(abs(ratio), 11))
    assert found.difference == pytest.approx(latent.mean() - means.mean())
    differences = latent - others.mean(axis=1)
    exact = permutation_test(
        (differences[differences != 0],),
        np.mean,
        permutation_type="samples",
        n_resamples=9999,
        rng=np.random.default_rng(0),
        vectorized=True,
    )
    assert found.p_problems == pytest.approx(exact.pvalue, abs=0.01)
    assert found.n_less == (means < latent.mean() - 1e-9).sum()


def test_with_some_directions_a_problem_it_is_the_least_squares_of_statsmodels():
    rng = np.random.default_rng(2)
    n, k = 30, 6
    tried, drawn = design(n, k, 3, rng), draw(n, k, 0.2, rng)
    found = compare_directions(drawn[:, 0], drawn[:, 1:], tried)
    seen = np.column_stack([np.ones(n, dtype=bool), tried])
    rows, columns = np.nonzero(seen)
    dummies = np.column_stack(
        [*(rows == i for i in range(1, n)), *(columns == j for j in range(k))]
    )
    fitted = OLS(drawn[seen], add_constant(dummies.astype(float))).fit().params[n:]
    # Against the last direction; the latent is the first column.
    effects = np.append(fitted, 0.0)
    assert found.difference == pytest.approx(effects[0] - effects[1:].mean())


@pytest.mark.long
def test_one_more_random_direction_is_called_different_in_at_most_five_of_a_hundred():
    rng = np.random.default_rng(3)
    found = []
    for _ in range(400):
        drawn, tried = draw(60, 20, 0.1, rng), design(60, 20, 5, rng)
        each = compare_directions(drawn[:, 0], drawn[:, 1:], tried)
        found.append((max(each.p_directions, each.p_problems) < 0.05, each.difference > 0))
    called = np.array([significant for significant, _ in found])
    # 5 % of 400 are 20; two standard deviations more are 29.
    assert called.sum() <= 29
    # Taking the directions as fixed would call many more: that is what this is against.
    assert sum(fixed_directions(rng) for _ in range(100)) * 4 > 400 * 0.05


def fixed_directions(rng):
    """Whether a test that takes three directions as they are calls another different."""
    drawn = draw(60, 3, 0.1, rng)
    differences = drawn[:, 0] - drawn[:, 1:].mean(axis=1)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return abs(differences.mean()) > 1.96 * error


def test_a_latent_that_does_more_is_found():
    rng = np.random.default_rng(4)
    found = []
    for _ in range(30):
        drawn, tried = draw(100, 20, 0.08, rng, lift=0.5), design(100, 20, 5, rng)
        each = compare_directions(drawn[:, 0], drawn[:, 1:], tried)
        found.append(max(each.p_directions, each.p_problems) < 0.05 and each.difference > 0)
    assert sum(found) >= 27


@pytest.mark.long
def test_the_interval_covers_the_difference_to_the_mean_direction():
    rng = np.random.default_rng(5)
    n, k, spread, lift, covered = 100, 20, 0.1, 0.25, 0
    for _ in range(300):
        base, sensitivity = rng.beta(0.4, 1.6, n), rng.uniform(0, 2, n)
        many = np.clip(base[:, None] + sensitivity[:, None] * rng.normal(0, spread, 200), 0, 1)
        truth = (base + lift * (1 - base)).mean() - many.mean()
        latent = (rng.random(n) < base + lift * (1 - base)).astype(float)
        likely = np.clip(base[:, None] + sensitivity[:, None] * rng.normal(0, spread, k), 0, 1)
        others = (rng.random((n, k)) < likely).astype(float)
        low, high = compare_directions(latent, others, design(n, k, 5, rng)).interval
        covered += low <= truth <= high
    assert 0.92 <= covered / 300 <= 0.98


def records(effects, control=None):
    """Of incorrect-steering: programs that became wrong, or not."""
    return [
        make_record(
            task_id=number,
            steering_type="incorrect",
            coefficient=30.0,
            baseline_passed=True,
            steered_passed=not effect,
            control=control,
        )
        for number, effect in enumerate(effects)
    ]


def test_the_statement():
    latent = records([True] * 15 + [False] * 5)
    others = {
        f"random_{number}": records([place == number for place in range(20)], f"random_{number}")
        for number in range(20)
    }
    found = against_directions(latent, others, "on 20 problems outside the search")
    assert found is not None
    assert found.outcome == "more"
    assert found.effect == pytest.approx(75)
    assert found.directions_effect == pytest.approx(5)
    assert found.p == max(found.p_directions, found.p_problems) < 0.05
    assert found.statement.startswith("At 30 on 20 problems outside the search the latent's effect")
    assert "is +75.0 % of the problems, more than random directions" in found.statement
    assert "20 of these 20 do less" in found.statement
    assert "(+5.0 % on average; difference to their mean +70.0 points, 95 %" in found.statement
    nothing = {name: records([False] * 20) for name in others}
    none = against_directions(records([False] * 20), nothing, "here")
    assert none is not None and "is 0.0 % of the problems" in none.statement
    uneven = {
        name: records([place < number % 3 for place in range(20)])
        for number, name in enumerate(others)
    }
    alike = against_directions(records([False] * 20), uneven, "here")
    assert alike is not None and alike.outcome == "alike"
    assert "can't be told from what random directions" in alike.statement
    weak = {name: records([True] * (20 - place % 2)) for place, name in enumerate(others)}
    less = against_directions(records([False] * 20), cut(weak), "here")
    assert less is not None and less.outcome == "less"


def cut(directions):
    """Of these twenty problems."""
    return {
        name: [*listed, *records([False] * 20)[len(listed) :]]
        for name, listed in directions.items()
    }


def test_one_direction_tells_nothing():
    assert against_directions(records([True]), {"random_1": records([False])}, "here") is None


def test_where_nothing_happens_nothing_is_called_different():
    nothing = records([False] * 20)
    found = against_directions(nothing, {"random_1": nothing, "random_2": nothing}, "here")
    assert found is not None
    assert (found.p, found.outcome, found.difference) == (1.0, "alike", 0.0)


@pytest.mark.parametrize(("n", "k"), [(100, 2), (101, 2), (60, 4), (150, 10), (388, 20)])
def test_the_difference_is_exact_for_any_number_of_problems(n, k):
    """Where all directions are tried on all problems it is that of the means."""
    rng = np.random.default_rng(n + k)
    latent, others = rng.integers(0, 2, n), rng.integers(0, 2, (n, k))
    found = compare_directions(latent.astype(float), others, np.ones((n, k), dtype=bool))
    assert found.difference == pytest.approx(latent.mean() - others.mean(), abs=1e-9)


def test_directions_that_do_not_differ_leave_p_to_the_rank():
    latent = np.array([1.0] * 10 + [0.0] * 90)
    for k in (2, 20):
        found = compare_directions(latent, np.zeros((100, k)), np.ones((100, k), dtype=bool))
        assert found.p_directions == pytest.approx(1 / (k + 1))


def test_groups_of_directions_that_never_meet_have_fewer_degrees_of_freedom():
    rng = np.random.default_rng(6)
    tried = np.zeros((40, 4), dtype=bool)
    tried[:20, :2], tried[20:, 2:] = True, True
    drawn = draw(40, 4, 0.1, rng, lift=0.3)
    latent, others = drawn[:, 0], drawn[:, 1:]
    found = compare_directions(latent, others, tried)
    # Each pair of directions on its own problems: half the squared difference, one each.
    pairs = [others[:20, 0] - others[:20, 1], others[20:, 2] - others[20:, 3]]
    variance = np.mean([one.mean() ** 2 / 2 for one in pairs])
    ratio = found.difference / np.sqrt(variance * (1 + 1 / 4))
    assert found.p_directions == pytest.approx(2 * t.sf(abs(ratio), 2))
