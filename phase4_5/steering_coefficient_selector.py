"""Phase 4.5: how strongly must a latent be pushed before the model's code changes?

This file tells the phase's story in the specification's order; the work is done next door.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from common.config import Config
from common.journal import Journal
from common.logging import get_logger
from common.terms import STEERING_TYPES, SteeringType
from common_simplified.code_generator import CodeGenerator
from common_simplified.sandbox import require_isolation
from common_simplified.steering import PreHook, create_steering_hook
from phase2_5_simplified.features import load_best_features
from phase2_5_simplified.sae_analyzer import planned_width
from phase3_6.baseline import BaselineProblem, parse_baseline_row
from phase4_5.analysis.dose_response import fit_dose_response
from phase4_5.analysis.metrics import own_bounds, summarise_coefficient
from phase4_5.analysis.power import power_of_run, unseen_correction
from phase4_5.analysis.recommendation import recommend
from phase4_5.analysis.significance import compare_neighbours, with_corrected_p
from phase4_5.analysis.weighted_rates import final_with_weighted_rates, with_weighted_rates
from phase4_5.records import FinalEvaluation, PowerReport
from phase4_5.report import log_outcome, write_reports
from phase4_5.results.choice import chosen_coefficients, manual_choice
from phase4_5.results.outputs import Findings, HowRun, collect_run, save_summary
from phase4_5.search.executors import Executor, compute_device, open_executor, steered_model
from phase4_5.search.inputs import SearchInputs, journal_settings, load_inputs
from phase4_5.search.reproduction import counted_population, report_floor, require_reproduced
from phase4_5.search.runner import Runner
from phase4_5.search.stages import Search, with_relative_strength

if TYPE_CHECKING:
    import torch

logger = get_logger("phase4_5.steering_evaluator")


class SteeringCoefficientSelector:
    """Select steering coefficients by grid search.

    `run()` is the whole phase; `evaluate_coefficient` one step of it.
    """

    def __init__(self, config: Config) -> None:
        """Take the configuration; nothing is loaded before `_load_dependencies`."""
        self.config = config
        self.output_dir = config.output_dir("4.5")
        self.generator = CodeGenerator(config, sae_width=planned_width(config))
        self._inputs: SearchInputs | None = None

    def run(self) -> dict[str, Any]:
        """Run the grid search; returns the content of `phase_4_5_summary.json`.

        Raises:
            InputError: an input is missing or wrong, or the baseline isn't reproduced here; nothing
                has been overwritten.
        """
        started = datetime.now(UTC)
        clock = time.perf_counter()
        inputs = self._load_dependencies()
        self._announce(inputs)
        journal_file = self.output_dir / "journal.jsonl"
        with (
            open_executor(self.generator) as executor,
            # Open, and with it locked, until all is written: no second run comes between.
            Journal(journal_file, journal_settings(self.config, inputs), self.config.fresh) as kept,
        ):
            findings = self._find(self._search(executor, kept), inputs)
            how = HowRun(
                started=started.isoformat(timespec="seconds"),
                duration_seconds=time.perf_counter() - clock,
                device=compute_device(self.generator),
                dtype=str(steered_model(self.generator).dtype).removeprefix("torch."),
                lane_counts=asdict(executor.counts) if executor.counts else None,
            )
            run = collect_run(self.config, findings, how)
            write_reports(run)
            save_summary(run)
        log_outcome(run)
        return run.summary.dump()

    def _find(self, search: Search, inputs: SearchInputs) -> Findings:
        """Coefficient 0, the grid, refinement, controls, recommendation, and the chosen ones on
        other problems."""
        # First, so that a baseline of another machine is told in the first minute.
        reproduction = search.reproduce([*inputs.problems, *inputs.held_out])
        require_reproduced(reproduction.floor, self.config)
        report_floor(reproduction.floor)
        problems = [reproduction.problems[each.task_id] for each in inputs.problems]
        held_out = [reproduction.problems[each.task_id] for each in inputs.held_out]
        population = counted_population(
            inputs.population, [*inputs.problems, *inputs.held_out], reproduction.problems
        )
        results = search.refine(search.grid(problems), problems)
        controls = search.controls(results, problems)
        residual_norm = search.residual_norm(
            [reproduction.written_here[each.task_id] for each in problems]
        )
        results = with_corrected_p(with_relative_strength(results, residual_norm))
        results = with_weighted_rates(results, search.columns, population)
        recommendations = {
            steering_type: recommend(rows, steering_type) for steering_type, rows in results.items()
        }
        chosen = manual_choice(self.config, inputs.features)
        coefficients = (
            chosen_coefficients(chosen)
            if chosen
            else {name: entry.coefficient for name, entry in recommendations.items()}
        )
        final = search.final_evaluation(coefficients, held_out)
        return Findings(
            noise_floor=reproduction.floor,
            features=inputs.features,
            results=results,
            columns=search.columns,
            neighbours=compare_neighbours(results, search.columns),
            residual_norm=residual_norm,
            controls=controls,
            recommendations=recommendations,
            final_evaluation=final_with_weighted_rates(final, search.final, population),
            population=population,
            dose_response={
                name: fit_dose_response(search.columns[name], name, population, entry.coefficient)
                for name, entry in recommendations.items()
            },
            power=self._power(held_out, final),
            records=search.records,
        )

    def _load_dependencies(self) -> SearchInputs:
        """Load the features of Phase 2.5, the baseline of Phase 3.6, the model and directions.

        Raises:
            InputError: one of them is missing, damaged, or doesn't fit the others; or the sandbox
                is weaker than it has to be.
        """
        if self._inputs is None:
            require_isolation(self.config.sandbox)
            features = load_best_features(self.config)
            manual_choice(self.config, features)  # Refused before hours of work, not after them.
            self._inputs = load_inputs(self.config, features, self.generator)
        return self._inputs

    def _announce(self, inputs: SearchInputs) -> None:
        """Say how much there is to do, for who has a deadline."""
        config = self.config
        n_random, n_opposite = config.phase4_5_random_controls, config.phase4_5_opposite_control
        n_directions = len(inputs.features)
        n_grid = n_directions * len(config.phase4_5_coefficients) * len(inputs.problems)
        n_final = n_directions * len(inputs.held_out)
        logger.info(
            "%d programs without steering, %d for the grid, %d for its controls, %d for the final "
            "evaluation and about %d for the random directions beside it "
            "(PVA_SAE_PHASE4_5_FINAL_CONTROLS)",
            len(inputs.problems) + len(inputs.held_out),
            n_grid,
            n_grid * (n_random + n_opposite),
            n_final,
            n_final
            * min(config.phase4_5_final_controls, config.phase4_5_final_controls_per_problem),
        )
        logger.info(unseen_correction(sum(not one.baseline_passed for one in inputs.problems)))
        for name, power in self._power(inputs.held_out, {}).items():
            logger.info("%s-steering: %s", name, power.statement)

    def _power(
        self,
        held_out: Sequence[BaselineProblem],
        final: Mapping[SteeringType, FinalEvaluation | None],
    ) -> dict[SteeringType, PowerReport]:
        """How small an effect the final evaluation can show, in each direction."""
        config = self.config
        return {
            name: power_of_run(
                name,
                len(held_out),
                sum(problem.baseline_passed for problem in held_out),
                config.phase4_5_final_controls,
                config.phase4_5_final_controls_per_problem,
                None if (found := final.get(name)) is None else found.directions,
            )
            for name in STEERING_TYPES
        }

    def _create_steering_hook(
        self, decoder_direction: "torch.Tensor", coefficient: float
    ) -> PreHook:
        """The hook that adds `coefficient * decoder_direction` [d_model] to a residual stream."""
        return create_steering_hook(decoder_direction, coefficient)

    def evaluate_coefficient(
        self,
        coefficient: float,
        problems_subset: Sequence[BaselineProblem | Mapping[str, Any]],
        steering_type: SteeringType = "correct",
        journal: Journal | None = None,
    ) -> dict[str, Any]:
        """Evaluate one coefficient of a direction on some problems.

        Flips are counted against the programs reproduced here, unless the setting `baseline` says
        otherwise; a high noise floor is logged.

        Args:
            coefficient: how many times the direction is added.
            problems_subset: problems, or rows of the baseline file.
            steering_type: the direction.
            journal: where finished records are kept.

        Returns:
            the summary of the coefficient (`records.CoefficientSummary`; rates in percent) as
            JSON values, and under `results` one record a problem.
        """
        problems = [
            problem if isinstance(problem, BaselineProblem) else parse_baseline_row(problem)
            for problem in problems_subset
        ]
        with open_executor(self.generator) as executor:
            search = self._search(executor, journal)
            reproduction = search.reproduce(problems)
            report_floor(reproduction.floor)
            records = search.evaluate(
                steering_type,
                coefficient,
                [reproduction.problems[problem.task_id] for problem in problems],
            )
        summary = summarise_coefficient(records, bounds=own_bounds(self.config.phase4_5_max_kl))
        return {**summary.dump(), "results": [record.dump() for record in records]}

    def _search(self, executor: Executor, journal: Journal | None) -> Search:
        return Search(self.config, self._load_dependencies(), Runner(executor, journal))
