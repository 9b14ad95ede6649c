"""The analysis of a direction's coefficients as text for people."""

from collections.abc import Mapping, Sequence

from common.terms import SteeringType
from phase2_5_simplified.chance import chance_words
from phase4_5.analysis.changes import CHANGES
from phase4_5.analysis.failure_modes import explanation_of, is_exception
from phase4_5.analysis.metrics import METRICS, Metric
from phase4_5.records import CoefficientSummary, FeatureSummary, ProgramRecord

MAX_EXAMPLES = 10
MAX_CHANGES = 3
MAX_ERROR_CHARACTERS = 80


def analysis_text(
    steering_type: SteeringType,
    summaries: Sequence[CoefficientSummary],
    results_by_coefficient: Mapping[float, Sequence[ProgramRecord]],
    feature: FeatureSummary | None = None,
) -> str:
    """The flips and the quality of each coefficient of one direction.

    Args:
        steering_type: the direction.
        summaries: one a coefficient, from `analysis.metrics.summarise_coefficient`.
        results_by_coefficient: the records behind each.
        feature: the latent, told below the title.
    """
    title = f"{steering_type.capitalize()}-steering"
    parts = [f"{title}\n{'=' * len(title)}"]
    if feature is not None:
        parts.append(f"Latent: {latent_words(feature)}")
    for summary in summaries:
        parts.append(_coefficient(summary, results_by_coefficient[summary.coefficient]))
    return "\n\n".join(parts) + "\n"


def latent_words(feature: FeatureSummary) -> str:
    """Where a latent is, and how well it separates if it is known how well luck does.

    E.g. `layer 3, latent 14 (separation 0.200, p = 0.22 against shuffled verdicts: may be chance)`.
    """
    words = f"layer {feature.layer}, latent {feature.feature_idx}"
    if feature.separation_p is None:
        return words
    chance = chance_words(feature.separation_p)
    return f"{words} (separation {feature.separation_score:.3f}, {chance})"


def _coefficient(summary: CoefficientSummary, results: Sequence[ProgramRecord]) -> str:
    lines = [
        f"Coefficient: {summary.coefficient:g}",
        f"Flip Rate: {summary.flip_rate:.1f}% "
        f"({summary.n_flipped} of {summary.n_problems} problems)",
        f"Corrected: {_of(summary.n_fail_to_pass, summary.n_baseline_failed, 'failures')}",
        f"Corrupted: {_of(summary.n_pass_to_fail, summary.n_baseline_passed, 'passes')}",
        *flip_lines([record for record in results if record.flipped]),
        "",
        "Generation Quality:",
        *(
            f"  - {metric.in_text}: {_value(metric, summary)}"
            for metric in METRICS
            if metric.in_text is not None
        ),
        f"  - Failure modes: {counts_text(summary.failure_modes)}",
        f"  - Most changes: {_most_changes(summary.changes)}",
    ]
    return "\n".join(lines)


def _of(part: int, whole: int, word: str) -> str:
    return f"{part} of {whole} baseline {word}"


def _value(metric: Metric, summary: CoefficientSummary) -> str:
    value = metric.of(summary)
    if value is None:
        return "none"
    return f"{value:.1f}%" if metric.unit == "%" else f"{value:.2f}"


def flip_lines(flips: Sequence[ProgramRecord]) -> list[str]:
    """A heading, and for each flipped problem (the first few) a line that tells why."""
    if not flips:
        return ["Examples of flips: none"]
    lines = ["Examples of flips:"]
    lines += [f"  - {_flip(record)}" for record in flips[:MAX_EXAMPLES]]
    if len(flips) > MAX_EXAMPLES:
        lines.append(f"  - and {len(flips) - MAX_EXAMPLES} more")
    return lines


def _flip(record: ProgramRecord) -> str:
    direction = "Fail→Pass" if record.steered_passed else "Pass→Fail"
    return f"Task {record.task_id:03d}: {direction} ({_reason(record)})"


def _reason(record: ProgramRecord) -> str:
    """Why a problem flipped, as far as the failure mode and the changed code tell."""
    changes = ", ".join(CHANGES.get(change, change) for change in record.changes)
    changed = f"changed: {changes}" if changes else "the same syntax tree"
    if record.steered_passed:
        return f"passes now; {changed}"
    mode = record.failure_mode
    assert mode is not None
    failure = explanation_of(mode)
    if is_exception(mode) and record.error:
        return f"{_plain(record.error)}; {changed}"
    if mode == "parse_error" and record.error:
        return f"{failure}: {_plain(record.error.removeprefix('SyntaxError: '))}"
    return f"{failure}; {changed}" if mode == "wrong_answer" else failure


def _plain(error: str) -> str:
    """An error message cut to length, without what could upset a terminal."""
    text = "".join(symbol if symbol.isprintable() else "?" for symbol in error)
    if len(text) > MAX_ERROR_CHARACTERS:
        return f"{text[: MAX_ERROR_CHARACTERS - 1]}…"
    return text


def counts_text(counts: Mapping[str, int]) -> str:
    """Names with how often each occurs."""
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _most_changes(counts: Mapping[str, int]) -> str:
    return ", ".join(CHANGES.get(name, name) for name in list(counts)[:MAX_CHANGES]) or "none"
