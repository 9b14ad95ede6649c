"""The small helpers that every phase imports: evaluating a program, finding it, JSON files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.files import read_json, write_json
from common_simplified.code_text import extract_code
from common_simplified.sandbox import run_program

__all__ = ["evaluate_code", "extract_code", "load_json", "save_json"]


def evaluate_code(code: str, test_list: Sequence[str]) -> bool:
    """Whether `code` passes every test, run in the sandbox with its default limits.

    Raises:
        InputError: there is no test to evaluate by.
    """
    return run_program(code, test_list).passed


def load_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file is missing, can't be read, or isn't JSON.
    """
    return read_json(Path(path))


def save_json(path: Path | str, value: Any) -> None:
    """Write `value` as strict JSON (no NaN, no Infinity), whole or not at all.

    Raises:
        ValueError: `value` holds a number that JSON can't.
        InputError: the folder can't be made or written.
    """
    write_json(Path(path), value)
