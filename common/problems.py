"""Programming problems in MBPP's form: reading them, their complexity, their splits."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, get_args

from common.config import Config, resolve_path
from common.errors import InputError
from common.files import parse_json
from common.hub import hub_parquet_files, is_on_hub
from common.words import shown

Split = Literal["sae", "hyperparams", "validation"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Problem:
    """One problem; `test_list` holds statements that each begin with `assert`."""

    task_id: int
    text: str
    code: str
    test_list: tuple[str, ...]
    test_setup_code: str
    cyclomatic_complexity: int


def cyclomatic_complexity(code: str) -> int:
    """McCabe's number of the most complex function or class in `code`, at least 1 (radon).

    Code that doesn't parse counts as 1.
    """
    from radon.complexity import cc_visit

    try:
        return max((block.complexity for block in cc_visit(code)), default=1)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 1


def parse_task_id(value: Any) -> int:
    """A problem's number.

    Raises:
        ValueError: it isn't a whole number from 0 on.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not 0 <= value < 2**63:
        raise ValueError(f"task_id isn't a whole number from 0 on: {shown(value)}")
    return int(value)


def parse_test_list(value: Any) -> tuple[str, ...]:
    """Read a problem's tests from a list, an array or a JSON string of a list.

    Raises:
        ValueError: it is none of these, or holds something that is no text.
    """
    if isinstance(value, str):
        value = parse_json(value)
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise ValueError("test_list isn't a list of asserts")
    tests = tuple(value)
    if not tests or not all(isinstance(test, str) and test.strip() for test in tests):
        raise ValueError("test_list isn't a list of asserts")
    return tests


def _to_problem(row: Mapping[str, Any]) -> Problem:
    text = row["text"] if "text" in row else row["prompt"]
    if not isinstance(text, str) or not isinstance(row["code"], str) or not text.strip():
        raise ValueError("text and code must be strings, and text not empty")
    setup = row.get("test_setup_code")
    if setup is None:
        setup = "\n".join(row.get("test_imports", ()))
    if not isinstance(setup, str):
        raise ValueError(f"test_setup_code isn't text: {shown(setup)}")
    return Problem(
        task_id=parse_task_id(row["task_id"]),
        text=text,
        code=row["code"],
        test_list=parse_test_list(row["test_list"]),
        test_setup_code=setup,
        cyclomatic_complexity=cyclomatic_complexity(row["code"]),
    )


def load_problems(config: Config) -> list[Problem]:
    """Read all problems, ordered by `task_id`, from the configured file or dataset.

    Raises:
        InputError: it is missing, unreadable, or a row lacks something.
    """
    name = config.problems_path
    files = (
        hub_parquet_files(name, setting="PVA_SAE_PROBLEMS_PATH")
        if is_on_hub(name)
        else [resolve_path(name)]
    )
    problems: dict[int, Problem] = {}
    for file in files:
        for number, row in enumerate(_read_rows(file), start=1):
            try:
                problem = _to_problem(row)
            except KeyError as error:
                raise InputError(f"{file}, row {number}: no field {error}") from error
            except (TypeError, ValueError) as error:
                raise InputError(f"{file}, row {number}: {error}") from error
            if problem.task_id in problems:
                raise InputError(f"{file}: task_id {problem.task_id} occurs twice")
            problems[problem.task_id] = problem
    if not problems:
        raise InputError(f"{name}: no problems in it")
    return [problems[task_id] for task_id in sorted(problems)]


def _read_rows(path: Path) -> list[dict[str, Any]]:
    try:
        if path.suffix == ".parquet":
            import pandas as pd

            return [dict(row) for row in pd.read_parquet(path).to_dict("records")]
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such problems file; set PVA_SAE_PROBLEMS_PATH to a JSONL or parquet "
            "file, or to a Hugging Face dataset"
        ) from error
    # What pyarrow and pandas raise where a file's own description of itself is damaged.
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(f"{path}: problems can't be read ({reason})") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: not valid JSON ({error})") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number}: not a JSON object")
        rows.append(row)
    return rows


def split_problems(
    problems: Sequence[Problem], fractions: Sequence[float], seed: int
) -> dict[Split, list[Problem]]:
    """Deal the problems into the three splits, stratified by cyclomatic complexity.

    Shuffled by `seed`, ordered by complexity, each problem goes to the split that is furthest
    behind its share, so that every range of complexity is divided by `fractions` (which sum
    to 1, in the order of `SPLITS`).
    """
    order = list(problems)
    random.Random(seed).shuffle(order)
    order.sort(key=lambda problem: problem.cyclomatic_complexity)
    splits: dict[Split, list[Problem]] = {name: [] for name in SPLITS}
    for dealt, problem in enumerate(order, start=1):
        behind = [
            fraction * dealt - len(splits[name])
            for name, fraction in zip(SPLITS, fractions, strict=True)
        ]
        splits[SPLITS[behind.index(max(behind))]].append(problem)
    return {
        name: sorted(part, key=lambda problem: problem.task_id) for name, part in splits.items()
    }


def load_split(config: Config, name: Split) -> list[Problem]:
    """The problems of one split, cut to the configured start and end index.

    Raises:
        InputError: the problems can't be read, or the range holds none.
    """
    split = split_problems(load_problems(config), config.split_fractions, config.seed)[name]
    chosen = split[config.start_index : config.end_index]
    if not chosen:
        raise InputError(
            f"no problems from index {config.start_index} to {config.end_index}: "
            f"the split {name} has {len(split)}"
        )
    return chosen
