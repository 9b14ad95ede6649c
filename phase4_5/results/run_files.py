"""What a run of Phase 4.5 has left, read for reports and reviews, with all that can be wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from typing import Any

from common.errors import InputError
from common.files import read_json
from common.terms import STEERING_TYPES, SteeringType
from phase4_5.records import Record

EXAMPLES_DIR = "coefficient_examples"
SUMMARY_FILE = "phase_4_5_summary.json"
RESULTS_FILE = "all_results.json"


_REMEDY = "make it anew, from the journal: python3 run.py phase 4.5"

# What the summary has since the statistics came; a run of an older version has to be run again.
_SUMMARY_KEYS = (
    "config",
    "controls",
    "environment",
    "features",
    "final_evaluation",
    "neighbours",
    "recommended",
    "residual_norm",
    "results",
    "selected_coefficients",
    "timestamp",
)
_RECORD_KEYS = (
    "baseline_code",
    "baseline_passed",
    "changes",
    "char_similarity",
    "error",
    "failure_mode",
    "flip_direction",
    "flipped",
    "length_ratio",
    "n_new_tokens",
    "outcome",
    "prompt",
    "signature_intact",
    "steered_code",
    "steered_passed",
    "stop_reason",
    "task_id",
    "token_similarity",
    "valid_syntax",
)


@dataclass(frozen=True)
class Run:
    """The summary of a run, and the records behind it."""

    folder: Path
    summary: dict[str, Any]
    examples: dict[tuple[SteeringType, float], list[Record]]
    """Direction, coefficient -> one record a problem, for every row of the summary's results."""

    @property
    def selected(self) -> dict[str, Any]:
        """The content of `selected_coefficients.json`."""
        return self.summary["selected_coefficients"]


def examples_folder(steering_type: str, coefficient: float) -> str:
    """The folder of a coefficient's examples, e.g. `correct_coeff_30`."""
    return f"{steering_type}_coeff_{coefficient:g}"


def examples_file(folder: Path, steering_type: str, coefficient: float) -> Path:
    """The file of a coefficient's examples in a run's folder."""
    return folder / EXAMPLES_DIR / examples_folder(steering_type, coefficient) / RESULTS_FILE


def load_run(folder: Path) -> Run:
    """Read a run's summary and all its examples.

    Raises:
        InputError: a file is missing, damaged, of an older version, or of another run.
    """
    summary = load_summary(folder)
    examples: dict[tuple[SteeringType, float], list[Record]] = {}
    for steering_type in STEERING_TYPES:
        for row in summary["results"][steering_type]:
            path = examples_file(folder, steering_type, row["coefficient"])
            records = _read_records(path)
            _check_same_run(path, steering_type, row, records)
            examples[steering_type, float(row["coefficient"])] = records
    return Run(folder, summary, examples)


def load_summary(folder: Path) -> dict[str, Any]:
    """Read a run's summary.

    Raises:
        InputError: it is missing, damaged, or of an older version.
    """
    path = folder / SUMMARY_FILE
    if not path.is_file():
        raise InputError(f"{path}: missing; it is made by: python3 run.py phase 4.5")
    summary = read_json(path)
    if not isinstance(summary, dict):
        raise InputError(f"{path}: not a summary; {_REMEDY}")
    missing = [key for key in _SUMMARY_KEYS if key not in summary]
    if missing:
        raise InputError(f"{path}: no {', '.join(missing)} in it; {_REMEDY}")
    try:
        for steering_type in STEERING_TYPES:
            rows = summary["results"][steering_type]
            if not rows:
                raise ValueError("no rows")
            for row in rows:
                float(row["coefficient"]), int(row["n_problems"]), int(row["n_flipped"])
                float(row["mean_token_similarity"])
            summary["features"][steering_type]["layer"]
            summary["recommended"][steering_type]["coefficient"]
            summary["selected_coefficients"][steering_type]["coefficient"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: no whole results in it ({error!r}); {_REMEDY}") from error
    return summary


def _read_records(path: Path) -> list[Record]:
    if not path.is_file():
        raise InputError(f"{path}: missing; {_REMEDY}")
    records = read_json(path)
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise InputError(f"{path}: not a list of records; {_REMEDY}")
    for number, record in enumerate(records):
        missing = [key for key in _RECORD_KEYS if key not in record]
        if missing:
            raise InputError(f"{path}, record {number}: no {', '.join(missing)}; {_REMEDY}")
    return records


def _check_same_run(
    path: Path, steering_type: str, row: Mapping[str, Any], records: Sequence[Record]
) -> None:
    """Refuse examples that aren't those of which the summary tells."""
    n_flipped = sum(bool(record["flipped"]) for record in records)
    total = sum(record["token_similarity"] for record in records)
    same = (
        len(records) == row["n_problems"]
        and n_flipped == row["n_flipped"]
        and isclose(total / len(records), row["mean_token_similarity"], abs_tol=1e-6)
        and {record.get("steering_type") for record in records} == {steering_type}
        and {record.get("coefficient") for record in records} == {row["coefficient"]}
    )
    if not same:
        raise InputError(f"{path}: of another run than {SUMMARY_FILE}; {_REMEDY}")
