import pytest
from report_runs import make_summary

from phase4_5.search.refinement import best_neighbours, refine

GRID = (1, 3, 10, 30, 100, 300, 1000)


def summary(coefficient, flip_rate, effect=None, **other):
    rates = {"correction_rate": float(flip_rate if effect is None else effect)}
    return make_summary(coefficient, flip_rate, **rates, corruption_rate=0.0, **other)


def with_peak_at(best):
    """All qualify; the effect falls off to both sides of `best`, on the log axis."""

    def evaluate(coefficient):
        ratio = max(coefficient, best) / min(coefficient, best)
        return summary(coefficient, 40, effect=100 / ratio)

    return evaluate


@pytest.mark.parametrize("best", [1.7, 14, 21, 250, 900])
def test_it_comes_close_to_a_peak_between_two_neighbours(best):
    evaluate = with_peak_at(best)
    asked = []

    def count(coefficient):
        asked.append(coefficient)
        return evaluate(coefficient)

    added = refine([evaluate(value) for value in GRID], "correct", 8, count)
    assert [entry.coefficient for entry in added] == asked
    assert len(asked) == len(set(asked)) <= 8
    nearest = min(asked, key=lambda value: max(value, best) / min(value, best))
    assert max(nearest, best) / min(nearest, best) < 1.06
    assert all(float(f"{value:.3g}") == value for value in asked)


@pytest.mark.parametrize("most", [0, 1, 2, 3, 5])
def test_no_more_evaluations_than_allowed(most):
    evaluate = with_peak_at(20)
    added = refine([evaluate(value) for value in GRID], "correct", most, evaluate)
    assert len(added) == most


def test_it_ends_where_three_digits_tell_nothing_new():
    evaluate = with_peak_at(20)
    added = refine([evaluate(value) for value in GRID], "correct", 1000, evaluate)
    assert 5 < len(added) < 40


def test_where_none_qualifies_it_looks_between_too_weak_and_broken():
    def evaluate(coefficient):
        if coefficient > 17:
            return summary(coefficient, 50, mean_token_similarity=0.1)
        return summary(coefficient, 30 if coefficient > 12 else 0)

    grid = [evaluate(value) for value in GRID]
    assert best_neighbours(grid, "correct") == (10, 30)
    added = refine(grid, "correct", 6, evaluate)
    assert any(12 < entry.coefficient <= 17 for entry in added)


def test_where_the_best_is_too_strong_it_looks_below():
    grid = [summary(1, 0, valid_syntax_rate=0.0), summary(10, 80), summary(100, 90)]
    assert best_neighbours(grid, "correct") == (1, 10)


def test_nothing_to_refine():
    lonely = [summary(0, 0), summary(10, 40)]
    assert best_neighbours(lonely, "correct") is None
    assert refine(lonely, "correct", 5, lambda value: pytest.fail(f"{value} was evaluated")) == []
