"""Writing what Phase 4.5 leaves for programs: examples, summary, selected coefficients."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.config import Config
from common.environment import describe_environment
from common.files import write_json
from common.terms import SteeringType
from common_simplified.lanes import LaneCounts
from common_simplified.sandbox import isolation
from phase2_5_simplified.features import Feature
from phase4_5.analysis.recommendation import Recommendation
from phase4_5.records import OPPOSITE, Record, control_names
from phase4_5.results.choice import completed, manual_choice, recommended_choice, write_choice
from phase4_5.results.run_files import (
    EXAMPLES_DIR,
    RESULTS_FILE,
    SUMMARY_FILE,
    Run,
    examples_folder,
)

CONTROL_EXAMPLES_DIR = "control_examples"
FINAL_EXAMPLES_DIR = "final_examples"

Evaluations = dict[SteeringType, list[dict[str, Any]]]
"""For each direction one evaluation a coefficient: its summary, and its records as `results`."""


@dataclass
class Findings:
    """What the phase has found out, as far as it has come."""

    features: dict[SteeringType, Feature]
    evaluations: Evaluations
    neighbours: dict[SteeringType, list[dict[str, Any]]]
    residual_norm: dict[SteeringType, dict[str, Any]]
    controls: dict[SteeringType, dict[str, Any] | None]
    recommendations: dict[SteeringType, Recommendation]
    final_evaluation: dict[SteeringType, dict[str, Any] | None] = field(default_factory=dict)


@dataclass(frozen=True)
class HowRun:
    """How a run was computed, for the record."""

    started: str
    duration_seconds: float
    device: str
    dtype: str
    lane_counts: LaneCounts | None


def save_examples(output_dir: Path, records: Sequence[Record], parent: str = EXAMPLES_DIR) -> None:
    """Write the records of one coefficient of one direction, or of one of its controls."""
    first = records[0]
    folder = examples_folder(first["steering_type"], first["coefficient"])
    if "control" in first:
        folder = f"{first['control']}_{folder}"
    write_json(output_dir / parent / folder / RESULTS_FILE, records)


def collect_run(config: Config, findings: Findings, how: HowRun) -> Run:
    """The run as its files will tell it; its choice is written, and one a person made is kept."""
    output_dir = config.output_dir("4.5")
    rows = rows_of(findings.evaluations)
    # Read again: a person may have chosen while this run went on.
    chosen = manual_choice(config, findings.features)
    selected = completed(
        chosen or recommended_choice(config, findings.features, findings.recommendations, rows),
        rows,
        findings.final_evaluation,
    )
    summary = {
        "phase": "4.5",
        "timestamp": how.started,
        "duration_seconds": round(how.duration_seconds, 3),
        "config": config.model_dump(mode="json"),
        "environment": {
            **describe_environment(),
            "device": how.device,
            "dtype": how.dtype,
            "sandbox": str(isolation()),
        },
        # Of this run: None if it decoded one at a time, or found everything in the journal.
        "lanes": asdict(how.lane_counts) if how.lane_counts else None,
        "features": {
            steering_type: {
                "layer": feature.layer,
                "feature_idx": feature.feature_idx,
                "separation_score": feature.separation_score,
            }
            for steering_type, feature in findings.features.items()
        },
        "residual_norm": findings.residual_norm,
        "results": rows,
        "neighbours": findings.neighbours,
        "controls": findings.controls,
        "final_evaluation": findings.final_evaluation,
        "recommended": {
            steering_type: asdict(recommendation)
            for steering_type, recommendation in findings.recommendations.items()
        },
        "selected_coefficients": selected,
    }
    _remove_other_examples(output_dir, summary)
    write_choice(output_dir, selected)
    examples = {
        (steering_type, float(evaluation["coefficient"])): evaluation["results"]
        for steering_type, listed in findings.evaluations.items()
        for evaluation in listed
    }
    return Run(output_dir, summary, examples)


def save_summary(run: Run) -> None:
    """Write the summary: last, for its presence says that the phase is done."""
    write_json(run.folder / SUMMARY_FILE, run.summary)


def rows_of(evaluations: Evaluations) -> dict[SteeringType, list[dict[str, Any]]]:
    """The evaluations without the records behind them."""
    return {
        steering_type: [
            {key: value for key, value in evaluation.items() if key != "results"}
            for evaluation in listed
        ]
        for steering_type, listed in evaluations.items()
    }


def _remove_other_examples(output_dir: Path, summary: Mapping[str, Any]) -> None:
    """Remove examples of which the summary doesn't tell; their records stay in the journal."""
    kept: dict[str, set[str]] = {
        EXAMPLES_DIR: set(),
        CONTROL_EXAMPLES_DIR: set(),
        FINAL_EXAMPLES_DIR: set(),
    }
    for steering_type, rows in summary["results"].items():
        folders = [examples_folder(steering_type, row["coefficient"]) for row in rows]
        controls = summary["controls"][steering_type] or {"n_random": 0}
        names = control_names(controls["n_random"], OPPOSITE in controls)
        final = summary["final_evaluation"][steering_type]
        kept[EXAMPLES_DIR].update(folders)
        kept[CONTROL_EXAMPLES_DIR].update(f"{name}_{one}" for name in names for one in folders)
        if final is not None:
            kept[FINAL_EXAMPLES_DIR].add(examples_folder(steering_type, final["coefficient"]))
    for parent, folders_kept in kept.items():
        for file in (output_dir / parent).glob(f"*_coeff_*/{RESULTS_FILE}"):
            if file.parent.name not in folders_kept:
                file.unlink()
                # What a person has put beside the examples stays.
                with suppress(OSError):
                    file.parent.rmdir()
