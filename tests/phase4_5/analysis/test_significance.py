import pytest

from phase4_5.analysis.significance import add_p_values, compare_neighbours


def row(coefficient, flips):
    results = [{"task_id": task, "flipped": task in flips} for task in range(10)]
    return {
        "coefficient": float(coefficient),
        "flip_rate": 10.0 * len(flips),
        "n_pass_to_fail": len(flips),
        "n_fail_to_pass": 0,
        "results": results[::-1],
    }


def test_p_values_are_corrected_for_both_directions_together():
    grid = {
        "correct": [row(1, ()), row(3, range(6))],
        "incorrect": [row(1, range(8)), row(3, range(1))],
    }
    add_p_values(grid)
    assert [entry["mcnemar_p"] for entry in grid["correct"]] == pytest.approx([1, 2 / 2**6])
    assert grid["incorrect"][0]["mcnemar_p_holm"] == pytest.approx(4 * 2 / 2**8)
    assert grid["correct"][1]["mcnemar_p_holm"] == pytest.approx(3 * 2 / 2**6)
    assert grid["incorrect"][1]["mcnemar_p_holm"] == 1


def test_neighbours_are_those_on_the_axis_and_compared_problem_by_problem():
    grid = {"correct": [row(30, {0, 1, 2, 3}), row(1, {9}), row(10, {0, 1})], "incorrect": []}
    found = compare_neighbours(grid)
    assert found["incorrect"] == []
    assert [(pair["lower"], pair["upper"]) for pair in found["correct"]] == [(1, 10), (10, 30)]
    assert [pair["difference"] for pair in found["correct"]] == [10, 20]
    first, second = (pair["n_problems_needed"] for pair in found["correct"])
    # 2 gained and 1 lost tell less than 2 gained and none lost.
    assert first > second
