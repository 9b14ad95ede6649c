"""Writing what Phase 4.5 leaves for programs: examples, summary, selected coefficients."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.config import Config
from common.environment import describe_environment
from common.files import write_json
from common.terms import SteeringType
from common.typed_files import write_model
from common_simplified.sandbox import isolation
from phase2_5_simplified.features import Feature
from phase4_5.records import (
    OPPOSITE,
    CoefficientSummary,
    Controls,
    DoseResponse,
    FeatureSummary,
    FinalEvaluation,
    Neighbours,
    NoiseFloor,
    Population,
    PowerReport,
    ProgramRecord,
    Recommendation,
    ResidualNorm,
    RunConfig,
    RunEnvironment,
    RunSummary,
    WrittenProgram,
    control_names,
)
from phase4_5.results.choice import completed, manual_choice, recommended_choice, write_choice
from phase4_5.results.records_table import Stage, write_records
from phase4_5.results.run_files import (
    EXAMPLES_DIR,
    RESULTS_FILE,
    SUMMARY_FILE,
    Run,
    examples_folder,
)

CONTROL_EXAMPLES_DIR = "control_examples"
FINAL_EXAMPLES_DIR = "final_examples"


@dataclass(frozen=True)
class Findings:
    """What the phase has found out."""

    noise_floor: NoiseFloor
    features: dict[SteeringType, Feature]
    results: dict[SteeringType, list[CoefficientSummary]]
    columns: dict[SteeringType, dict[float, list[ProgramRecord]]]
    """For each direction, coefficient -> its records."""
    neighbours: dict[SteeringType, list[Neighbours]]
    residual_norm: dict[SteeringType, ResidualNorm]
    controls: dict[SteeringType, Controls | None]
    recommendations: dict[SteeringType, Recommendation]
    final_evaluation: dict[SteeringType, FinalEvaluation | None]
    population: Population
    dose_response: dict[SteeringType, DoseResponse]
    power: dict[SteeringType, PowerReport]
    records: dict[Stage, Sequence[WrittenProgram]]
    """All of them, by what they were computed for."""


@dataclass(frozen=True)
class HowRun:
    """How a run was computed, for the record."""

    started: str
    duration_seconds: float
    device: str
    dtype: str
    lane_counts: dict[str, Any] | None
    """What the lanes did in this run; None if it decoded one at a time, or nothing."""


def save_examples(
    output_dir: Path, records: Sequence[ProgramRecord], parent: str = EXAMPLES_DIR
) -> None:
    """Write the records of one coefficient of one direction, or of one of its controls."""
    first = records[0]
    folder = examples_folder(first.steering_type, first.coefficient)
    if first.control is not None:
        folder = f"{first.control}_{folder}"
    values = [record.dump() for record in records]
    write_json(output_dir / parent / folder / RESULTS_FILE, values)


def collect_run(config: Config, findings: Findings, how: HowRun) -> Run:
    """The run as its files will tell it.

    Its choice and the table of its records are written; a choice that a person has made is kept.
    """
    output_dir = config.output_dir("4.5")
    write_records(output_dir, findings.records)
    # Read again: a person may have chosen while this run went on.
    chosen = manual_choice(config, findings.features)
    selected = completed(
        chosen
        or recommended_choice(
            config, findings.features, findings.recommendations, findings.results
        ),
        findings.results,
        findings.final_evaluation,
        findings.noise_floor,
    )
    summary = RunSummary(
        noise_floor=findings.noise_floor,
        timestamp=how.started,
        duration_seconds=round(how.duration_seconds, 3),
        config=RunConfig.model_validate(config.model_dump(mode="json")),
        environment=RunEnvironment.model_validate(
            {
                **describe_environment(),
                "device": how.device,
                "dtype": how.dtype,
                "sandbox": str(isolation()),
            }
        ),
        lanes=how.lane_counts,
        features={
            steering_type: FeatureSummary(
                layer=feature.layer,
                feature_idx=feature.feature_idx,
                separation_score=feature.separation_score,
                separation_p=feature.separation_p,
            )
            for steering_type, feature in findings.features.items()
        },
        residual_norm=findings.residual_norm,
        results=findings.results,
        neighbours=findings.neighbours,
        controls=findings.controls,
        final_evaluation=findings.final_evaluation,
        recommended=findings.recommendations,
        population=findings.population,
        dose_response=findings.dose_response,
        power=findings.power,
        selected_coefficients=selected,
    )
    _remove_other_examples(output_dir, summary)
    write_choice(output_dir, selected)
    examples = {
        (steering_type, coefficient): records
        for steering_type, columns in findings.columns.items()
        for coefficient, records in columns.items()
    }
    return Run(output_dir, summary, examples)


def save_summary(run: Run) -> None:
    """Write the summary: last, for its presence says that the phase is done."""
    write_model(run.folder / SUMMARY_FILE, run.summary)


def _remove_other_examples(output_dir: Path, summary: RunSummary) -> None:
    """Remove examples of which the summary doesn't tell; their records stay in the journal."""
    kept: dict[str, set[str]] = {
        EXAMPLES_DIR: set(),
        CONTROL_EXAMPLES_DIR: set(),
        FINAL_EXAMPLES_DIR: set(),
    }
    for steering_type, rows in summary.results.items():
        folders = [examples_folder(steering_type, row.coefficient) for row in rows]
        final = summary.final_evaluation[steering_type]
        kept[EXAMPLES_DIR].update(folders)
        kept[CONTROL_EXAMPLES_DIR].update(
            f"{name}_{one}" for name in _controls_run(summary, steering_type) for one in folders
        )
        if final is not None:
            kept[FINAL_EXAMPLES_DIR].add(examples_folder(steering_type, final.coefficient))
    for parent, folders_kept in kept.items():
        for file in (output_dir / parent).glob(f"*_coeff_*/{RESULTS_FILE}"):
            if file.parent.name not in folders_kept:
                file.unlink()
                # What a person has put beside the examples stays.
                with suppress(OSError):
                    file.parent.rmdir()


def _controls_run(summary: RunSummary, steering_type: SteeringType) -> list[str]:
    controls = summary.controls[steering_type]
    if controls is None:
        return []
    return control_names(controls.n_random, OPPOSITE in controls.comparisons)
