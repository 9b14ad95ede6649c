"""The grid: every coefficient of a direction on every chosen problem, one at a time."""

import gc
from collections.abc import Sequence
from typing import Any

import torch
from tqdm.auto import tqdm

from common.config import Config
from common.journal import Journal
from common_simplified.code_text import extract_code
from common_simplified.sandbox import run_program
from common_simplified.solving import Writer, sandbox_limits
from common_simplified.steering import steering
from phase2_5_simplified.features import Feature
from phase3_6.baseline import BaselineProblem
from phase4_5.changes import what_changed
from phase4_5.failure_modes import (
    classify,
    expected_function,
    has_valid_syntax,
    signature_intact,
)
from phase4_5.metrics import similarity

Record = dict[str, Any]


def run_coefficient(
    writer: Writer,
    feature: Feature,
    direction: torch.Tensor,
    coefficient: float,
    problems: Sequence[BaselineProblem],
    journal: Journal | None = None,
) -> list[Record]:
    """Steer with one coefficient on each problem; each record is journalled before the next.

    Args:
        writer: the model.
        feature: whose direction is added, and at which layer.
        direction: its decoder row [d_model].
        coefficient: how many times it is added.
        problems: with their unsteered programs.
        journal: what it already holds isn't computed again.
    """
    records = []
    description = f"{feature.steering_type}-steering, coefficient {coefficient:g}"
    for problem in tqdm(problems, desc=description, unit="problem"):
        key = (feature.steering_type, float(coefficient), problem.task_id)
        record = journal.get(*key) if journal is not None else None
        if record is None:
            record = _steer(writer, feature, direction, coefficient, problem)
            if journal is not None:
                journal.add(*key, record=record)
        records.append(record)
    clear_gpu_cache()
    return records


def _steer(
    writer: Writer,
    feature: Feature,
    direction: torch.Tensor,
    coefficient: float,
    problem: BaselineProblem,
) -> Record:
    config: Config = writer.config
    site = config.residual_site
    with steering(writer.model, direction, coefficient, feature.layer, site):
        generation = writer.write(problem.prompt)
    code = extract_code(generation.text, problem.prompt)
    result = run_program(code, problem.test_list, problem.test_setup_code, sandbox_limits(config))
    return {
        "task_id": problem.task_id,
        "steering_type": feature.steering_type,
        "coefficient": float(coefficient),
        "prompt": problem.prompt,
        "baseline_code": problem.baseline_code,
        "steered_code": code,
        "baseline_passed": problem.baseline_passed,
        "steered_passed": result.passed,
        "flipped": result.passed != problem.baseline_passed,
        "flip_direction": _flip_direction(problem.baseline_passed, result.passed),
        **similarity(problem.baseline_code, code),
        "outcome": result.outcome,
        "error": result.error,
        "n_new_tokens": generation.n_new_tokens,
        "stop_reason": generation.stop_reason,
        **_describe(problem, code, result.outcome, result.error),
    }


def _describe(
    problem: BaselineProblem, code: str, outcome: str, error: str | None
) -> dict[str, Any]:
    name = expected_function(problem.test_list)
    return {
        "failure_mode": classify(code, outcome, error, name, problem.baseline_code),
        "changes": what_changed(problem.baseline_code, code),
        "valid_syntax": has_valid_syntax(code),
        "signature_intact": signature_intact(code, problem.baseline_code, name),
    }


def _flip_direction(before: bool, after: bool) -> str | None:
    if before == after:
        return None
    return "pass→fail" if before else "fail→pass"


def clear_gpu_cache() -> None:
    """Give unused GPU memory back."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
