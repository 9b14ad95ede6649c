"""The stages of the search: the grid, its refinement, the controls, the final evaluation.

Each runs its cells, saves their records where a person finds them, and returns what it found.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from common.config import Config
from common.logging import get_logger
from common.terms import SteeringType
from common_simplified.steering import Steering
from phase3_6.baseline import BaselineProblem
from phase4_5.analysis.control_comparison import compare_with_controls
from phase4_5.analysis.final_summary import summarise_final
from phase4_5.analysis.metrics import summarise_coefficient
from phase4_5.records import Record, control_names
from phase4_5.results.outputs import (
    CONTROL_EXAMPLES_DIR,
    FINAL_EXAMPLES_DIR,
    Evaluations,
    save_examples,
)
from phase4_5.search.cells import Cell
from phase4_5.search.controls import control_cells
from phase4_5.search.inputs import SearchInputs
from phase4_5.search.refinement import refine
from phase4_5.search.residual_norm import relative_strength, summarise_norms
from phase4_5.search.runner import Runner

logger = get_logger("phase4_5.search.stages")

Problems = Sequence[BaselineProblem]
Columns = dict[float, list[Record]]
"""Coefficient -> its records, ordered by `task_id`."""


class Search:
    """The stages, for two latents with their directions."""

    def __init__(self, config: Config, inputs: SearchInputs, runner: Runner) -> None:
        """Take the latents with their directions, and who runs the cells."""
        self._config = config
        self._features = inputs.features
        self._directions = inputs.directions
        self._runner = runner
        self._output_dir = config.output_dir("4.5")

    def grid(self, problems: Problems) -> Evaluations:
        """Fill the grid; a coefficient's examples are saved as soon as it is complete."""
        coefficients = self._config.phase4_5_coefficients
        columns: dict[tuple[SteeringType, float], list[Record]] = {}
        evaluations: dict[tuple[SteeringType, float], dict[str, Any]] = {}

        def note(record: Record) -> None:
            name = record["steering_type"], record["coefficient"]
            column = columns.setdefault(name, [])
            column.append(record)
            if len(column) == len(problems):
                evaluations[name] = self._saved(column)

        cells = [
            self.cell(steering_type, coefficient, problem)
            for problem in problems
            for steering_type in self._features
            for coefficient in coefficients
        ]
        self._runner.run_cells(cells, "steering", note)
        return {
            steering_type: [evaluations[steering_type, float(value)] for value in coefficients]
            for steering_type in self._features
        }

    def evaluate(
        self, steering_type: SteeringType, coefficient: float, problems: Problems
    ) -> dict[str, Any]:
        """One coefficient of a direction: its summary, and its records as `results`."""
        cells = [self.cell(steering_type, coefficient, problem) for problem in problems]
        records = self._runner.run_cells(cells, f"{steering_type} {coefficient:g}")
        return _evaluation([records[cell.key] for cell in cells])

    def refine(self, evaluations: Evaluations, problems: Problems) -> None:
        """Add coefficients between the two best neighbours, if that is asked for."""
        most = self._config.phase4_5_refine_evaluations
        for steering_type, listed in evaluations.items():

            def evaluate(coefficient: float, of: SteeringType = steering_type) -> dict[str, Any]:
                found = self.evaluate(of, coefficient, problems)
                return {**self._saved(found["results"]), "refined": True}

            listed += refine(listed, steering_type, most, evaluate)
            listed.sort(key=lambda evaluation: evaluation["coefficient"])

    def controls(
        self, evaluations: Evaluations, problems: Problems
    ) -> dict[SteeringType, dict[str, Any] | None]:
        """Repeat the grid with directions that mean nothing, and compare.

        See `analysis.control_comparison.compare_with_controls` for what is returned.
        """
        cells = [
            self.cell(steering_type, evaluation["coefficient"], problem)
            for problem in problems
            for steering_type, listed in evaluations.items()
            for evaluation in listed
        ]
        latents = {
            steering_type: {row["coefficient"]: row["results"] for row in listed}
            for steering_type, listed in evaluations.items()
        }
        names = control_names(
            self._config.phase4_5_random_controls, self._config.phase4_5_opposite_control
        )
        controls = self._control_columns(cells, names, "controls")
        for by_name in controls.values():
            for columns in by_name.values():
                for column in columns.values():
                    save_examples(self._output_dir, column, CONTROL_EXAMPLES_DIR)
        where = dict.fromkeys(latents, "over the whole grid")
        return compare_with_controls(latents, controls, where)

    def _control_columns(
        self, cells: Sequence[Cell], names: Sequence[str], description: str
    ) -> dict[SteeringType, dict[str, Columns]]:
        """The records of the cells' controls: direction -> control -> columns."""
        controls: dict[SteeringType, dict[str, Columns]] = {
            steering_type: {name: {} for name in names} for steering_type in self._features
        }
        repeated = list(control_cells(cells, names, self._config.seed))
        for record in self._runner.run_cells(repeated, description).values():
            columns = controls[record["steering_type"]][record["control"]]
            columns.setdefault(record["coefficient"], []).append(record)
        for by_name in controls.values():
            for columns in by_name.values():
                for column in columns.values():
                    column.sort(key=lambda record: record["task_id"])
        return controls

    def residual_norm(
        self, evaluations: Evaluations, problems: Problems
    ) -> dict[SteeringType, dict[str, Any]]:
        """Measure the residual stream, and give each coefficient its `relative_strength`."""
        layers = [feature.layer for feature in self._features.values()]
        records = self._runner.residual_norms(problems, layers)
        norm = summarise_norms(self._features, self._directions, records)
        for steering_type, listed in evaluations.items():
            for row in listed:
                row["relative_strength"] = relative_strength(
                    row["coefficient"], norm[steering_type]
                )
        return norm

    def final_evaluation(
        self, coefficients: Mapping[SteeringType, float], held_out: Problems
    ) -> dict[SteeringType, dict[str, Any] | None]:
        """The chosen coefficients on problems outside the search; None without such problems.

        What `analysis.final_summary.summarise_final` tells, and under `control` the comparison
        with the random directions at the same strength (None without any).
        """
        if not held_out:
            return dict.fromkeys(coefficients)
        cells = [
            self.cell(steering_type, coefficient, problem)
            for problem in held_out
            for steering_type, coefficient in coefficients.items()
        ]
        records = self._runner.run_cells(cells, "final evaluation")
        latents = {
            steering_type: {
                coefficient: [
                    records[self.cell(steering_type, coefficient, problem).key]
                    for problem in held_out
                ]
            }
            for steering_type, coefficient in coefficients.items()
        }
        for columns in latents.values():
            for column in columns.values():
                save_examples(self._output_dir, column, FINAL_EXAMPLES_DIR)
        names = control_names(self._config.phase4_5_random_controls, opposite=False)
        controls = self._control_columns(cells, names, "controls of the final evaluation")
        where: dict[SteeringType, str] = {
            steering_type: f"at {coefficient:g} on {len(held_out)} problems outside the search"
            for steering_type, coefficient in coefficients.items()
        }
        compared = compare_with_controls(latents, controls, where)
        return {
            steering_type: {
                **summarise_final(latents[steering_type][coefficient]),
                "control": (compared[steering_type] or {}).get("random"),
            }
            for steering_type, coefficient in coefficients.items()
        }

    def cell(
        self, steering_type: SteeringType, coefficient: float, problem: BaselineProblem
    ) -> Cell:
        """A problem under one coefficient of a direction."""
        steering = Steering(
            self._directions[steering_type],
            coefficient,
            self._features[steering_type].layer,
            self._config.residual_site,
        )
        return Cell(steering_type, steering, problem)

    def _saved(self, records: list[Record]) -> dict[str, Any]:
        """Save a coefficient's records; its evaluation."""
        records.sort(key=lambda record: record["task_id"])
        save_examples(self._output_dir, records)
        evaluation = _evaluation(records)
        logger.info(
            "%s-steering, coefficient %g: flip rate %.1f %%, token similarity %.2f",
            evaluation["steering_type"],
            evaluation["coefficient"],
            evaluation["flip_rate"],
            evaluation["mean_token_similarity"],
        )
        return evaluation


def _evaluation(records: list[Record]) -> dict[str, Any]:
    """The metrics of one coefficient of a direction, with its records."""
    return {
        "steering_type": records[0]["steering_type"],
        "refined": False,
        **summarise_coefficient(records),
        "results": records,
    }
