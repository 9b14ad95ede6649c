"""The analysis of a direction's coefficients as text for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.terms import SteeringType
from phase4_5.records import Record

MAX_EXAMPLES = 10
MAX_CHANGES = 3
MAX_ERROR_CHARACTERS = 80

Summary = dict[str, Any]

_CHANGES = {
    "syntax": "syntax",
    "names": "names",
    "operators": "operators",
    "control_flow": "control flow",
    "literals": "literals",
    "calls": "calls",
    "structure": "structure",
}
_FAILURES = {
    "non_finite": "the model's numbers overflowed",
    "empty": "no program",
    "degenerate_repetition": "the text repeats itself",
    "timeout": "out of time",
    "memory": "out of memory",
    "exited": "the program ended its own process",
    "parse_error": "syntax error",
    "missing_function": "the tests' function isn't defined",
    "changed_signature": "function signature changed",
    "wrong_answer": "logic error introduced",
}


def analysis_text(
    steering_type: SteeringType,
    summaries: Sequence[Summary],
    results_by_coefficient: Mapping[float, Sequence[Record]],
) -> str:
    """The flips and the quality of each coefficient of one direction.

    Args:
        steering_type: the direction.
        summaries: one a coefficient, from `analysis.metrics.summarise_coefficient`.
        results_by_coefficient: the records behind each.
    """
    title = f"{steering_type.capitalize()}-steering"
    parts = [f"{title}\n{'=' * len(title)}"]
    for summary in summaries:
        parts.append(_coefficient(summary, results_by_coefficient[summary["coefficient"]]))
    return "\n\n".join(parts) + "\n"


def _coefficient(summary: Summary, results: Sequence[Record]) -> str:
    lines = [
        f"Coefficient: {summary['coefficient']:g}",
        f"Flip Rate: {summary['flip_rate']:.1f}% "
        f"({summary['n_flipped']} of {summary['n_problems']} problems)",
        f"Corrected: {_of(summary, 'n_fail_to_pass', 'n_baseline_failed', 'failures')}",
        f"Corrupted: {_of(summary, 'n_pass_to_fail', 'n_baseline_passed', 'passes')}",
        *flip_lines([record for record in results if record["flipped"]]),
        "",
        "Generation Quality:",
        f"  - Average token similarity: {summary['mean_token_similarity']:.2f}",
        f"  - Average character similarity: {summary['mean_char_similarity']:.2f}",
        f"  - Average length ratio: {_number(summary['mean_length_ratio'])}",
        f"  - Valid syntax: {summary['valid_syntax_rate']:.1f}%",
        f"  - Signatures intact: {summary['signature_intact_rate']:.1f}%",
        f"  - Failure modes: {counts_text(summary['failure_modes'])}",
        f"  - Most changes: {_most_changes(summary['changes'])}",
    ]
    return "\n".join(lines)


def _of(summary: Summary, part: str, whole: str, word: str) -> str:
    return f"{summary[part]} of {summary[whole]} baseline {word}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def flip_lines(flips: Sequence[Record]) -> list[str]:
    """A heading, and for each flipped problem (the first few) a line that tells why."""
    if not flips:
        return ["Examples of flips: none"]
    lines = ["Examples of flips:"]
    lines += [f"  - {_flip(record)}" for record in flips[:MAX_EXAMPLES]]
    if len(flips) > MAX_EXAMPLES:
        lines.append(f"  - and {len(flips) - MAX_EXAMPLES} more")
    return lines


def _flip(record: Record) -> str:
    direction = "Fail→Pass" if record["steered_passed"] else "Pass→Fail"
    return f"Task {record['task_id']:03d}: {direction} ({_reason(record)})"


def _reason(record: Record) -> str:
    """Why a problem flipped, as far as the failure mode and the changed code tell."""
    changes = ", ".join(_CHANGES[change] for change in record["changes"])
    changed = f"changed: {changes}" if changes else "the same syntax tree"
    if record["steered_passed"]:
        return f"passes now; {changed}"
    mode = record["failure_mode"]
    failure = _FAILURES.get(mode) or f"{mode.removeprefix('exception:')} raised"
    if mode.startswith("exception:") and record["error"]:
        return f"{_plain(record['error'])}; {changed}"
    if mode == "parse_error" and record["error"]:
        return f"{failure}: {_plain(record['error'].removeprefix('SyntaxError: '))}"
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
    return ", ".join(_CHANGES[name] for name in list(counts)[:MAX_CHANGES]) or "none"
