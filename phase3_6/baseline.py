"""The baseline file of Phase 3.6: its name, and reading it with all that can be wrong in it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, cast, get_args

from common.config import Config
from common.errors import InputError
from common.logging import get_logger
from common.problems import parse_task_id, parse_test_list
from common.utils import require_phase_file
from common.words import shown
from common_simplified.provenance import (
    GENERATION_SETTINGS,
    METADATA_FILE,
    PhaseMetadata,
    read_metadata,
    require_same_settings,
)
from common_simplified.sandbox import ExecutionResult, Outcome

logger = get_logger("phase3_6.baseline")

BASELINE_FILE = "dataset_hyperparams_temp_0_0.parquet"

_COLUMNS = (
    "task_id",
    "test_list",
    "prompt",
    "generated_code",
    "test_passed",
    "cyclomatic_complexity",
)


@dataclass(frozen=True)
class BaselineProblem:
    """One problem with what the unsteered model wrote for it."""

    task_id: int
    prompt: str
    test_list: tuple[str, ...]
    test_setup_code: str
    baseline_code: str
    baseline_passed: bool
    cyclomatic_complexity: int
    baseline_verdict: ExecutionResult | None = None
    """As the sandbox gave it; None if the file doesn't tell why the program failed."""


def load_baseline(config: Config) -> list[BaselineProblem]:
    """The baseline problems from the configured start to the end index, ordered by `task_id`.

    Both shapes are read: this project's (`test_list` a list), and the published study's
    (`test_list` a JSON string, no `text`).

    Raises:
        InputError: the file is missing, damaged, empty, lacks a column, or a row is wrong.
    """
    path = require_phase_file("3.6", BASELINE_FILE, config)
    require_same_settings(
        path.parent / METADATA_FILE,
        config,
        GENERATION_SETTINGS,
        "make the baseline anew: python3 run.py phase 3.6 --fresh",
    )
    rows = _read_rows(path)
    problems: dict[int, BaselineProblem] = {}
    for number, row in enumerate(rows):
        try:
            problem = parse_baseline_row(row)
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}, row {number}: {error}") from error
        if problem.task_id in problems:
            raise InputError(f"{path}: task_id {problem.task_id} occurs twice")
        problems[problem.task_id] = problem
    _report_doubled_assert(problems.values(), path)
    return _cut([problems[task_id] for task_id in sorted(problems)], config)


def _report_doubled_assert(problems: Collection[BaselineProblem], path: Path) -> None:
    """Say once how many prompts show the published run's slip of a doubled `assert`."""
    doubled = sum("assert assert" in problem.prompt for problem in problems)
    if doubled:
        logger.warning(
            "%s: %d of %d prompts hold `assert assert` (the published run's slip); "
            "used as they are",
            path,
            doubled,
            len(problems),
        )


def _cut(problems: list[BaselineProblem], config: Config) -> list[BaselineProblem]:
    """The problems from the configured start to the end index, as Phase 3.6 counted them."""
    metadata = read_metadata(config.output_dir("3.6") / METADATA_FILE, PhaseMetadata)
    first = (metadata.start_index or 0) if metadata is not None else 0
    end = None if config.end_index is None else max(0, config.end_index - first)
    cut = problems[max(0, config.start_index - first) : end]
    if not cut:
        raise InputError(
            f"no baseline problems from index {config.start_index} to {config.end_index}: "
            f"the baseline has {len(problems)}, from index {first} on"
        )
    return cut


def _read_rows(path: Path) -> list[dict[Any, Any]]:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
        rows: list[dict[Any, Any]] = frame.to_dict("records")
    # What pyarrow and pandas raise where a file's own description of itself is damaged.
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(
            f"{path}: not a whole parquet file ({reason}); make it anew: python3 run.py phase 3.6 "
            "--fresh"
        ) from error
    missing = [column for column in _COLUMNS if column not in frame.columns]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; it is made by: python3 run.py phase 3.6"
        )
    if frame.empty:
        raise InputError(f"{path}: no rows in it; make it anew: python3 run.py phase 3.6 --fresh")
    return rows


def parse_baseline_row(row: Mapping[Any, Any]) -> BaselineProblem:
    """One row of the baseline file.

    Raises:
        TypeError, ValueError: a value is of the wrong kind.
        KeyError: a column is missing.
    """
    for column in ("prompt", "generated_code"):
        if not isinstance(row[column], str):
            raise ValueError(f"{column} isn't text: {shown(row[column])}")
    if not row["prompt"].strip():
        raise ValueError("prompt is empty")
    if row["test_passed"] not in (True, False):
        raise ValueError(f"test_passed isn't true or false: {shown(row['test_passed'])}")
    passed, outcome = bool(row["test_passed"]), row.get("outcome")
    if outcome in get_args(Outcome) and (outcome == "passed") != passed:
        raise ValueError(f"test_passed says {passed}, outcome {outcome!r}")
    complexity: Any = row["cyclomatic_complexity"]
    if not (isinstance(complexity, Real) and 0 <= float(complexity) < 2**31):
        raise ValueError(f"cyclomatic_complexity isn't a number from 0 on: {shown(complexity)}")
    setup = row.get("test_setup_code")
    return BaselineProblem(
        task_id=parse_task_id(row["task_id"]),
        prompt=row["prompt"],
        test_list=parse_test_list(row["test_list"]),
        test_setup_code=setup if isinstance(setup, str) else "",
        baseline_code=row["generated_code"],
        baseline_passed=passed,
        cyclomatic_complexity=int(float(complexity)),
        baseline_verdict=_verdict(row),
    )


def _verdict(row: Mapping[Any, Any]) -> ExecutionResult | None:
    if row["test_passed"]:
        return ExecutionResult("passed")
    outcome, error = row.get("outcome"), row.get("error_message")
    if outcome not in get_args(Outcome) or outcome == "passed":
        return None
    return ExecutionResult(cast(Outcome, outcome), error if isinstance(error, str) else None)
