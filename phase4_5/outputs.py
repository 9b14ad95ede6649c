"""Writing what Phase 4.5 leaves: examples, summary, selected coefficients, and all for the eye."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.config import Config
from common.environment import describe_environment
from common.files import write_json, write_text
from common.logging import get_logger
from common_simplified.lanes import LaneCounts
from common_simplified.sandbox import isolation
from phase2_5_simplified.features import Feature, SteeringType
from phase4_5.choice import completed, manual_choice, recommended_choice, write_choice
from phase4_5.controls import OPPOSITE, control_names
from phase4_5.plots import save_plots
from phase4_5.report import REPORT_FILE, write_report
from phase4_5.report_markdown import markdown_report
from phase4_5.report_text import analysis_text
from phase4_5.run_files import (
    EXAMPLES_DIR,
    RESULTS_FILE,
    SUMMARY_FILE,
    Record,
    Run,
    examples_folder,
)
from phase4_5.selecting import Recommendation

logger = get_logger("phase4_5.outputs")

ANALYSIS_FILE = "coefficient_analysis.txt"
MARKDOWN_FILE = "phase_4_5_report.md"
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
    scale: dict[SteeringType, dict[str, Any]]
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


def save_results(config: Config, findings: Findings, how: HowRun) -> dict[str, Any]:
    """Write all result files; a choice that a person has made is kept.

    Returns:
        the content of the summary file.
    """
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
        "residual_norm": findings.scale,
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
    write_reports(Run(output_dir, summary, examples))
    # Last: its presence says that the phase is done.
    write_json(output_dir / SUMMARY_FILE, summary)
    return summary


def rows_of(evaluations: Evaluations) -> dict[SteeringType, list[dict[str, Any]]]:
    """The evaluations without the records behind them."""
    return {
        steering_type: [
            {key: value for key, value in evaluation.items() if key != "results"}
            for evaluation in listed
        ]
        for steering_type, listed in evaluations.items()
    }


def write_reports(run: Run) -> None:
    """Write all that is made for the eye: text, Markdown, pictures, and the page."""
    _save_analysis(run)
    write_text(run.folder / MARKDOWN_FILE, markdown_report(run))
    save_plots(run)
    write_report(run)


def _save_analysis(run: Run) -> None:
    parts = [
        analysis_text(
            steering_type,
            rows,
            {row["coefficient"]: run.examples[steering_type, row["coefficient"]] for row in rows},
        )
        for steering_type, rows in run.summary["results"].items()
    ]
    write_text(run.folder / ANALYSIS_FILE, "\n\n".join(part.rstrip() for part in parts) + "\n")


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


def log_outcome(summary: Mapping[str, Any], output_dir: Path) -> None:
    """Say what was found, and what a person does next."""
    for steering_type, entry in summary["recommended"].items():
        chosen = summary["selected_coefficients"][steering_type]
        how = "recommended" if entry["qualifies"] else "none qualifies; nearest"
        if chosen["selection_method"] == "manual":
            how = f"chosen by {chosen['reviewer']}; the rule says {entry['coefficient']:g}"
        logger.info("%s-steering: coefficient %g (%s)", steering_type, chosen["coefficient"], how)
        final = chosen["final_evaluation"]
        if final is not None and final["shortcomings"]:
            logger.warning(
                "%s-steering: on %d problems outside the search, %s",
                steering_type,
                final["n_problems"],
                "; ".join(final["shortcomings"]),
            )
        controls = summary["controls"][steering_type]
        if controls is None:
            logger.warning(
                "%s-steering: no control was run; a flip may come from any strong push",
                steering_type,
            )
            continue
        statements = [
            controls[kind]["statement"] for kind in ("random", "opposite") if kind in controls
        ]
        if final is not None and final["control"]:
            statements.append(final["control"]["statement"])
        for statement in statements:
            logger.info("%s", statement)
    logger.info("look at it: %s; choose: python3 run.py review", output_dir / REPORT_FILE)
