"""The baseline once more: coefficient 0, and what flips are counted against.

A baseline that was made elsewhere, by another dtype, limit or judge, isn't what this machine gives
without steering. So every problem's unsteered program is written and judged here first, with the
given one as its draft: where they are the same, that takes a few passes of the model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from common.config import Config
from common.errors import InputError
from common.logging import get_logger
from common_simplified.code_generator import CodeGenerator
from common_simplified.evaluation import Evaluator
from common_simplified.generation import Job
from common_simplified.sandbox import ExecutionResult, Outcome
from common_simplified.solving import evaluated, sandbox_limits
from phase3_6.baseline import BASELINE_FILE, BaselineProblem
from phase4_5.analysis.noise_floor import is_refused, is_told_first, noise_floor, refusal
from phase4_5.records import (
    CountedAgainst,
    NoiseFloor,
    Population,
    ProgramRecord,
    UnsteeredRecord,
    WrittenProgram,
)
from phase4_5.search.cells import beside_baseline, clear_gpu_cache

logger = get_logger("phase4_5.search")


@dataclass(frozen=True)
class Reproduction:
    """The problems as they are counted against, and how far the given baseline is from here."""

    floor: NoiseFloor
    problems: dict[int, BaselineProblem]
    """`task_id` -> the problem with the program and verdict that flips are counted against."""
    written_here: dict[int, BaselineProblem]
    """`task_id` -> the problem with the program that this model writes without steering."""


def write_unsteered(
    generator: CodeGenerator, problems: Sequence[BaselineProblem]
) -> Iterator[UnsteeredRecord]:
    """Write and judge each problem's unsteered program; yield the records as they end."""
    jobs = [Job(problem.prompt, likely_texts=(problem.baseline_code,)) for problem in problems]
    # The given verdicts aren't remembered: whether this judge gives them too is the question.
    with Evaluator(sandbox_limits(generator.config)) as evaluator:
        for number, code, text, result in evaluated(generator, evaluator, jobs, problems):
            yield UnsteeredRecord.model_validate(
                {
                    "n_new_tokens": text.n_new_tokens,
                    **beside_baseline(problems[number], code, result, text.stop_reason),
                }
            )
    clear_gpu_cache()


def compare_with_given(
    problems: Sequence[BaselineProblem],
    records: Sequence[UnsteeredRecord],
    counted_against: CountedAgainst,
) -> Reproduction:
    """What coefficient 0 makes of the given baseline.

    Args:
        problems: as they are given.
        records: one for each of them, in their order.
        counted_against: whose programs flips are counted against.
    """
    here = {
        problem.task_id: _as_written_here(problem, record)
        for problem, record in zip(problems, records, strict=True)
    }
    given = {problem.task_id: _as_given(problem, here[problem.task_id]) for problem in problems}
    return Reproduction(
        noise_floor(records, counted_against),
        given if counted_against == "as_given" else here,
        here,
    )


def counted_population(
    given: Population, problems: Sequence[BaselineProblem], counted: Mapping[int, BaselineProblem]
) -> Population:
    """The whole baseline with as many solved as there are by the verdicts that count.

    Most of its problems aren't written here: of those the file says are solved (or failed) as many
    are taken to be as of these.

    Args:
        given: by the file.
        problems: as they are given, those that were written here.
        counted: `task_id` -> the problem that flips are counted against.
    """
    n_passed = 0.0
    for passed, n in ((True, given.n_passed), (False, given.n_problems - given.n_passed)):
        alike = [one.task_id for one in problems if one.baseline_passed == passed]
        still = sum(counted[task_id].baseline_passed for task_id in alike)
        n_passed += n * (still / len(alike) if alike else passed)
    return Population(n_problems=given.n_problems, n_passed=round(n_passed))


def _as_written_here(problem: BaselineProblem, record: UnsteeredRecord) -> BaselineProblem:
    verdict = _verdict(record)
    return replace(
        problem,
        baseline_code=record.steered_code,
        baseline_passed=verdict.passed,
        baseline_verdict=verdict,
    )


def _as_given(problem: BaselineProblem, here: BaselineProblem) -> BaselineProblem:
    """The given program and verdict; what is steered is judged here, also if it is the same."""
    same = problem.baseline_code == here.baseline_code
    return replace(problem, baseline_verdict=here.baseline_verdict if same else None)


def _verdict(record: WrittenProgram) -> ExecutionResult:
    return ExecutionResult(cast(Outcome, record.outcome), record.error)


def recounted(record: ProgramRecord, problem: BaselineProblem) -> ProgramRecord:
    """A kept record as it is against the problem's baseline: an earlier run may have had another.

    What was written and judged stays.
    """
    before = record.baseline_code, record.baseline_passed
    if before == (problem.baseline_code, problem.baseline_passed):
        return record
    verdict = _verdict(record)
    if record.steered_code == problem.baseline_code and problem.baseline_verdict is not None:
        verdict = problem.baseline_verdict
    beside = beside_baseline(problem, record.steered_code, verdict, record.stop_reason)
    return ProgramRecord.model_validate({**record.dump(), **beside})


def report_floor(floor: NoiseFloor) -> None:
    """Log how far the given baseline is from here: before any coefficient."""
    say = logger.warning if is_told_first(floor) else logger.info
    say("%s", floor.statement)


def require_reproduced(floor: NoiseFloor, config: Config) -> None:
    """Refuse to recommend by a baseline that is another one here.

    Raises:
        InputError: too many verdicts differ, and nobody has said what counts.
    """
    if is_refused(floor) and config.baseline is None:
        raise InputError(refusal(floor, str(config.output_dir("3.6") / BASELINE_FILE)))
