"""Problem by problem, what a latent does more than directions that mean nothing."""

import pytest
from report_runs import make_record

from phase4_5.analysis.control_comparison import compare_with_controls

GRID = "over the whole grid"


def records(flips, n=10, steering_type="correct", passed=0.5):
    return [
        make_record(
            task,
            steering_type,
            baseline_passed=task < n * passed,
            steered_passed=(task < n * passed) != (task in flips),
        )
        for task in range(n)
    ]


def compare(latent, controls):
    """Compare one direction's columns, given as coefficient -> flipped problems."""
    return compare_with_controls(
        {"correct": {value: records(flips) for value, flips in latent.items()}},
        {
            "correct": {
                name: {value: records(flips)[::-1] for value, flips in columns.items()}
                for name, columns in controls.items()
            }
        },
        {"correct": GRID},
    )["correct"]


def test_what_is_left_after_the_controls_is_taken_problem_by_problem():
    found = compare(
        {1: {0, 1, 2, 3}, 3: {0}},
        {
            "random_1": {1: {0, 1}, 3: {0}},
            "random_2": {1: set(), 3: {0}},
            "opposite": {1: {9}, 3: {9}},
        },
    )
    assert found.n_random == 2
    first, second = found.random.coefficients
    assert (first.coefficient, first.flip_rate, first.flip_rates) == (1, 10, [20, 0])
    assert first.difference == pytest.approx(30)
    assert second.difference == 0
    assert first.p_holm == pytest.approx(2 * first.p)
    assert found.random.curve.difference == pytest.approx(15)
    # Task 9 failed at baseline: its flip is a correction.
    assert found.opposite.coefficients[0].wanted_rate == pytest.approx(20)
    assert found.opposite.curve.difference == pytest.approx(15)


def test_without_controls_nothing_is_said():
    assert compare({1: {0}}, {}) is None
    found = compare({1: {0}}, {"opposite": {1: {0}}})
    assert found.random is None
    assert found.n_random == 0


def test_it_is_said_in_words_and_as_no_verdict():
    found = compare({10: set(range(9))}, {"random_1": {10: set()}})
    words = found.random.statement
    assert f"flips 90.0 % of the verdicts {GRID}" in words
    assert "0.0 % are flipped by 1 random direction of the same norm" in words
    assert "is no verdict on the latent" in words
    assert "stronger" not in words
    found = compare({10: set()}, {"opposite": {10: set(range(9))}})
    assert "90.0 % are flipped by the opposite direction" in found.opposite.statement
