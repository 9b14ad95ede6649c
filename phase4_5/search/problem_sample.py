"""Which problems every coefficient is tried on, and which are held out for the chosen ones."""

import random
from collections.abc import Collection, Sequence

from phase3_6.baseline import BaselineProblem

MAX_STRATA = 5


def sample_problems(
    baseline: Sequence[BaselineProblem], count: int, seed: int
) -> list[BaselineProblem]:
    """Choose `count` problems, stratified by cyclomatic complexity, of both baseline outcomes.

    The baseline, ordered by complexity, is cut into equal strata (of at least two problems to
    be chosen each, at most five), and each gives its share, half of it solved and half of it
    failed as far as it has them: a flip can only be seen from the side it starts on. Fewer
    than `count` problems are all chosen. The result is ordered by `task_id`, the same for the
    same seed.
    """
    if count >= len(baseline):
        return sorted(baseline, key=lambda problem: problem.task_id)
    rng = random.Random(seed)
    order = sorted(baseline, key=lambda problem: problem.task_id)
    rng.shuffle(order)
    order.sort(key=lambda problem: problem.cyclomatic_complexity)
    n_strata = max(1, min(MAX_STRATA, count // 2))
    chosen: list[BaselineProblem] = []
    for index in range(n_strata):
        stratum = order[_cut(len(order), index, n_strata) : _cut(len(order), index + 1, n_strata)]
        quota = _cut(count, index + 1, n_strata) - _cut(count, index, n_strata)
        chosen.extend(_choose_from(stratum, quota, _passed_minus_failed(chosen)))
    chosen.extend(_fill_up(order, chosen, count))
    return sorted(chosen, key=lambda problem: problem.task_id)


def held_out_problems(
    baseline: Sequence[BaselineProblem],
    used: Collection[BaselineProblem],
    count: int,
    seed: int,
) -> list[BaselineProblem]:
    """Up to `count` baseline problems that the search hasn't `used`, ordered by `task_id`.

    If there are more, a simple random sample, so that rates are those of the split; the same for
    the same seed, and part of every larger one.
    """
    taken = {problem.task_id for problem in used}
    rest = sorted(
        (problem for problem in baseline if problem.task_id not in taken),
        key=lambda problem: problem.task_id,
    )
    drawn = random.Random(seed).sample(rest, len(rest))[:count]
    return sorted(drawn, key=lambda problem: problem.task_id)


def _cut(length: int, index: int, parts: int) -> int:
    return length * index // parts


def _passed_minus_failed(problems: Sequence[BaselineProblem]) -> int:
    n_passed = sum(problem.baseline_passed for problem in problems)
    return 2 * n_passed - len(problems)


def _choose_from(
    stratum: Sequence[BaselineProblem], quota: int, surplus_passed: int
) -> list[BaselineProblem]:
    """Take `quota` problems in turn from the outcome of which there are fewer so far."""
    waiting = {
        outcome: [problem for problem in stratum if problem.baseline_passed == outcome]
        for outcome in (True, False)
    }
    chosen: list[BaselineProblem] = []
    while len(chosen) < quota and any(waiting.values()):
        outcome = surplus_passed < 0
        if not waiting[outcome]:
            outcome = not outcome
        chosen.append(waiting[outcome].pop(0))
        surplus_passed += 1 if outcome else -1
    return chosen


def _fill_up(
    order: Sequence[BaselineProblem], chosen: Sequence[BaselineProblem], count: int
) -> list[BaselineProblem]:
    """What is still missing where a stratum held fewer problems than its share."""
    taken = {problem.task_id for problem in chosen}
    return [problem for problem in order if problem.task_id not in taken][: count - len(chosen)]
