"""`selected_coefficients.json`: which strengths are chosen, by the rule or by a person, and why.

What a person has chosen is never lost: an automatic run keeps it, and whatever replaces it leaves
the earlier version in `selection_history/`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.config import Config
from common.errors import InputError
from common.files import read_json, write_json, write_text
from common.logging import get_logger
from common.terms import STEERING_TYPES, SteeringType
from phase2_5_simplified.features import Feature
from phase4_5.analysis.recommendation import Recommendation, shortcomings
from phase4_5.results.run_files import SUMMARY_FILE, load_summary

logger = get_logger("phase4_5.results.choice")

SELECTED_FILE = "selected_coefficients.json"
HISTORY_DIR = "selection_history"
MAX_CHARACTERS = 20_000
"""Of a note, a rationale or a name."""

Row = Mapping[str, Any]

# What an entry tells of the search, from the coefficient's row of results.
_FROM_ROW = (
    "coefficient",
    "n_problems",
    "flip_rate",
    "flip_rate_interval",
    "correction_rate",
    "correction_rate_interval",
    "corruption_rate",
    "corruption_rate_interval",
    "mean_token_similarity",
    "relative_strength",
)
# What binds a choice to a latent; a strength means nothing for another.
_FROM_FEATURE = ("layer", "feature_idx", "residual_site")


def recommended_choice(
    config: Config,
    features: Mapping[SteeringType, Feature],
    recommendations: Mapping[SteeringType, Recommendation],
    rows: Mapping[SteeringType, Sequence[Row]],
) -> dict[str, Any]:
    """The content of `selected_coefficients.json` where the rule decides."""
    choice: dict[str, Any] = {
        "phase": "4.5",
        "timestamp": _now(),
        "selection_method": "recommended",
        "reviewer": None,
        "model_name": config.model_name,
    }
    for steering_type, recommendation in recommendations.items():
        row = find_row(rows[steering_type], recommendation.coefficient)
        assert row is not None
        choice[steering_type] = {
            **_entry(row, bind(features[steering_type], config)),
            "rationale": recommendation.rationale,
            "selection_method": "recommended",
        }
    return choice


def bind(feature: Feature, config: Config) -> dict[str, Any]:
    """Where a latent is: what a choice is bound to, besides the model."""
    return {
        "layer": feature.layer,
        "feature_idx": feature.feature_idx,
        "residual_site": config.residual_site,
    }


def _entry(row: Row, feature: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{key: feature[key] for key in _FROM_FEATURE},
        **{key: row.get(key) for key in _FROM_ROW},
        "qualifies": not shortcomings(dict(row)),
        "final_evaluation": None,
        "marks": [],
    }


def find_row(rows: Sequence[Row], coefficient: float) -> Row | None:
    """The row of a coefficient, or None if it wasn't run."""
    return next((row for row in rows if row["coefficient"] == coefficient), None)


def read_choice(folder: Path) -> dict[str, Any] | None:
    """The choice that is on disk, or None.

    Raises:
        InputError: the file can't be read: nobody knows whether it holds a person's choice.
    """
    path = folder / SELECTED_FILE
    if not path.exists():
        return None
    choice = read_json(path)
    if not isinstance(choice, dict):
        raise InputError(f"{path}: not a choice; move it away")
    return choice


def manual_choice(
    config: Config, features: Mapping[SteeringType, Feature]
) -> dict[str, Any] | None:
    """What a person has chosen for these latents, or None; also if it is to be replaced.

    Raises:
        InputError: the choice was made for another model or latent, or can't be read.
    """
    folder = config.output_dir("4.5")
    choice = read_choice(folder)
    if choice is None or choice.get("selection_method") != "manual":
        return None
    if config.phase4_5_replace_choice:
        return None
    path = folder / SELECTED_FILE
    remedy = (
        "choose another PVA_SAE_DATA_DIR, or --replace-choice (the choice is then kept in "
        f"{HISTORY_DIR})"
    )
    for steering_type, feature in features.items():
        now = {"model_name": config.model_name, **bind(feature, config)}
        entry = choice.get(steering_type)
        if not isinstance(entry, dict) or not isinstance(entry.get("coefficient"), int | float):
            raise InputError(f"{path}: no whole choice for {steering_type!r} in it; {remedy}")
        before = {"model_name": choice.get("model_name"), **entry}
        for name, value in now.items():
            if before.get(name) != value:
                raise InputError(
                    f"{path}: a person chose coefficient {entry['coefficient']:g} for "
                    f"{steering_type}-steering with {name}={before.get(name)!r}, now it is "
                    f"{value!r}; {remedy}"
                )
    return choice


def completed(
    choice: dict[str, Any],
    rows: Mapping[SteeringType, Sequence[Row]],
    final_evaluation: Mapping[SteeringType, Mapping[str, Any] | None],
) -> dict[str, Any]:
    """A choice with what is known now: the rates of its coefficients, and the final evaluation."""
    choice = dict(choice)
    for steering_type in STEERING_TYPES:
        entry = dict(choice[steering_type])
        row = find_row(rows[steering_type], entry["coefficient"])
        if row is not None:
            entry |= {key: row.get(key) for key in _FROM_ROW}
            entry["qualifies"] = not shortcomings(dict(row))
        final = final_evaluation.get(steering_type)
        if final is not None and final["coefficient"] == entry["coefficient"]:
            entry["final_evaluation"] = final
        choice[steering_type] = entry
    return choice


def choose(
    folder: Path,
    coefficients: Mapping[SteeringType, float | None],
    rationale: str,
    reviewer: str,
    marks: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Write down what a person chooses, for one direction or both; the other stays as it is.

    Args:
        folder: of the run.
        coefficients: of each direction, or None.
        rationale: why.
        reviewer: who.
        marks: the reviewer's marks, by `records.example_key`; those of the chosen
            coefficients go into the file.

    Returns:
        the new content of `selected_coefficients.json`. The run's summary has it too.

    Raises:
        InputError: a coefficient wasn't run, a text is missing, or a file of the run is damaged.
    """
    summary = load_summary(folder)
    chosen = {name: value for name, value in coefficients.items() if value is not None}
    if not chosen:
        raise InputError("no coefficient was chosen; give --correct, --incorrect or both")
    texts = {"rationale": rationale.strip(), "reviewer": reviewer.strip()}
    for name, text in texts.items():
        if not text:
            raise InputError(f"the {name} is missing; say it in a sentence, it will be read")
        if len(text) > MAX_CHARACTERS:
            raise InputError(f"the {name} has {len(text)} characters; at most {MAX_CHARACTERS}")
    earlier = read_choice(folder) or summary["selected_coefficients"]
    choice = {
        **earlier,
        "phase": "4.5",
        "timestamp": _now(),
        "selection_method": "manual",
        "reviewer": texts["reviewer"],
        "model_name": summary["config"]["model_name"],
    }
    for steering_type, coefficient in chosen.items():
        row = find_row(summary["results"][steering_type], coefficient)
        if row is None:
            there = sorted(row["coefficient"] for row in summary["results"][steering_type])
            wider = ",".join(f"{value:g}" for value in [*there, coefficient])
            raise InputError(
                f"coefficient {coefficient:g} was not run for {steering_type}-steering; there are "
                f"{', '.join(f'{value:g}' for value in there)}; to add it: "
                f"python3 run.py phase 4.5 --coefficients {wider}"
            )
        feature = {
            **summary["features"][steering_type],
            "residual_site": summary["config"]["residual_site"],
        }
        choice[steering_type] = {
            **_entry(row, feature),
            "rationale": texts["rationale"],
            "selection_method": "manual",
            "reviewer": texts["reviewer"],
            "marks": _marks_of(marks or {}, steering_type, coefficient),
        }
    choice = completed(choice, summary["results"], summary["final_evaluation"])
    write_choice(folder, choice)
    write_json(folder / SUMMARY_FILE, {**summary, "selected_coefficients": choice})
    return choice


def _marks_of(
    marks: Mapping[str, Mapping[str, Any]], steering_type: str, coefficient: float
) -> list[dict[str, Any]]:
    prefix = f"{steering_type}|{coefficient:g}|"
    found = [
        {"task_id": int(key.removeprefix(prefix)), "mark": entry["mark"], "note": entry["note"]}
        for key, entry in marks.items()
        if key.startswith(prefix) and (entry["mark"] or entry["note"])
    ]
    return sorted(found, key=lambda mark: mark["task_id"])


def write_choice(folder: Path, choice: Mapping[str, Any]) -> None:
    """Write the file; an earlier version goes into `selection_history/` if a person made either."""
    path = folder / SELECTED_FILE
    earlier = read_choice(folder)
    if earlier is not None and _is_other(earlier, choice):
        stamp = str(earlier.get("timestamp", "undated")).replace(":", "-").replace("/", "-")
        kept = folder / HISTORY_DIR / f"{stamp}.json"
        text = path.read_text(encoding="utf-8")
        if not (kept.exists() and kept.read_text(encoding="utf-8") == text):
            number = 1
            while kept.exists():
                number += 1
                kept = folder / HISTORY_DIR / f"{stamp}_{number}.json"
            write_text(kept, text)
    write_json(path, choice)


def _is_other(earlier: Mapping[str, Any], choice: Mapping[str, Any]) -> bool:
    """Whether a person made one of two different choices."""
    by_hand = "manual" in (earlier.get("selection_method"), choice.get("selection_method"))
    return by_hand and earlier.get("timestamp") != choice.get("timestamp")


def chosen_coefficients(choice: Mapping[str, Any]) -> dict[SteeringType, float]:
    """The coefficient of each direction."""
    return {name: float(choice[name]["coefficient"]) for name in STEERING_TYPES}


def _now() -> str:
    # Milliseconds tell two choices apart.
    return datetime.now(UTC).isoformat(timespec="milliseconds")
