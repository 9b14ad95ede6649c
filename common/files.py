"""Files that are written whole or not at all, and read with errors a person understands."""

import json
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.errors import InputError


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it into place.

    A reader sees the old file or the new one, never a part.

    Raises:
        InputError: the folder can't be made or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(
            f"{path.parent}: can't be written ({error.strerror}); "
            "choose another output folder with PVA_SAE_DATA_DIR"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` whole or not at all."""
    # A model can write lone surrogates; they must not stop the file from being written.
    data = text.encode("utf-8", errors="backslashreplace")
    write_atomically(path, lambda temporary: _write_bytes(temporary, data))


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as strict JSON (no NaN, no Infinity), whole or not at all.

    Raises:
        ValueError: `value` holds a number that JSON can't.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, remedy: str = "make it anew") -> Any:
    """Read a strict JSON file; `remedy` says what to do where it is damaged.

    Raises:
        InputError: the file is missing, can't be read, or isn't JSON without NaN and Infinity.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); {remedy}") from error


def parse_json(text: str) -> Any:
    """What strict JSON says.

    Raises:
        ValueError: it is none, holds NaN or Infinity or a whole number of thousands of digits, or
            is nested too deep.
    """
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} isn't a finite number")
    return number
