"""The stages of the search: coefficient 0, the grid, refinement, controls, the final evaluation.

Each runs its cells, saves their records where a person finds them, and returns what it found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

from common.config import Config
from common.logging import get_logger
from common.terms import SteeringType
from common_simplified.steering import Steering
from phase3_6.baseline import BaselineProblem
from phase4_5.analysis.control_comparison import compare_with_controls
from phase4_5.analysis.final_summary import summarise_looks
from phase4_5.analysis.metrics import own_bounds, summarise_coefficient
from phase4_5.records import (
    CoefficientSummary,
    Controls,
    FinalEvaluation,
    ProgramRecord,
    ResidualNorm,
    WrittenProgram,
    control_names,
)
from phase4_5.results.outputs import CONTROL_EXAMPLES_DIR, FINAL_EXAMPLES_DIR, save_examples
from phase4_5.results.records_table import Stage
from phase4_5.search.cells import Cell
from phase4_5.search.controls import (
    ControlDirections,
    control_cells,
    control_directions,
    spread_controls,
)
from phase4_5.search.inputs import SearchInputs
from phase4_5.search.refinement import refine
from phase4_5.search.reproduction import Reproduction, compare_with_given
from phase4_5.search.residual_norm import relative_strength, summarise_norms
from phase4_5.search.runner import Runner

logger = get_logger("phase4_5.search")

Problems = Sequence[BaselineProblem]
Columns = dict[float, list[ProgramRecord]]
"""Coefficient -> its records, ordered by `task_id`."""
Summaries = dict[SteeringType, list[CoefficientSummary]]
"""For each direction one a coefficient, the smallest first."""


class Search:
    """The stages, for two latents with their directions.

    Attributes:
        columns: of the grid, for each direction.
        final: what the chosen coefficients did to held-out problems, of both directions.
        records: all that were computed, by what they were computed for.
    """

    def __init__(self, config: Config, inputs: SearchInputs, runner: Runner) -> None:
        """Take the latents with their directions, and who runs the cells."""
        self.columns: dict[SteeringType, Columns] = {name: {} for name in inputs.features}
        self.final: list[ProgramRecord] = []
        self.records: dict[Stage, Sequence[WrittenProgram]] = {}
        self._config = config
        self._features = inputs.features
        self._directions = inputs.directions
        self._matched = inputs.matched
        self._runner = runner
        self._bounds = own_bounds(config.phase4_5_max_kl)
        self._output_dir = config.output_dir("4.5")

    def reproduce(self, problems: Problems) -> Reproduction:
        """Write each problem's unsteered program here, and compare the given baseline with it."""
        records = self._runner.unsteered(problems)
        self.records["unsteered"] = records
        against = self._config.baseline or "reproduced"
        return compare_with_given(problems, records, against)

    def grid(self, problems: Problems) -> Summaries:
        """Fill the grid; a coefficient's examples are saved as soon as it is complete."""
        coefficients = [float(value) for value in self._config.phase4_5_coefficients]
        unfinished: dict[tuple[SteeringType, float], list[ProgramRecord]] = {}
        summaries: dict[tuple[SteeringType, float], CoefficientSummary] = {}

        def note(record: ProgramRecord) -> None:
            name = record.steering_type, record.coefficient
            column = unfinished.setdefault(name, [])
            column.append(record)
            if len(column) == len(problems):
                summaries[name] = self._finish_column(column)

        cells = [
            self.cell(steering_type, coefficient, problem)
            for problem in problems
            for steering_type in self._features
            for coefficient in coefficients
        ]
        self._runner.run_cells(cells, "steering", note)
        return {
            steering_type: [summaries[steering_type, value] for value in coefficients]
            for steering_type in self._features
        }

    def evaluate(
        self, steering_type: SteeringType, coefficient: float, problems: Problems
    ) -> list[ProgramRecord]:
        """The records of one coefficient of a direction, in the order of `problems`."""
        cells = [self.cell(steering_type, coefficient, problem) for problem in problems]
        records = self._runner.run_cells(cells, f"{steering_type} {coefficient:g}")
        return [records[cell.key] for cell in cells]

    def refine(self, summaries: Summaries, problems: Problems) -> Summaries:
        """Add coefficients between the two best neighbours, if that is asked for."""
        n_evaluations = self._config.phase4_5_refine_evaluations
        refined: Summaries = {}
        for steering_type, listed in summaries.items():

            def evaluate(
                coefficient: float, of: SteeringType = steering_type
            ) -> CoefficientSummary:
                return self._finish_column(self.evaluate(of, coefficient, problems), refined=True)

            added = refine(listed, steering_type, n_evaluations, evaluate)
            refined[steering_type] = sorted(
                [*listed, *added], key=lambda summary: summary.coefficient
            )
        self.records["grid"] = [
            record
            for columns in self.columns.values()
            for column in columns.values()
            for record in column
        ]
        return refined

    def controls(
        self, summaries: Summaries, problems: Problems
    ) -> dict[SteeringType, Controls | None]:
        """Repeat the grid with directions that mean nothing, and compare."""
        cells = [
            self.cell(steering_type, summary.coefficient, problem)
            for problem in problems
            for steering_type, listed in summaries.items()
            for summary in listed
        ]
        names = control_names(
            self._config.phase4_5_random_controls, self._config.phase4_5_opposite_control
        )
        controls = self._control_columns(cells, names, "controls")
        self._save(_columns_of(controls), CONTROL_EXAMPLES_DIR, "controls")
        latents = {
            steering_type: {
                row.coefficient: self.columns[steering_type][row.coefficient] for row in listed
            }
            for steering_type, listed in summaries.items()
        }
        return compare_with_controls(
            latents, controls, dict.fromkeys(latents, "over the whole grid")
        )

    def _control_columns(
        self, cells: Sequence[Cell], names: Sequence[str], description: str
    ) -> dict[SteeringType, dict[str, Columns]]:
        """The records of the cells' controls: direction -> control -> columns."""
        controls: dict[SteeringType, dict[str, Columns]] = {
            steering_type: {name: {} for name in names} for steering_type in self._features
        }
        repeated = control_cells(
            cells, control_directions(self._directions, names, self._config.seed)
        )
        records = self._runner.run_cells(repeated, description) if repeated else {}
        for record in records.values():
            assert record.control is not None
            columns = controls[record.steering_type][record.control]
            columns.setdefault(record.coefficient, []).append(record)
        for column in _columns_of(controls):
            column.sort(key=lambda record: record.task_id)
        return controls

    def _save(self, columns: list[list[ProgramRecord]], parent: str, stage: Stage) -> None:
        self.records[stage] = list(chain.from_iterable(columns))
        for column in columns:
            save_examples(self._output_dir, column, parent)

    def residual_norm(self, problems: Problems) -> dict[SteeringType, ResidualNorm]:
        """Measure the residual stream where each direction is added."""
        layers = [feature.layer for feature in self._features.values()]
        records = self._runner.residual_norms(problems, layers)
        return summarise_norms(self._features, self._directions, records)

    def final_evaluation(
        self, coefficients: Mapping[SteeringType, float], held_out: Problems
    ) -> dict[SteeringType, FinalEvaluation | None]:
        """The chosen coefficients on held-out problems; None without such problems."""
        if not held_out:
            return dict.fromkeys(coefficients)
        cells = [
            self.cell(steering_type, coefficient, problem)
            for problem in held_out
            for steering_type, coefficient in coefficients.items()
        ]
        records = self._runner.run_cells(cells, "final evaluation")
        latents: dict[SteeringType, Columns] = {
            steering_type: {
                coefficient: [
                    records[self.cell(steering_type, coefficient, problem).key]
                    for problem in held_out
                ]
            }
            for steering_type, coefficient in coefficients.items()
        }
        final = [column for columns in latents.values() for column in columns.values()]
        self._save(final, FINAL_EXAMPLES_DIR, "final_evaluation")
        self.final = list(chain.from_iterable(final))
        names = control_names(self._config.phase4_5_final_controls, opposite=False)
        random_directions = self._final_controls(
            cells,
            control_directions(self._directions, names, self._config.seed),
            "final_controls",
            "random directions on the held-out problems",
        )
        matched = self._final_controls(
            cells,
            self._matched,
            "final_latents",
            "latents that fire as often on the held-out problems",
        )
        return {
            steering_type: summarise_looks(
                latents[steering_type][coefficient],
                random_directions[steering_type],
                matched[steering_type],
                self._runner.coefficients_tried(steering_type, held_out),
                self._bounds,
            )
            for steering_type, coefficient in coefficients.items()
        }

    def _final_controls(
        self, cells: Sequence[Cell], controls: ControlDirections, stage: Stage, description: str
    ) -> dict[SteeringType, dict[str, list[ProgramRecord]]]:
        """The records of controls in the place of the latents, for each direction.

        Each problem is tried with some of the controls. What they damage isn't measured: only
        their effects are compared.
        """
        spread = spread_controls(
            cells, controls, self._config.phase4_5_final_controls_per_problem, self._config.seed
        )
        unmeasured = [replace(cell, measures_damage=False) for cell in spread]
        records = self._runner.run_cells(unmeasured, description) if spread else {}
        if records:
            self.records[stage] = list(records.values())
        found: dict[SteeringType, dict[str, list[ProgramRecord]]] = {
            steering_type: {} for steering_type in self._features
        }
        for record in records.values():
            assert record.control is not None
            found[record.steering_type].setdefault(record.control, []).append(record)
        return found

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

    def _finish_column(
        self, records: list[ProgramRecord], refined: bool = False
    ) -> CoefficientSummary:
        """Save a coefficient's records; its summary."""
        records.sort(key=lambda record: record.task_id)
        save_examples(self._output_dir, records)
        summary = summarise_coefficient(records, refined, self._bounds)
        self.columns[summary.steering_type][summary.coefficient] = records
        logger.info(
            "%s-steering, coefficient %g: flip rate %.1f %%, token similarity %.2f",
            summary.steering_type,
            summary.coefficient,
            summary.flip_rate,
            summary.mean_token_similarity,
        )
        return summary


def _columns_of(
    controls: Mapping[SteeringType, Mapping[str, Columns]],
) -> list[list[ProgramRecord]]:
    """The columns of all controls of both directions."""
    return [
        column
        for by_name in controls.values()
        for columns in by_name.values()
        for column in columns.values()
    ]


def with_relative_strength(
    summaries: Summaries, residual_norm: Mapping[SteeringType, ResidualNorm]
) -> Summaries:
    """The summaries with each coefficient as a fraction of the residual stream's norm."""
    return {
        steering_type: [
            row.model_copy(
                update={
                    "relative_strength": relative_strength(
                        row.coefficient, residual_norm[steering_type]
                    )
                }
            )
            for row in listed
        ]
        for steering_type, listed in summaries.items()
    }
