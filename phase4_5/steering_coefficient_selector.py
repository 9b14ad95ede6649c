"""Phase 4.5: how strongly must a latent be pushed before the model's code changes?

This file tells the phase's story in the specification's order; the work is done next door.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import torch

from common.config import Config
from common.files import fingerprint
from common.journal import Journal
from common.logging import get_logger
from common.utils import detect_device
from common_simplified.model_loader import load_model_outline
from common_simplified.residual_stream import site_module
from common_simplified.sandbox import require_isolation
from common_simplified.solving import Writer, solution_settings
from common_simplified.steering import PreHook, create_steering_hook
from phase2_5_simplified.features import Feature, SteeringType, load_best_features
from phase2_5_simplified.sae_analyzer import check_width, load_decoder_direction, planned_width
from phase3_6.baseline import BASELINE_FILE, BaselineProblem, load_baseline, parse_baseline_row
from phase4_5.choice import chosen_coefficients, manual_choice
from phase4_5.executor import Executor, open_executor
from phase4_5.final_evaluation import held_out_problems
from phase4_5.outputs import Findings, HowRun, log_outcome, rows_of, save_results
from phase4_5.problems import select_problems
from phase4_5.runner import Runner
from phase4_5.search import Search
from phase4_5.selecting import recommend
from phase4_5.significance import add_p_values, compare_neighbours

logger = get_logger("phase4_5.steering_evaluator")


class SteeringCoefficientSelector:
    """Select steering coefficients by grid search.

    `run()` is the whole phase; `evaluate_coefficient` one step of it.
    """

    def __init__(self, config: Config) -> None:
        """Take the configuration; nothing is loaded before `_load_dependencies`."""
        self.config = config
        self.output_dir = config.output_dir("4.5")
        self._on_ray = config.executor == "ray"
        self.writer = Writer(config, sae_width=planned_width(config))
        self.features: dict[SteeringType, Feature] = {}
        self.directions: dict[SteeringType, torch.Tensor] = {}
        self.problems: list[BaselineProblem] = []
        self.held_out: list[BaselineProblem] = []

    def run(self) -> dict[str, Any]:
        """Run the grid search; returns the content of `phase_4_5_summary.json`.

        Raises:
            InputError: an input is missing or wrong; nothing has been overwritten.
        """
        started = datetime.now(UTC)
        clock = time.perf_counter()
        self._load_dependencies()
        self._announce()
        journal_file = self.output_dir / "journal.jsonl"
        with (
            open_executor(self.writer) as executor,
            Journal(journal_file, self._settings(), self.config.fresh) as journal,
        ):
            search = self._search(executor, journal)
            evaluations = search.grid(self.problems)
            search.refine(evaluations, self.problems)
            controls = search.controls(evaluations, self.problems)
            scale = search.scale(evaluations, self.problems)
            add_p_values(evaluations)
            recommendations = {
                steering_type: recommend(rows, steering_type)
                for steering_type, rows in rows_of(evaluations).items()
            }
            chosen = manual_choice(self.config, self.features)
            coefficients = (
                chosen_coefficients(chosen)
                if chosen
                else {name: entry.coefficient for name, entry in recommendations.items()}
            )
            final_evaluation = search.final_evaluation(coefficients, self.held_out)
        findings = Findings(
            features=self.features,
            evaluations=evaluations,
            neighbours=compare_neighbours(evaluations),
            scale=scale,
            controls=controls,
            recommendations=recommendations,
            final_evaluation=final_evaluation,
        )
        how = HowRun(
            started=started.isoformat(timespec="seconds"),
            duration_seconds=time.perf_counter() - clock,
            device=self._device,
            dtype=str(self._model.dtype).removeprefix("torch."),
            lane_counts=executor.counts,
        )
        summary = save_results(self.config, findings, how)
        log_outcome(summary, self.output_dir)
        return summary

    def _load_dependencies(self) -> None:
        """Load the features of Phase 2.5, the baseline of Phase 3.6, the model and directions.

        Raises:
            InputError: one of them is missing, damaged, or doesn't fit the others; or the sandbox
                is weaker than it has to be.
        """
        config = self.config
        require_isolation(config.sandbox)
        self.features = load_best_features(config)
        manual_choice(config, self.features)  # Refused before hours of work, not after them.
        baseline = load_baseline(config)
        self.problems = select_problems(baseline, config.phase4_5_problems_per_coeff, config.seed)
        self.held_out = held_out_problems(
            baseline, self.problems, config.phase4_5_final_eval_problems, config.seed
        )
        if len(self.problems) < config.phase4_5_problems_per_coeff:
            logger.warning(
                "the baseline has %d problems, fewer than the %d wanted for each coefficient",
                len(self.problems),
                config.phase4_5_problems_per_coeff,
            )
        for steering_type, feature in self.features.items():
            self.directions[steering_type] = self._load_direction(feature)

    def _announce(self) -> None:
        """Say how much there is to do, for who has a deadline."""
        config = self.config
        n_random, n_opposite = config.phase4_5_random_controls, config.phase4_5_opposite_control
        n_directions = len(self.features)
        n_grid = n_directions * len(config.phase4_5_coefficients) * len(self.problems)
        n_final = n_directions * len(self.held_out)
        logger.info(
            "%d programs for the grid, %d for its controls, %d for the final evaluation and %d for "
            "its controls; PVA_SAE_PHASE4_5_RANDOM_CONTROLS (now %d) says how many directions",
            n_grid,
            n_grid * (n_random + n_opposite),
            n_final,
            n_final * n_random,
            n_random,
        )

    @cached_property
    def _model(self) -> Any:
        """The model; with Ray, whose workers hold the weights, its outline."""
        if not self._on_ray:
            return self.writer.model
        config = self.config
        return load_model_outline(
            config.model_name,
            config.device,
            config.dtype,
            config.model_gguf_file,
            trust_remote_code=config.trust_remote_code,
        )

    @property
    def _device(self) -> str:
        """What the model computes on."""
        if self._on_ray:
            return detect_device(self.config.device)
        return str(self.writer.model.device)

    def _load_direction(self, feature: Feature) -> torch.Tensor:
        model = self._model
        site_module(model, feature.layer, self.config.residual_site)
        # Where the weights are elsewhere, the workers move it to them.
        device = "cpu" if self._on_ray else self._device
        direction = load_decoder_direction(feature.layer, feature.feature_idx, device, self.config)
        check_width(direction.shape[0], model, feature.layer)
        logger.info(
            "%s-steering: layer %d, latent %d, separation %.3f",
            feature.steering_type,
            feature.layer,
            feature.feature_idx,
            feature.separation_score,
        )
        return direction

    def _settings(self) -> dict[str, Any]:
        """What the journal's records depend on."""
        settings = solution_settings(self.config)
        # The prompts come from the baseline, not from the problems.
        del settings["problems_file"], settings["prompt_style"]
        settings["residual_site"] = self.config.residual_site
        settings["baseline"] = fingerprint(self.config.output_dir("3.6") / BASELINE_FILE)
        for steering_type, feature in self.features.items():
            settings[f"{steering_type}_layer"] = feature.layer
            settings[f"{steering_type}_feature_idx"] = feature.feature_idx
            settings[f"{steering_type}_direction"] = _digest(self.directions[steering_type])
        return settings

    def _create_steering_hook(self, decoder_direction: torch.Tensor, coefficient: float) -> PreHook:
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

        Args:
            coefficient: how many times the direction is added.
            problems_subset: problems, or rows of the baseline file.
            steering_type: the direction.
            journal: where finished records are kept.

        Returns:
            the metrics of `phase4_5.metrics.summarise_coefficient` (rates in percent), the
            `steering_type`, and under `results` one record a problem.
        """
        if not self.features:
            self._load_dependencies()
        problems = [
            problem if isinstance(problem, BaselineProblem) else parse_baseline_row(problem)
            for problem in problems_subset
        ]
        with open_executor(self.writer) as executor:
            return self._search(executor, journal).evaluate(steering_type, coefficient, problems)

    def _search(self, executor: Executor, journal: Journal | None) -> Search:
        return Search(self.config, self.features, self.directions, Runner(executor, journal))


def _digest(direction: torch.Tensor) -> str:
    return hashlib.sha256(direction.float().cpu().numpy().tobytes()).hexdigest()[:16]
