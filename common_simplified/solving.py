"""Writing a solution for each problem and evaluating it: what Phases 2.5, 3.5 and 3.6 share."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tqdm.auto import tqdm

from common.config import Config
from common.errors import InputError
from common.journal import Journal
from common.problems import Problem
from common.prompt_utils import PromptBuilder
from common_simplified.code_generator import CodeGenerator
from common_simplified.code_text import extract_code
from common_simplified.evaluation import Evaluator, as_evaluated
from common_simplified.generation import Generation, Job
from common_simplified.provenance import solution_settings
from common_simplified.sandbox import ExecutionResult, SandboxLimits, require_isolation


def open_journal(generator: CodeGenerator, output_dir: Path) -> Journal:
    """The journal of a phase that solves problems; opened only if they can be written and run.

    Raises:
        InputError: the model can't be loaded, or the sandbox is weaker than it has to be.
    """
    config = generator.config
    require_isolation(config.sandbox)
    _ = generator.model
    return Journal(output_dir / "journal.jsonl", solution_settings(config), config.fresh)


def sandbox_limits(config: Config) -> SandboxLimits:
    """The limits of time and memory under which generated programs run."""
    return SandboxLimits(
        timeout_seconds=config.timeout_seconds, memory_bytes=config.memory_limit_mb * 2**20
    )


@dataclass(frozen=True)
class Task:
    """A problem with the prompt that was made of it."""

    problem: Problem
    prompt: str


def make_tasks(problems: Iterable[Problem], config: Config) -> list[Task]:
    """Build the prompt of each problem.

    Raises:
        InputError: a prompt can't be made.
    """
    builder = PromptBuilder(config.prompt_style)
    tasks = []
    for problem in problems:
        try:
            tasks.append(Task(problem, builder.build(problem)))
        except ValueError as error:
            raise InputError(
                f"task_id {problem.task_id}: {error}; use PVA_SAE_PROMPT_STYLE=solution"
            ) from error
    return tasks


def solution_record(
    task: Task, code: str, generation: Generation, temperature: float, result: ExecutionResult
) -> dict[str, Any]:
    """The record of a program that was written for a task, and of its verdict.

    The keys are the columns of Phase 3.6's parquet file and some more.
    """
    return {
        "task_id": task.problem.task_id,
        "text": task.problem.text,
        "test_list": list(task.problem.test_list),
        "test_setup_code": task.problem.test_setup_code,
        "prompt": task.prompt,
        "generated_code": code,
        "test_passed": result.passed,
        "cyclomatic_complexity": task.problem.cyclomatic_complexity,
        "temperature": temperature,
        "outcome": result.outcome,
        "error_message": result.error,
        "generation_time": generation.seconds,
        "n_new_tokens": generation.n_new_tokens,
        "stop_reason": generation.stop_reason,
    }


class HasTests(Protocol):
    """A problem, as far as evaluating a program needs it."""

    @property
    def test_list(self) -> tuple[str, ...]: ...
    @property
    def test_setup_code(self) -> str: ...


def evaluated(
    generator: CodeGenerator,
    evaluator: Evaluator,
    jobs: Sequence[Job],
    problems: Sequence[HasTests],
) -> Iterator[tuple[int, str, Generation, ExecutionResult]]:
    """Write each job and evaluate its program beside; yield number, program, text and verdict.

    Args:
        generator: the model.
        evaluator: who runs the tests.
        jobs: what is to be written.
        problems: whose tests evaluate each of `jobs`.
    """

    def written() -> Iterator[tuple[tuple[int, str, Generation], Future[ExecutionResult]]]:
        for number, generation in generator.generate(jobs):
            code = extract_code(generation.text, jobs[number].prompt)
            problem = problems[number]
            verdict = evaluator.evaluate(code, problem.test_list, problem.test_setup_code)
            yield (number, code, generation), verdict

    for (number, code, generation), result in as_evaluated(written()):
        yield number, code, generation, result


def solve_greedily(
    tasks: list[Task], generator: CodeGenerator, journal: Journal, description: str
) -> list[dict[str, Any]]:
    """Write and evaluate one greedy solution for each task; each is journalled after it."""
    missing = [task for task in tasks if journal.get(task.problem.task_id, 0.0) is None]
    jobs = [Job(task.prompt) for task in missing]
    problems = [task.problem for task in missing]
    n_done = len(tasks) - len(missing)
    with (
        Evaluator(sandbox_limits(generator.config)) as evaluator,
        tqdm(total=len(tasks), initial=n_done, desc=description, unit="problem") as bar,
    ):
        for number, code, generation, result in evaluated(generator, evaluator, jobs, problems):
            task = missing[number]
            record = solution_record(task, code, generation, 0.0, result)
            journal.add(task.problem.task_id, 0.0, record=record)
            bar.update()
    records = [journal.get(task.problem.task_id, 0.0) for task in tasks]
    return [record for record in records if record is not None]


def pass_rate(records: list[dict[str, Any]]) -> float:
    """pass@1: the percentage of records whose program passed its tests."""
    n_passed = sum(1 for record in records if record["test_passed"])
    return 100 * n_passed / len(records)
