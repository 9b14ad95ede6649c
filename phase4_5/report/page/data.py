"""What the page needs to know of a run, each program stored once."""

from collections.abc import Hashable
from typing import Any

from common.terms import SteeringType
from phase4_5.analysis.metrics import METRIC
from phase4_5.analysis.recommendation import FLIP_RATE_BAND, shortcomings
from phase4_5.records import CoefficientSummary, example_key
from phase4_5.report.page.colours import colours
from phase4_5.report.page.diff import diff
from phase4_5.results.run_files import Run

Record = dict[str, Any]

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
    summary = run.summary.dump()
    directions = [_direction(summary, name) for name in summary["results"]]
    texts = _Texts()
    examples = [
        _example(record.dump(), number, position, texts)
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
        "rule": {
            "flip_rate": FLIP_RATE_BAND,
            "token_similarity": METRIC["mean_token_similarity"].floor,
            "valid_syntax": METRIC["valid_syntax_rate"].floor,
            "signature_intact": METRIC["signature_intact_rate"].floor,
        },
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
            {
                **row,
                "label": f"{row['coefficient']:g}",
                "shortcomings": shortcomings(CoefficientSummary.model_validate(row)),
            }
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
