"""What the page needs to know of a run, each program stored once."""

from collections.abc import Hashable
from itertools import chain
from typing import Any

from common.terms import STEERING_TYPES, SteeringType
from phase4_5.analysis.failure_modes import PASSED, label_of
from phase4_5.analysis.metrics import METRICS
from phase4_5.analysis.recommendation import shortcomings
from phase4_5.plots.direction import directions_of
from phase4_5.plots.outcome_map import OUTCOMES
from phase4_5.records import ProgramRecord, RunSummary
from phase4_5.report.page.colours import colours
from phase4_5.report.page.diff import diff
from phase4_5.report.page.panels import panels_of
from phase4_5.report.text import latent_words
from phase4_5.results.run_files import Run

# What an example shows beside its texts.
_SHOWN = (
    "steered_passed",
    "flip_direction",
    "outcome",
    "error",
    "failure_mode",
    "stop_reason",
    "n_new_tokens",
    "token_similarity",
    "char_similarity",
    "length_ratio",
    "changes",
    "valid_syntax",
    "signature_intact",
)


def page_data(run: Run, review: bool) -> dict[str, Any]:
    """All that the page shows, as JSON values.

    `directions` have their coefficients in ascending order; `examples` name their direction,
    coefficient, problem and program by position.
    """
    summary = run.summary
    panels = {each.steering_type: panels_of(each) for each in directions_of(run)}
    directions = [{**_direction(summary, name), "panels": panels[name]} for name in STEERING_TYPES]
    texts = _Texts()
    examples = [
        _example(record, number, position, texts)
        for number, direction in enumerate(directions)
        for position, row in enumerate(direction["results"])
        for record in run.examples[direction["name"], row["coefficient"]]
    ]
    return {
        "review": review,
        "model": summary.config.model_name,
        "timestamp": summary.timestamp,
        "residual_site": summary.config.residual_site,
        "device": summary.environment.device,
        "dtype": summary.environment.dtype,
        "outcomes": [
            {"before": before, "after": after, **_outcome_style(before, after)}
            for before, after in OUTCOMES
        ],
        "metrics": _metrics(),
        "mode_labels": _mode_labels(run),
        "directions": directions,
        "selected": run.selected.dump(),
        "problems": texts.problems,
        "programs": texts.programs,
        "examples": examples,
    }


def _direction(summary: RunSummary, name: SteeringType) -> dict[str, Any]:
    controls, final = summary.controls[name], summary.final_evaluation[name]
    return {
        "name": name,
        **summary.features[name].dump(),
        "latent": latent_words(summary.features[name]),
        "results": [
            {**row.dump(), "label": f"{row.coefficient:g}", "shortcomings": shortcomings(row)}
            for row in summary.rows(name)
        ],
        "residual_norm": summary.residual_norm[name].dump(),
        "controls": controls.dump() if controls else None,
        "neighbours": [pair.dump() for pair in summary.neighbours[name]],
        "final_evaluation": final.dump() if final else None,
        "recommended": summary.recommended[name].dump(),
    }


def _metrics() -> list[dict[str, Any]]:
    """The metrics beside flips, as the page's tables show them."""
    return [
        {
            "name": metric.name,
            "label": metric.label,
            "unit": metric.unit,
            "meaning": metric.meaning,
            "held_out": metric.in_rationale,
        }
        for metric in METRICS
        if metric.curve is not None
    ]


def _outcome_style(before: bool, after: bool) -> dict[str, str]:
    outcome = OUTCOMES[before, after]
    return {"label": outcome.label, "sign": outcome.sign, "colour": outcome.colour}


def _mode_labels(run: Run) -> dict[str, str]:
    """What every failure mode of the examples is called; "" is that of those that passed."""
    modes = {record.failure_mode for record in chain.from_iterable(run.examples.values())}
    found = {mode: label_of(mode) for mode in sorted(mode for mode in modes if mode is not None)}
    return {"": PASSED.label, **found}


class _Texts:
    """The programs and problems of all examples, each once."""

    def __init__(self) -> None:
        self.programs: list[dict[str, Any]] = []
        self.problems: list[dict[str, Any]] = []
        self._positions: dict[Hashable, int] = {}

    def program(self, code: str) -> int:
        if code not in self._positions:
            self._positions[code] = len(self.programs)
            self.programs.append({"code": code, "colours": colours(code)})
        return self._positions[code]

    def problem(self, record: ProgramRecord) -> int:
        shown = {
            "task_id": record.task_id,
            "prompt": record.prompt,
            "baseline": self.program(record.baseline_code),
            "baseline_passed": record.baseline_passed,
        }
        name = tuple(shown.values())
        if name not in self._positions:
            self._positions[name] = len(self.problems)
            self.problems.append(shown)
        return self._positions[name]


def _example(record: ProgramRecord, direction: int, position: int, texts: _Texts) -> dict[str, Any]:
    return {
        "key": record.example_key,
        "direction": direction,
        "coefficient": position,
        "problem": texts.problem(record),
        "program": texts.program(record.steered_code),
        "diff": diff(record.baseline_code, record.steered_code),
        **{key: getattr(record, key) for key in _SHOWN},
    }
