"""`selected_coefficients.json`: which strengths are chosen, by the rule or by a person, and why.

What a person has chosen is never lost: an automatic run keeps it, and whatever replaces it leaves
the earlier version in `selection_history/`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from common.config import Config
from common.errors import InputError
from common.files import read_json, write_text
from common.terms import STEERING_TYPES, ResidualSite, SteeringType
from common.typed_files import read_model, write_model
from phase2_5_simplified.features import Feature
from phase4_5.analysis.recommendation import shortcomings
from phase4_5.analysis.verdict import judge
from phase4_5.records import (
    Choice,
    ChosenCoefficient,
    CoefficientSummary,
    FinalEvaluation,
    MarkedExample,
    NoiseFloor,
    Recommendation,
    RunSummary,
)
from phase4_5.results.run_files import SUMMARY_FILE, load_summary

SELECTED_FILE = "selected_coefficients.json"
HISTORY_DIR = "selection_history"
MAX_CHARACTERS = 20_000
"""Of a note, a rationale or a name."""

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
    "weighted",
    "relative_strength",
)


def recommended_choice(
    config: Config,
    features: Mapping[SteeringType, Feature],
    recommendations: Mapping[SteeringType, Recommendation],
    results: Mapping[SteeringType, Sequence[CoefficientSummary]],
) -> Choice:
    """The content of `selected_coefficients.json` where the rule decides."""

    def entry(steering_type: SteeringType) -> ChosenCoefficient:
        recommendation, feature = recommendations[steering_type], features[steering_type]
        row = find_row(results[steering_type], recommendation.coefficient)
        assert row is not None
        return ChosenCoefficient(
            layer=feature.layer,
            feature_idx=feature.feature_idx,
            residual_site=config.residual_site,
            **_of_row(row),
            rationale=recommendation.rationale,
            selection_method="recommended",
        )

    return Choice(
        timestamp=_now(),
        selection_method="recommended",
        model_name=config.model_name,
        correct=entry("correct"),
        incorrect=entry("incorrect"),
    )


def _of_row(row: CoefficientSummary) -> dict[str, Any]:
    """What a row of results tells of a chosen coefficient."""
    return {
        **{key: getattr(row, key) for key in _FROM_ROW},
        "qualifies": not shortcomings(row),
    }


def find_row(rows: Sequence[CoefficientSummary], coefficient: float) -> CoefficientSummary | None:
    """The row of a coefficient, or None if it wasn't run."""
    return next((row for row in rows if row.coefficient == coefficient), None)


def read_choice(folder: Path) -> Choice | None:
    """The choice that is on disk, or None.

    Raises:
        InputError: the file can't be read: nobody knows whether it holds a person's choice.
    """
    path = folder / SELECTED_FILE
    if not path.exists():
        return None
    return read_model(path, Choice, "mend it, or move it away")


def manual_choice(config: Config, features: Mapping[SteeringType, Feature]) -> Choice | None:
    """What a person has chosen for these latents, or None; also if it is to be replaced.

    Raises:
        InputError: the choice was made for another model or latent, or can't be read.
    """
    folder = config.output_dir("4.5")
    choice = read_choice(folder)
    if choice is None or choice.selection_method != "manual" or config.phase4_5_replace_choice:
        return None
    for steering_type, feature in features.items():
        entry = choice.of(steering_type)
        pairs: dict[str, tuple[Any, Any]] = {
            "model_name": (choice.model_name, config.model_name),
            "layer": (entry.layer, feature.layer),
            "feature_idx": (entry.feature_idx, feature.feature_idx),
            "residual_site": (entry.residual_site, config.residual_site),
        }
        for name, (before, now) in pairs.items():
            if before != now:
                raise InputError(
                    f"{folder / SELECTED_FILE}: a person chose coefficient {entry.coefficient:g} "
                    f"for {steering_type}-steering with {name}={before!r}, now it is {now!r}; "
                    "choose another PVA_SAE_DATA_DIR, or --replace-choice (the choice is then kept "
                    f"in {HISTORY_DIR})"
                )
    return choice


def completed(
    choice: Choice,
    results: Mapping[SteeringType, Sequence[CoefficientSummary]],
    final_evaluation: Mapping[SteeringType, FinalEvaluation | None],
    floor: NoiseFloor,
) -> Choice:
    """A choice with what is known now: the rates of its coefficients, and the final evaluation."""
    changed: dict[str, ChosenCoefficient] = {}
    for steering_type in STEERING_TYPES:
        entry = choice.of(steering_type)
        row = find_row(results[steering_type], entry.coefficient)
        known: dict[str, Any] = {} if row is None else _of_row(row)
        final = final_evaluation.get(steering_type)
        if final is None or final.coefficient != entry.coefficient:
            final = entry.final_evaluation
        known["final_evaluation"] = final
        judged = judge(row, final, steering_type, floor)
        known |= {"verdict": judged.verdict, "verdict_reason": judged.reason}
        changed[steering_type] = entry.model_copy(update=known)
    return choice.model_copy(update=changed)


def choose(
    folder: Path,
    coefficients: Mapping[SteeringType, float | None],
    rationale: str,
    reviewer: str,
    marks: Mapping[str, Mapping[str, Any]] | None = None,
) -> Choice:
    """Write down what a person chooses, for one direction or both; the other stays as it is.

    Args:
        folder: of the run.
        coefficients: of each direction, or None.
        rationale: why.
        reviewer: who.
        marks: the reviewer's marks, by `records.example_key`; those of the chosen coefficients go
            into the file.

    Returns:
        the new content of `selected_coefficients.json`. The run's summary has it too.

    Raises:
        InputError: a coefficient wasn't run, a text is missing, or a file of the run is damaged.
    """
    summary = load_summary(folder)
    chosen = {name: value for name, value in coefficients.items() if value is not None}
    if not chosen:
        raise InputError("no coefficient was chosen; give --correct, --incorrect or both")
    rationale = _checked("rationale", rationale)
    reviewer = _checked("reviewer", reviewer)
    earlier = read_choice(folder) or summary.selected_coefficients
    changed: dict[str, Any] = {
        "phase": "4.5",
        "timestamp": _now(),
        "selection_method": "manual",
        "reviewer": reviewer,
        "model_name": summary.config.model_name,
    }
    for steering_type, coefficient in chosen.items():
        feature = summary.features[steering_type]
        site: ResidualSite = summary.config.residual_site
        changed[steering_type] = ChosenCoefficient(
            layer=feature.layer,
            feature_idx=feature.feature_idx,
            residual_site=site,
            **_of_row(_row_to_choose(summary, steering_type, coefficient)),
            marks=_marks_of(marks or {}, steering_type, coefficient),
            rationale=rationale,
            selection_method="manual",
            reviewer=reviewer,
        )
    choice = earlier.model_copy(update=changed)
    choice = completed(choice, summary.results, summary.final_evaluation, summary.noise_floor)
    write_choice(folder, choice)
    write_model(folder / SUMMARY_FILE, summary.model_copy(update={"selected_coefficients": choice}))
    return choice


def _checked(name: str, text: str) -> str:
    text = text.strip()
    if not text:
        raise InputError(f"the {name} is missing; say it in a sentence, it will be read")
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"the {name} has {len(text)} characters; at most {MAX_CHARACTERS}")
    return text


def _row_to_choose(
    summary: RunSummary, steering_type: SteeringType, coefficient: float
) -> CoefficientSummary:
    if not isfinite(coefficient) or coefficient < 0:
        raise InputError(
            f"coefficient {coefficient:g} was not run for {steering_type}-steering, and can't be: "
            "finite numbers of at least 0 are allowed"
        )
    rows = summary.results[steering_type]
    row = find_row(rows, coefficient)
    if row is None:
        there = sorted(row.coefficient for row in rows)
        wider = ",".join(_written(value) for value in [*there, coefficient])
        raise InputError(
            f"coefficient {coefficient:g} was not run for {steering_type}-steering; there are "
            f"{', '.join(f'{value:g}' for value in there)}; to add it: "
            f"python3 run.py phase 4.5 --coefficients {wider}"
        )
    return row


def _marks_of(
    marks: Mapping[str, Mapping[str, Any]], steering_type: SteeringType, coefficient: float
) -> list[MarkedExample]:
    prefix = f"{steering_type}|{coefficient:g}|"
    found = [
        MarkedExample(task_id=int(key.removeprefix(prefix)), mark=entry["mark"], note=entry["note"])
        for key, entry in marks.items()
        if key.startswith(prefix) and (entry["mark"] or entry["note"])
    ]
    return sorted(found, key=lambda mark: mark.task_id)


def _written(value: float) -> str:
    """A number as it is typed: whole, and without `.0`."""
    return repr(value).removesuffix(".0")


def write_choice(folder: Path, choice: Choice) -> None:
    """Write the file; an earlier version goes into `selection_history/` if a person made either."""
    path = folder / SELECTED_FILE
    earlier = _earlier(path)
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
    write_model(path, choice)


def _earlier(path: Path) -> dict[str, Any] | None:
    """What is on disk as it is, also if it is no whole choice: it is kept nevertheless."""
    if not path.exists():
        return None
    value = read_json(path, "mend it, or move it away")
    if not isinstance(value, dict):
        raise InputError(f"{path}: not a choice; move it away")
    return value


def _is_other(earlier: Mapping[str, Any], choice: Choice) -> bool:
    """Whether a person made one of two different choices."""
    by_hand = "manual" in (earlier.get("selection_method"), choice.selection_method)
    return by_hand and earlier.get("timestamp") != choice.timestamp


def chosen_coefficients(choice: Choice) -> dict[SteeringType, float]:
    """The coefficient of each direction."""
    return {name: choice.of(name).coefficient for name in STEERING_TYPES}


def _now() -> str:
    # Milliseconds tell two choices apart.
    return datetime.now(UTC).isoformat(timespec="milliseconds")
