"""What a run of Phase 4.5 has left, read for reports and reviews, with all that can be wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path

from common.errors import InputError
from common.terms import STEERING_TYPES, SteeringType
from common.typed_files import FileModel, read_model, read_models
from phase4_5.records import Choice, CoefficientSummary, NoiseFloor, ProgramRecord, RunSummary

EXAMPLES_DIR = "coefficient_examples"
SUMMARY_FILE = "phase_4_5_summary.json"
RESULTS_FILE = "all_results.json"

_REMEDY = "make it anew, from the journal: python3 run.py phase 4.5"


@dataclass(frozen=True)
class Run:
    """The summary of a run, and the records behind it."""

    folder: Path
    summary: RunSummary
    examples: dict[tuple[SteeringType, float], list[ProgramRecord]]
    """Direction, coefficient -> one record a problem, for every row of the summary's results."""

    @property
    def selected(self) -> Choice:
        """The content of `selected_coefficients.json`."""
        return self.summary.selected_coefficients


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
    examples: dict[tuple[SteeringType, float], list[ProgramRecord]] = {}
    for steering_type in STEERING_TYPES:
        for row in summary.results[steering_type]:
            path = examples_file(folder, steering_type, row.coefficient)
            if not path.is_file():
                raise InputError(f"{path}: missing; {_REMEDY}")
            records = read_models(path, ProgramRecord, _REMEDY)
            _check_same_run(path, steering_type, row, records)
            examples[steering_type, row.coefficient] = records
    return Run(folder, summary, examples)


def load_summary(folder: Path) -> RunSummary:
    """Read a run's summary.

    Raises:
        InputError: it is missing, damaged, or of an older version.
    """
    path = folder / SUMMARY_FILE
    if not path.is_file():
        raise InputError(f"{path}: missing; it is made by: python3 run.py phase 4.5")
    return read_model(path, RunSummary, _REMEDY)


class _FloorOnly(FileModel):
    noise_floor: NoiseFloor | None = None


def load_noise_floor(folder: Path) -> NoiseFloor | None:
    """The noise floor of a run; None without a summary, or if it is of an older version.

    Raises:
        InputError: the summary is damaged.
    """
    path = folder / SUMMARY_FILE
    return read_model(path, _FloorOnly, _REMEDY).noise_floor if path.is_file() else None


def _check_same_run(
    path: Path,
    steering_type: SteeringType,
    row: CoefficientSummary,
    records: Sequence[ProgramRecord],
) -> None:
    """Refuse examples that aren't those of which the summary tells."""
    total = sum(record.token_similarity for record in records)
    same = (
        len(records) == row.n_problems
        and sum(record.flipped for record in records) == row.n_flipped
        and isclose(total / len(records), row.mean_token_similarity, abs_tol=1e-6)
        and {record.steering_type for record in records} == {steering_type}
        and {record.coefficient for record in records} == {row.coefficient}
    )
    if not same:
        raise InputError(f"{path}: of another run than {SUMMARY_FILE}; {_REMEDY}")
