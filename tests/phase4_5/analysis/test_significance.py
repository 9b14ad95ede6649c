import pytest
from report_runs import make_record

from common.terms import SteeringType
from phase4_5.analysis.metrics import summarise_coefficient
from phase4_5.analysis.significance import compare_neighbours, with_corrected_p
from phase4_5.records import CoefficientSummary


def column(coefficient, flips):
    """Ten problems that passed at baseline, of which these fail now."""
    return [
        make_record(task, coefficient=coefficient, steered_passed=task not in flips)
        for task in reversed(range(10))
    ]


def summaries(columns):
    return [summarise_coefficient(records) for records in columns.values()]


def test_p_values_are_corrected_for_both_directions_together():
    correct = {1.0: column(1, ()), 3.0: column(3, range(6))}
    incorrect = {1.0: column(1, range(8)), 3.0: column(3, range(1))}
    grid = with_corrected_p({"correct": summaries(correct), "incorrect": summaries(incorrect)})
    assert [entry.mcnemar_p for entry in grid["correct"]] == pytest.approx([1, 2 / 2**6])
    assert grid["incorrect"][0].mcnemar_p_holm == pytest.approx(4 * 2 / 2**8)
    assert grid["correct"][1].mcnemar_p_holm == pytest.approx(3 * 2 / 2**6)
    assert grid["incorrect"][1].mcnemar_p_holm == 1


def test_neighbours_are_those_on_the_axis_and_compared_problem_by_problem():
    columns = {30.0: column(30, {0, 1, 2, 3}), 1.0: column(1, {9}), 10.0: column(10, {0, 1})}
    grid: dict[SteeringType, list[CoefficientSummary]] = {
        "correct": summaries(columns),
        "incorrect": [],
    }
    found = compare_neighbours(grid, {"correct": columns, "incorrect": {}})
    assert found["incorrect"] == []
    assert [(pair.lower, pair.upper) for pair in found["correct"]] == [(1, 10), (10, 30)]
    assert [pair.difference for pair in found["correct"]] == [10, 20]
    first, second = (pair.n_problems_needed for pair in found["correct"])
    assert first is not None and second is not None
    # 2 gained and 1 lost tell less than 2 gained and none lost.
    assert first > second
