"""The run as Markdown, for the terminal and for pull requests."""

from collections.abc import Sequence

from common.terms import STEERING_TYPES, SteeringType
from phase4_5.analysis.metrics import METRIC, METRICS, Metric
from phase4_5.analysis.noise_floor import is_told_first
from phase4_5.analysis.statistics import CONFIDENCE, MAX_PROBLEMS, POWER
from phase4_5.records import (
    ChosenCoefficient,
    CoefficientSummary,
    ControlRow,
    Controls,
    FinalEvaluation,
    Metrics,
    Neighbours,
    WeightedRates,
)
from phase4_5.report.markup import block, code, escape, prose, quote, table
from phase4_5.report.text import MAX_EXAMPLES, counts_text, flip_lines, latent_words
from phase4_5.results.run_files import Run

# rate of the summary, the counts behind it
_COUNTS = {
    "flip_rate": ("n_flipped", "n_problems"),
    "correction_rate": ("n_fail_to_pass", "n_baseline_failed"),
    "corruption_rate": ("n_pass_to_fail", "n_baseline_passed"),
}


def markdown_report(run: Run) -> str:
    """What was run, what is chosen and why, and what the numbers can tell.

    Whatever a model or a person wrote is text in it, never markup.
    """
    parts = ["# Phase 4.5: steering coefficients", _what_was_run(run), _READING]
    parts.insert(1 if is_told_first(run.summary.noise_floor) else 3, _noise_floor(run))
    for steering_type in STEERING_TYPES:
        title = f"{steering_type.capitalize()}-steering"
        parts += [
            f"## {title}: {run.selected.of(steering_type).coefficient:g}, "
            f"{run.selected.of(steering_type).verdict}",
            _verdict(run.selected.of(steering_type)),
            _choice(run, steering_type),
            _coefficients(run, steering_type),
            f"### {title}: best strength by a curve",
            _dose_response(run, steering_type),
            f"### {title}: problems outside the search",
            _held_out(run, steering_type),
            f"### {title}: what other directions flip",
            _controls(run.summary.controls[steering_type]),
            f"### {title}: neighbours",
            _neighbours(run.summary.neighbours[steering_type]),
            f"### {title}: failure modes",
            _failure_modes(_rows(run, steering_type)),
            f"### {title}: flips",
            _flips(run, steering_type),
        ]
    return "\n\n".join(parts) + "\n"


def _noise_floor(run: Run) -> str:
    """How far the given baseline is from here, and which problems differ."""
    floor = run.summary.noise_floor
    said = escape(floor.statement)
    parts = [prose(f"**{said}**" if is_told_first(floor) else said)]
    if floor.causes:
        rows = [
            [cause.words, f"{cause.n_problems}", f"{cause.n_verdicts}", _some(cause.task_ids)]
            for cause in floor.causes
        ]
        head = ["what probably differs", "problems", "verdicts", "task_id"]
        parts.append(table(head, rows))
    return "\n\n".join(parts)


def _some(task_ids: Sequence[int]) -> str:
    shown = ", ".join(f"{task_id}" for task_id in task_ids[:MAX_EXAMPLES])
    return shown if len(task_ids) <= MAX_EXAMPLES else f"{shown}, ..."


_READING = prose(
    f"Numbers in brackets are {100 * CONFIDENCE:.0f} % intervals in percent (Wilson). Norm: what "
    "is added, in percent of the residual stream's median norm. Tokens: mean token similarity to "
    "the unsteered programs, 0 to 1. p: exact McNemar test of the share that passes against the "
    "baseline; Holm: adjusted for all coefficients of both directions."
)


def _rows(run: Run, steering_type: SteeringType) -> list[CoefficientSummary]:
    return run.summary.rows(steering_type)


def _what_was_run(run: Run) -> str:
    summary = run.summary
    environment = summary.environment
    lines = [
        f"- model: {code(summary.config.model_name)}, "
        f"{escape(environment.dtype)} on {escape(environment.device)}",
        f"- started: {escape(summary.timestamp)}",
    ]
    if environment.commit:
        lines.append(f"- commit: {code(environment.commit)}")
    for steering_type in STEERING_TYPES:
        feature, rows = summary.features[steering_type], _rows(run, steering_type)
        found = (
            f"- {steering_type}-steering: {latent_words(feature)}; coefficients "
            f"{', '.join(_named(row) for row in rows)}; {rows[0].n_problems} problems "
            f"({rows[0].n_baseline_passed} passed and {rows[0].n_baseline_failed} failed "
            "at baseline)"
        )
        lines.append(prose(found, "  "))
    return "\n".join(lines)


def _named(row: CoefficientSummary) -> str:
    return f"{row.coefficient:g}{' (refined)' if row.refined else ''}"


def _choice(run: Run, steering_type: SteeringType) -> str:
    entry, rule = run.selected.of(steering_type), run.summary.recommended[steering_type]
    chosen = f"{entry.coefficient:g}"
    rule_says = quote(rule.rationale)
    if entry.selection_method == "manual":
        reviewer = code(entry.reviewer or run.selected.reviewer or "somebody")
        parts = [
            f"**{chosen} is chosen by hand**, by {reviewer}:",
            quote(entry.rationale),
            f"The rule names {rule.coefficient:g}:",
            rule_says,
        ]
    elif rule.qualifies:
        parts = [f"**{chosen} is recommended** by the rule; nobody has chosen by hand.", rule_says]
    else:
        parts = [
            f"**No coefficient qualifies; {chosen} is named.** Nobody has chosen by hand.",
            rule_says,
        ]
    return "\n\n".join(parts)


def _verdict(entry: ChosenCoefficient) -> str:
    return prose(f"**{entry.verdict.capitalize()}**: {escape(entry.verdict_reason)}")


def _coefficients(run: Run, steering_type: SteeringType) -> str:
    chosen = run.selected.of(steering_type).coefficient
    columns = [metric for metric in METRICS if metric.in_table is not None]
    head = ["coefficient", "norm", *(METRIC[rate].label for rate in _COUNTS)]
    head += [str(metric.in_table) for metric in columns]
    rows = []
    for row in _rows(run, steering_type):
        name = _named(row)
        strength = row.relative_strength
        rows.append(
            [
                f"**{name}**" if row.coefficient == chosen else name,
                "?" if strength is None else f"{100 * strength:.2f} %",
                f"{METRIC['flip_rate'].in_words(row.flip_rate)} "
                f"{_brackets(row.flip_rate_interval)}",
                _counted_rate(row, "correction_rate"),
                _counted_rate(row, "corruption_rate"),
                *(metric.in_words(metric.of(row)) for metric in columns),
                f"{row.mcnemar_p:.3g}",
                "?" if row.mcnemar_p_holm is None else f"{row.mcnemar_p_holm:.3g}",
            ]
        )
    return table([*head, "p", "Holm"], rows)


def _counted_rate(metrics: Metrics, rate: str) -> str:
    """A rate as counts with its interval, e.g. `2/5 [12, 77]`."""
    interval = METRIC[rate].interval_of(metrics)
    if interval is None:
        return METRIC[rate].in_words(None)
    part, whole = (getattr(metrics, count) for count in _COUNTS[rate])
    return f"{part}/{whole} {_brackets(interval)}"


def _brackets(interval: Sequence[float]) -> str:
    low, high = interval
    return f"[{low:.0f}, {high:.0f}]"


def _controls(controls: Controls | None) -> str:
    if controls is None:
        return prose("No other direction was tried over the grid.")
    labels = {"random": "random directions", "opposite": "opposite direction"}
    compared = controls.comparisons
    return "\n\n".join(
        [
            *(prose(escape(comparison.statement)) for comparison in compared.values()),
            *(
                _control_table(comparison.coefficients, labels[kind])
                for kind, comparison in compared.items()
            ),
        ]
    )


def _control_table(listed: Sequence[ControlRow], label: str) -> str:
    rows = []
    for row in sorted(listed, key=lambda row: row.coefficient):
        low, high = row.interval
        rates = [f"{rate:.0f}" for rate in row.flip_rates]
        rows.append(
            [
                f"{row.coefficient:g}",
                f"{row.flip_rate:.1f} %" + (f" ({', '.join(rates)})" if rates[1:] else ""),
                f"{row.difference:+.1f} [{low:+.0f}, {high:+.0f}]",
                f"{row.p:.3g}",
                f"{row.p_holm:.3g}",
            ]
        )
    return table(
        ["coefficient", f"flips, {label}", "latent minus these, points", "p", "Holm"], rows
    )


def _held_out(run: Run, steering_type: SteeringType) -> str:
    final = run.summary.final_evaluation[steering_type]
    if final is None:
        return prose(
            "Nothing was evaluated outside the search: the rates above are those of the problems "
            "by which the coefficient was chosen, and may be too good."
        )
    parts = []
    chosen = run.selected.of(steering_type).coefficient
    if final.coefficient != chosen:
        parts.append(
            f"**This is coefficient {final.coefficient:g}**, not {chosen:g}, which was chosen "
            "later."
        )
    search = next(
        (row for row in _rows(run, steering_type) if row.coefficient == final.coefficient),
        None,
    )
    columns: list[CoefficientSummary | FinalEvaluation] = (
        [final] if search is None else [search, final]
    )
    rows = [
        [label, *(_counted_rate(column, rate) for column in columns)]
        for label, rate in (
            ("corrected, of failed", "correction_rate"),
            ("corrupted, of solved", "corruption_rate"),
        )
    ]
    rows += _weighted_rows([column.weighted for column in columns])
    rows.append(["p", *(f"{column.mcnemar_p:.3g}" for column in columns)])
    head = [f"coefficient {final.coefficient:g}", "search", "outside"]
    parts.append(table(head if search else [head[0], head[2]], rows))
    if final.weighted is not None:
        parts.append(_weighted_note(final.weighted.pass_rate))
    test = final.directions
    parts.append(
        prose(escape(test.statement) if test else "No random direction was tried on them.")
    )
    if final.latents is not None:
        parts.append(prose(escape(final.latents.statement)))
    power = run.summary.power.get(steering_type)
    if power is not None:
        parts.append(prose(escape(power.statement)))
    return "\n\n".join(parts)


def _weighted_rows(columns: Sequence[WeightedRates | None]) -> list[list[str]]:
    """Rates that are about all problems; the samples differ in how many were solved."""
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return []
    rows = []
    # Rates first.
    for metric in sorted(METRICS, key=lambda metric: metric.unit != "%"):
        if metric.name == "flip_rate" or metric.in_rationale:
            cells = [_weighted_cell(metric, column) for column in known]
            rows.append([f"{metric.label}, weighted", *cells])
    changes = [
        f"{column.net_change:+.1f} {_brackets(column.net_change_interval)}" for column in known
    ]
    rows.append(["change of pass rate, points, weighted", *changes])
    return rows


def _weighted_cell(metric: Metric, rates: WeightedRates) -> str:
    interval = metric.interval_of(rates)
    words = metric.in_words(metric.of(rates))
    return words if interval is None else f"{words} {_brackets(interval)}"


def _weighted_note(pass_rate: float) -> str:
    return prose(
        f"Weighted: to the whole baseline, of which {pass_rate:.1f} % were solved. The search's "
        "problems are half solved and half failed, as far as there are such, and those outside "
        "are not, so that their plain rates of all problems are numbers of different things."
    )


def _dose_response(run: Run, steering_type: SteeringType) -> str:
    found = run.summary.dose_response.get(steering_type)
    return prose("No curve was fitted." if found is None else escape(found.statement))


def _neighbours(neighbours: Sequence[Neighbours]) -> str:
    if not neighbours:
        return "There is one coefficient only."
    rows = [
        [
            f"{pair.lower:g} and {pair.upper:g}",
            f"{pair.difference:+.1f}",
            "-" if pair.n_problems_needed is None else f"{pair.n_problems_needed:,}",
        ]
        for pair in neighbours
    ]
    head = ["coefficients", "difference of flip rates, points", "problems needed"]
    note = prose(
        f"Problems needed to tell the two apart with {100 * POWER:.0f} % power, if they differ as "
        f"they do here; -: no difference seen, or over {MAX_PROBLEMS:,}."
    )
    return f"{table(head, rows)}\n\n{note}"


def _failure_modes(rows: Sequence[CoefficientSummary]) -> str:
    lines = []
    for row in rows:
        n_passed = row.n_problems - sum(row.failure_modes.values())
        failed = escape(counts_text(row.failure_modes))
        lines.append(prose(f"- {row.coefficient:g}: passed {n_passed}; failed: {failed}", "  "))
    return "\n".join(lines)


def _flips(run: Run, steering_type: SteeringType) -> str:
    lines = []
    for row in _rows(run, steering_type):
        by_direction: dict[str, list[str]] = {"fail→pass": [], "pass→fail": []}
        for record in run.examples[steering_type, row.coefficient]:
            if record.flipped:
                by_direction[str(record.flip_direction)].append(f"{record.task_id}")
        corrected, corrupted = (", ".join(ids) or "none" for ids in by_direction.values())
        lines.append(
            prose(f"- {row.coefficient:g}: corrected {corrected}; corrupted {corrupted}", "  ")
        )
    chosen = run.selected.of(steering_type).coefficient
    flips = [record for record in run.examples.get((steering_type, chosen), []) if record.flipped]
    why = [f"Why, at {chosen:g}:", block(flip_lines(flips)[1:])] if flips else []
    return "\n\n".join(["Problems (`task_id`) that flipped:", "\n".join(lines), *why])
