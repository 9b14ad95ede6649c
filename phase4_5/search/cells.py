"""The grid: every coefficient of every direction on every chosen problem."""

import gc
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from common.terms import SteeringType
from common_simplified.code_generator import CodeGenerator
from common_simplified.evaluation import Evaluator
from common_simplified.generation import Generation, Job
from common_simplified.sandbox import ExecutionResult
from common_simplified.solving import evaluated, sandbox_limits
from common_simplified.steering import Steering
from phase3_6.baseline import BaselineProblem
from phase4_5.analysis.changes import what_changed
from phase4_5.analysis.divergence import similarity
from phase4_5.analysis.failure_modes import Program, classify
from phase4_5.analysis.signatures import expected_function, signature_intact
from phase4_5.analysis.syntax import has_valid_syntax
from phase4_5.records import Key, ProgramRecord, flip_direction, record_key
from phase4_5.search.damage import Damage, with_damage


@dataclass(frozen=True)
class Cell:
    """One square of the grid: a problem under one coefficient of a direction."""

    steering_type: SteeringType
    steering: Steering
    problem: BaselineProblem
    control: str | None = None
    """The name of the control that stands in the place of the latent, if any."""
    measures_damage: bool = True
    """Whether a pass over its text measures what the steering damages."""

    @property
    def key(self) -> Key:
        """What its record is found by."""
        return record_key(
            self.steering_type, self.steering.coefficient, self.problem.task_id, self.control
        )


def run_cells(generator: CodeGenerator, cells: Sequence[Cell]) -> Iterator[ProgramRecord]:
    """Steer, write, judge and measure each cell; yield the records as they end.

    Cells of one problem belong together: they share the reading of its prompt.
    """
    jobs = [
        Job(cell.problem.prompt, cell.steering, (cell.problem.baseline_code,)) for cell in cells
    ]
    with Evaluator(sandbox_limits(generator.config)) as evaluator:
        for problem in {cell.problem for cell in cells}:
            if problem.baseline_verdict is not None:
                evaluator.remember(
                    problem.baseline_code,
                    problem.test_list,
                    problem.test_setup_code,
                    problem.baseline_verdict,
                )

        problems = [cell.problem for cell in cells]
        written = evaluated(generator, evaluator, jobs, problems)
        measured = [cell.measures_damage for cell in cells]
        for entry, damage in with_damage(generator, jobs, problems, written, measured):
            number, code, generation, result = entry
            yield _record(cells[number], code, generation, result, damage)
    clear_gpu_cache()


def _record(
    cell: Cell, code: str, generation: Generation, result: ExecutionResult, damage: Damage
) -> ProgramRecord:
    return ProgramRecord.model_validate(
        {
            "steering_type": cell.steering_type,
            "coefficient": float(cell.steering.coefficient),
            "control": cell.control,
            "n_new_tokens": generation.n_new_tokens,
            **beside_baseline(cell.problem, code, result, generation.stop_reason),
            **asdict(damage),
        }
    )


def beside_baseline(
    problem: BaselineProblem, code: str, result: ExecutionResult, stop_reason: str
) -> dict[str, Any]:
    """The fields of a `WrittenProgram` that say what was written, and how the baseline differs."""
    name = expected_function(problem.test_list)
    program = Program(
        code=code,
        outcome=result.outcome,
        error=result.error,
        expected_function=name,
        baseline_code=problem.baseline_code,
        stop_reason=stop_reason,
    )
    changed = flip_direction(problem.baseline_passed, result.passed)
    return {
        "task_id": problem.task_id,
        "prompt": problem.prompt,
        "baseline_code": problem.baseline_code,
        "steered_code": code,
        "baseline_passed": problem.baseline_passed,
        "steered_passed": result.passed,
        "flipped": changed is not None,
        "flip_direction": changed,
        **similarity(problem.baseline_code, code),
        "outcome": result.outcome,
        "error": result.error,
        "stop_reason": stop_reason,
        "failure_mode": classify(program),
        "changes": what_changed(problem.baseline_code, code),
        "valid_syntax": has_valid_syntax(code),
        "signature_intact": signature_intact(code, problem.baseline_code, name),
    }


def clear_gpu_cache() -> None:
    """Give unused GPU memory back, where there is a GPU."""
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
