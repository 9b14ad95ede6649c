import itertools

import pytest

from phase3_6.baseline import BaselineProblem
from phase4_5.search.problem_sample import held_out_problems, sample_problems


def problem(task_id, complexity, passed):
    return BaselineProblem(task_id, "p", ("assert f()",), "", "code", passed, complexity)


def baseline(n=60, passing=lambda i: i % 2 == 0):
    return [problem(i, 1 + i * 5 // n, passing(i)) for i in range(n)]


def test_ten_problems_spread_over_complexity_and_both_outcomes():
    chosen = sample_problems(baseline(), 10, seed=42)
    assert len(chosen) == 10
    assert sum(p.baseline_passed for p in chosen) == 5
    # Two from each fifth of the baseline, ordered by complexity.
    for fifth in range(5):
        assert sum(fifth * 12 <= p.task_id < (fifth + 1) * 12 for p in chosen) == 2


def test_both_outcomes_are_represented_when_one_is_rare():
    chosen = sample_problems(baseline(passing=lambda i: i in (3, 30, 55)), 10, seed=1)
    assert sum(p.baseline_passed for p in chosen) == 3
    chosen = sample_problems(baseline(passing=lambda i: i not in (3, 30)), 10, seed=1)
    assert sum(not p.baseline_passed for p in chosen) == 2


def test_the_order_of_the_baseline_does_not_matter_and_the_seed_does():
    problems = baseline()
    first = sample_problems(problems, 10, seed=7)
    assert first == sample_problems(list(reversed(problems)), 10, seed=7)
    assert first != sample_problems(problems, 10, seed=8)


@pytest.mark.parametrize("count", range(1, 60))
def test_as_many_as_wanted_and_none_twice(count):
    chosen = sample_problems(baseline(), count, seed=3)
    assert len({p.task_id for p in chosen}) == count == len(chosen)
    assert all(a.task_id < b.task_id for a, b in itertools.pairwise(chosen))


def test_fewer_held_out_problems_are_part_of_more():
    """So that who tries several strengths on some of them has others left for the last."""
    everything = baseline(60)
    used = sample_problems(everything, 10, 42)
    drawn = [
        {one.task_id for one in held_out_problems(everything, used, count, 42)}
        for count in (0, 10, 25, 50, 90)
    ]
    assert [len(ids) for ids in drawn] == [0, 10, 25, 50, 50]
    assert all(fewer < more for fewer, more in zip(drawn[:-2], drawn[1:-1], strict=True))
    assert not drawn[-1] & {one.task_id for one in used}
    assert drawn[2] != set(sorted(drawn[-1])[:25])  # Not simply the first.


def test_fewer_than_wanted_are_all_taken():
    assert len(sample_problems(baseline(4), 10, seed=0)) == 4
