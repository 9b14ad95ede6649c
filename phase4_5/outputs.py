"""Writing what Phase 4.5 leaves: examples, summary, selected coefficients, text and plots."""

from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from common.config import Config
from common.environment import describe_environment
from common.files import write_json, write_text
from common.logging import get_logger
from common_simplified.lanes import LaneCounts
from common_simplified.sandbox import isolation
from phase2_5_simplified.features import Feature, SteeringType
from phase4_5.plots import plot_coefficient_analysis
from phase4_5.report_text import analysis_text
from phase4_5.selecting import Recommendation, recommend

logger = get_logger("phase4_5.outputs")

EXAMPLES_DIR = "coefficient_examples"
SUMMARY_FILE = "phase_4_5_summary.json"
SELECTED_FILE = "selected_coefficients.json"
ANALYSIS_FILE = "coefficient_analysis.txt"
PLOTS_FILE = "coefficient_analysis_plots.png"

Evaluations = dict[SteeringType, list[dict[str, Any]]]


def examples_folder(steering_type: str, coefficient: float) -> str:
    """The folder of a coefficient's examples, e.g. `correct_coeff_30`."""
    return f"{steering_type}_coeff_{coefficient:g}"


def save_examples(output_dir: Path, records: list[dict[str, Any]]) -> None:
    """Write the records of one coefficient of one direction."""
    folder = examples_folder(records[0]["steering_type"], records[0]["coefficient"])
    write_json(output_dir / EXAMPLES_DIR / folder / "all_results.json", records)


def save_results(
    config: Config,
    features: dict[SteeringType, Feature],
    evaluations: Evaluations,
    *,
    device: str,
    dtype: str,
    lane_counts: LaneCounts | None,
    started: datetime,
    duration_seconds: float,
) -> dict[str, Any]:
    """Recommend a coefficient for each direction and write all result files.

    Returns:
        the content of the summary file.
    """
    output_dir = config.output_dir("4.5")
    # A summary without the records behind it.
    summaries = {
        steering_type: [
            {key: value for key, value in evaluation.items() if key != "results"}
            for evaluation in listed
        ]
        for steering_type, listed in evaluations.items()
    }
    recommendations = {
        steering_type: recommend(listed, steering_type)
        for steering_type, listed in summaries.items()
    }
    timestamp = started.isoformat(timespec="seconds")
    selected: dict[str, Any] = {
        "phase": "4.5",
        "timestamp": timestamp,
        "selection_method": "recommended",
        **{
            steering_type: _selected_entry(features[steering_type], recommendation, config)
            for steering_type, recommendation in recommendations.items()
        },
    }
    summary = {
        "phase": "4.5",
        "timestamp": timestamp,
        "duration_seconds": round(duration_seconds, 3),
        "config": config.model_dump(mode="json"),
        "environment": {
            **describe_environment(),
            "device": device,
            "dtype": dtype,
            "sandbox": str(isolation()),
        },
        # Of this run: None if it decoded one at a time, or found everything in the journal.
        "lanes": asdict(lane_counts) if lane_counts else None,
        "features": {
            steering_type: {
                "layer": feature.layer,
                "feature_idx": feature.feature_idx,
                "separation_score": feature.separation_score,
            }
            for steering_type, feature in features.items()
        },
        "results": summaries,
        "selected_coefficients": selected,
    }
    _remove_other_examples(output_dir, evaluations)
    _save_analysis(output_dir, summaries, evaluations)
    plot_coefficient_analysis(
        summaries,
        output_dir / PLOTS_FILE,
        {name: recommendation.coefficient for name, recommendation in recommendations.items()},
    )
    write_json(output_dir / SELECTED_FILE, selected)
    # Last: its presence says that the phase is done.
    write_json(output_dir / SUMMARY_FILE, summary)
    for steering_type, recommendation in recommendations.items():
        logger.info(
            "%s-steering: %s %g (flip rate %.1f %%)",
            steering_type,
            "recommended is" if recommendation.qualifies else "none qualifies; nearest is",
            recommendation.coefficient,
            recommendation.flip_rate,
        )
    logger.info("why: %s", output_dir / SELECTED_FILE)
    return summary


def _selected_entry(
    feature: Feature, recommendation: Recommendation, config: Config
) -> dict[str, Any]:
    return {
        "coefficient": recommendation.coefficient,
        "layer": feature.layer,
        "feature_idx": feature.feature_idx,
        "residual_site": config.residual_site,
        "flip_rate": recommendation.flip_rate,
        "correction_rate": recommendation.correction_rate,
        "corruption_rate": recommendation.corruption_rate,
        "qualifies": recommendation.qualifies,
        "rationale": recommendation.rationale,
    }


def _save_analysis(
    output_dir: Path, summaries: dict[SteeringType, list[dict[str, Any]]], evaluations: Evaluations
) -> None:
    parts = [
        analysis_text(
            steering_type,
            summaries[steering_type],
            {evaluation["coefficient"]: evaluation["results"] for evaluation in listed},
        )
        for steering_type, listed in evaluations.items()
    ]
    write_text(output_dir / ANALYSIS_FILE, "\n\n".join(part.rstrip() for part in parts) + "\n")


def _remove_other_examples(output_dir: Path, evaluations: Evaluations) -> None:
    """Remove examples of coefficients that aren't in this grid: the folder tells what the
    summary tells. Their records stay in the journal."""
    kept = {
        examples_folder(steering_type, evaluation["coefficient"])
        for steering_type, listed in evaluations.items()
        for evaluation in listed
    }
    for file in (output_dir / EXAMPLES_DIR).glob("*_coeff_*/all_results.json"):
        if file.parent.name not in kept:
            file.unlink()
            # What a person has put beside the examples stays.
            with suppress(OSError):
                file.parent.rmdir()
