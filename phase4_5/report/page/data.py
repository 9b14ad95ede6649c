"""What the page needs to know of a run, each program stored once."""

from collections.abc import Hashable
from itertools import chain
from typing import Any

from common.terms import SteeringType
from phase4_5.analysis.recommendation import shortcomings
from phase4_5.plots.direction import directions_of
from phase4_5.plots.failure_modes import label_of
from phase4_5.plots.outcome_map import OUTCOMES
from phase4_5.records import Record, example_key
from phase4_5.report.page.colours import colours
from phase4_5.report.page.diff import diff
from phase4_5.report.page.panels import panels_of
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
    directions = [
        {**_direction(summary, name), "panels": panels.get(name, [])} for name in summary["results"]
    ]
    texts = _Texts()
    examples = [
        _example(record, number, position, texts)
        for number, direction in enumerate(directions)
        for position, row in enumerate(direction["results"])
        for record in run.examples[direction["name"], row["coefficient"]]
    ]
    return {
        "review": review,
        "model": summary["config"]["model_name"],
        "timestamp": summary["timestamp"],
        "residual_site": summary["config"]["residual_site"],
        "device": summary["environment"]["device"],
        "dtype": summary["environment"]["dtype"],
        "outcomes": [
            {"before": before, "after": after, **_outcome_style(before, after)}
            for before, after in OUTCOMES
        ],
        "mode_labels": _mode_labels(run),
        "directions": directions,
        "selected": summary["selected_coefficients"],
        "problems": texts.problems,
        "programs": texts.programs,
        "examples": examples,
    }


def _direction(summary: dict[str, Any], name: SteeringType) -> dict[str, Any]:
    rows = sorted(summary["results"][name], key=lambda row: row["coefficient"])
    return {
        "name": name,
        **summary["features"][name],
        "results": [
            {**row, "label": f"{row['coefficient']:g}", "shortcomings": shortcomings(row)}
            for row in rows
        ],
        **{
            key: summary[key][name]
            for key in (
                "residual_norm",
                "controls",
                "neighbours",
                "final_evaluation",
                "recommended",
            )
        },
    }


def _outcome_style(before: bool, after: bool) -> dict[str, str]:
    outcome = OUTCOMES[before, after]
    return {"label": outcome.label, "sign": outcome.sign, "colour": outcome.colour}


def _mode_labels(run: Run) -> dict[str, str]:
    """What every failure mode of the examples is called; "" is that of those that passed."""
    modes = {record["failure_mode"] for record in chain.from_iterable(run.examples.values())}
    return {mode or "": label_of(mode) for mode in sorted(modes | {None}, key=str)}


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

    def problem(self, record: Record) -> int:
        shown = {
            "task_id": record["task_id"],
            "prompt": record["prompt"],
            "baseline": self.program(record["baseline_code"]),
            "baseline_passed": record["baseline_passed"],
        }
        name = tuple(shown.values())
        if name not in self._positions:
            self._positions[name] = len(self.problems)
            self.problems.append(shown)
        return self._positions[name]


def _example(record: Record, direction: int, position: int, texts: _Texts) -> dict[str, Any]:
    return {
        "key": example_key(record["steering_type"], record["coefficient"], record["task_id"]),
        "direction": direction,
        "coefficient": position,
        "problem": texts.problem(record),
        "program": texts.program(record["steered_code"]),
        "diff": diff(record["baseline_code"], record["steered_code"]),
        **{key: record[key] for key in _SHOWN},
    }
