"""Phase 4.5: how strongly must a latent be pushed before the model's code changes?

This file tells the phase's story in the specification's order; the work is done next door.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import torch
from tqdm.auto import tqdm

from common.config import Config
from common.files import fingerprint
from common.journal import Journal
from common.logging import get_logger
from common.utils import detect_device
from common_simplified.model_loader import load_model_outline
from common_simplified.residual_stream import site_module
from common_simplified.sandbox import require_isolation
from common_simplified.solving import Writer, solution_settings
from common_simplified.steering import PreHook, Steering, create_steering_hook
from phase2_5_simplified.features import Feature, SteeringType, load_best_features
from phase2_5_simplified.sae_analyzer import check_width, load_decoder_direction, planned_width
from phase3_6.baseline import BASELINE_FILE, BaselineProblem, load_baseline, parse_baseline_row
from phase4_5.grid import Cell, Key, Record, run_cells
from phase4_5.metrics import summarise_coefficient
from phase4_5.outputs import Evaluations, save_examples, save_results
from phase4_5.problems import select_problems
from phase4_5.ray_cluster import cluster
from phase4_5.ray_executor import run_cells_on_ray

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

    def run(self) -> dict[str, Any]:
        """Run the grid search; returns the content of `phase_4_5_summary.json`.

        Raises:
            InputError: an input is missing or wrong; nothing has been overwritten.
        """
        started = datetime.now(UTC)
        clock = time.perf_counter()
        self._load_dependencies()
        journal_file = self.output_dir / "journal.jsonl"
        with (
            cluster(self.config),
            Journal(journal_file, self._settings(), self.config.fresh) as journal,
        ):
            evaluations = self._search(journal)
        return save_results(
            self.config,
            self.features,
            evaluations,
            device=self._device,
            dtype=str(self._model.dtype).removeprefix("torch."),
            lane_counts=self.writer.counts,
            started=started,
            duration_seconds=time.perf_counter() - clock,
        )

    def _load_dependencies(self) -> None:
        """Load the features of Phase 2.5, the baseline of Phase 3.6, the model and directions.

        Raises:
            InputError: one of them is missing, damaged, or doesn't fit the others; or the sandbox
                is weaker than it has to be.
        """
        require_isolation(self.config.sandbox)
        self.features = load_best_features(self.config)
        self.problems = select_problems(
            load_baseline(self.config), self.config.phase4_5_problems_per_coeff, self.config.seed
        )
        if len(self.problems) < self.config.phase4_5_problems_per_coeff:
            logger.warning(
                "the baseline has %d problems, fewer than the %d wanted for each coefficient",
                len(self.problems),
                self.config.phase4_5_problems_per_coeff,
            )
        for steering_type, feature in self.features.items():
            self.directions[steering_type] = self._load_direction(feature)

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
        cells = [self._cell(steering_type, coefficient, problem) for problem in problems]
        records = self._run_cells(cells, journal, lambda _: None)
        return self._evaluation([records[cell.key] for cell in cells])

    def _search(self, journal: Journal) -> Evaluations:
        """Fill the grid; a coefficient's examples are saved as soon as it is complete."""
        coefficients = self.config.phase4_5_coefficients
        cells = [
            self._cell(steering_type, coefficient, problem)
            for problem in self.problems
            for steering_type in self.features
            for coefficient in coefficients
        ]
        columns: dict[tuple[SteeringType, float], list[Record]] = {}
        evaluations: dict[tuple[SteeringType, float], dict[str, Any]] = {}

        def note(record: Record) -> None:
            name = record["steering_type"], record["coefficient"]
            column = columns.setdefault(name, [])
            column.append(record)
            if len(column) == len(self.problems):
                column.sort(key=lambda entry: entry["task_id"])
                save_examples(self.output_dir, column)
                evaluations[name] = self._evaluation(column)

        self._run_cells(cells, journal, note)
        return {
            steering_type: [evaluations[steering_type, float(value)] for value in coefficients]
            for steering_type in self.features
        }

    def _run_cells(
        self, cells: Sequence[Cell], journal: Journal | None, note: Callable[[Record], None]
    ) -> dict[Key, Record]:
        """The record of each cell, from the journal or computed and journalled at once."""
        records: dict[Key, Record] = {}
        for cell in cells:
            record = journal.get(*cell.key) if journal is not None else None
            if record is not None:
                records[cell.key] = record
                note(record)
        missing = [cell for cell in cells if cell.key not in records]
        run = run_cells_on_ray if self._on_ray else run_cells
        with tqdm(
            total=len(cells), initial=len(records), desc="Phase 4.5: steering", unit="program"
        ) as bar:
            for record in run(self.writer, missing):
                key = record["steering_type"], record["coefficient"], record["task_id"]
                if journal is not None:
                    journal.add(*key, record=record)
                records[key] = record
                bar.update()
                note(record)
        return records

    def _cell(
        self, steering_type: SteeringType, coefficient: float, problem: BaselineProblem
    ) -> Cell:
        steering = Steering(
            self.directions[steering_type],
            coefficient,
            self.features[steering_type].layer,
            self.config.residual_site,
        )
        return Cell(steering_type, steering, problem)

    def _evaluation(self, records: list[Record]) -> dict[str, Any]:
        """The metrics of one coefficient of a direction, with its records."""
        summary = summarise_coefficient(records)
        steering_type = records[0]["steering_type"]
        logger.info(
            "%s-steering, coefficient %g: flip rate %.1f %%, token similarity %.2f",
            steering_type,
            summary["coefficient"],
            summary["flip_rate"],
            summary["mean_token_similarity"],
        )
        return {"steering_type": steering_type, **summary, "results": records}


def _digest(direction: torch.Tensor) -> str:
    return hashlib.sha256(direction.float().cpu().numpy().tobytes()).hexdigest()[:16]
