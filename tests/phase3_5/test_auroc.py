import pytest

from phase3_5.temperature_runner import auroc


def records(**passed):
    return [
        {"task_id": int(name.removeprefix("t")), "test_passed": value}
        for name, value in passed.items()
    ]


def test_the_share_of_pairs_in_which_the_right_solution_is_higher():
    activations = {1: 3.0, 2: 1.0, 3: 2.0, 4: 0.0}
    # Right: 3 and 1; wrong: 2 and 0. Of four pairs, (3, 2), (3, 0) and (1, 0) are higher.
    assert auroc(activations, records(t1=True, t2=True, t3=False, t4=False)) == pytest.approx(0.75)


def test_ties_count_half():
    assert auroc({1: 0.0, 2: 0.0}, records(t1=True, t2=False)) == pytest.approx(0.5)


def test_one_outcome_alone_says_nothing():
    assert auroc({1: 1.0, 2: 2.0}, records(t1=True, t2=True)) is None
