"""Phase 3.5: do the best latents tell right from wrong at every temperature?"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import mannwhitneyu
from tqdm.auto import tqdm

from common.config import Config
from common.files import write_atomically, write_json
from common.journal import Journal
from common.logging import get_logger
from common.problems import load_split
from common.terms import SteeringType
from common_simplified.code_generator import CodeGenerator
from common_simplified.evaluation import Evaluator
from common_simplified.generation import Job, Sampling
from common_simplified.sandbox import isolation
from common_simplified.solving import (
    Task,
    evaluated,
    make_tasks,
    open_journal,
    pass_rate,
    sandbox_limits,
    solution_record,
    solve_greedily,
)
from phase2_5_simplified.features import Feature, best_layers, load_best_features
from phase2_5_simplified.sae_analyzer import (
    check_latent,
    check_width,
    load_gemma_scope_sae,
    planned_width,
)

logger = get_logger("phase3_5.temperature_runner")

Records = list[dict[str, Any]]


class TemperatureRobustnessRunner:
    """Samples solutions for the split `validation` at each temperature and compares."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.output_dir = config.output_dir("3.5")
        self.generator = CodeGenerator(config, sae_width=planned_width(config))

    def run(self) -> dict[str, Any]:
        """Run the phase; returns the content of `metadata.json`.

        Raises:
            InputError: Phase 2.5's features, the problems, the model or an SAE can't be used.
        """
        features = load_best_features(self.config)
        tasks = make_tasks(load_split(self.config, "validation"), self.config)
        by_temperature: dict[float, Records] = {}
        with open_journal(self.generator, self.output_dir) as journal:
            for temperature in self.config.phase3_5_temperatures:
                by_temperature[temperature] = self._solve(tasks, temperature, journal)
        activations = self._activations(tasks, features)
        report = [
            {
                "temperature": temperature,
                "n_solutions": len(records),
                "pass_rate": pass_rate(records),
                **{f"{name}_auroc": auroc(activations[name], records) for name in activations},
            }
            for temperature, records in by_temperature.items()
        ]
        for temperature, records in by_temperature.items():
            self._save(temperature, records)
        metadata = {
            "phase": "3.5",
            "model_name": self.config.model_name,
            "residual_site": self.config.residual_site,
            "sandbox": str(isolation()),
            "best_layers": best_layers(features),
            "temperatures": report,
        }
        write_json(self.output_dir / "metadata.json", metadata)
        for row in report:
            logger.info(
                "temperature %g: pass@1 %.1f %% of %d solutions",
                row["temperature"],
                row["pass_rate"],
                row["n_solutions"],
            )
        return metadata

    def _solve(self, tasks: list[Task], temperature: float, journal: Journal) -> Records:
        description = f"Phase 3.5: temperature {temperature:g}"
        if temperature == 0:
            return solve_greedily(tasks, self.generator, journal, description)
        n_samples = self.config.phase3_5_samples_per_temperature
        missing = [task for task in tasks if not self._is_sampled(task, temperature, journal)]
        draws = [(task, sample) for task in missing for sample in range(n_samples)]
        jobs = [
            Job(task.prompt, sampling=Sampling(temperature, self._seed(task, sample)))
            for task, sample in draws
        ]
        problems = [task.problem for task, _ in draws]
        drawn: dict[int, dict[int, dict[str, Any]]] = {}
        n_done = len(tasks) - len(missing)
        with (
            Evaluator(sandbox_limits(self.config)) as evaluator,
            tqdm(total=len(tasks), initial=n_done, desc=description, unit="problem") as bar,
        ):
            for number, code, generation, result in evaluated(
                self.generator, evaluator, jobs, problems
            ):
                task, sample = draws[number]
                samples = drawn.setdefault(task.problem.task_id, {})
                samples[sample] = solution_record(task, code, generation, temperature, result)
                if len(samples) == n_samples:
                    in_order = [samples[index] for index in range(n_samples)]
                    journal.add(task.problem.task_id, temperature, record={"samples": in_order})
                    bar.update()
        return [
            sample
            for task in tasks
            for sample in (journal.get(task.problem.task_id, temperature) or {})["samples"]
        ]

    def _is_sampled(self, task: Task, temperature: float, journal: Journal) -> bool:
        entry = journal.get(task.problem.task_id, temperature)
        n_samples = self.config.phase3_5_samples_per_temperature
        return entry is not None and len(entry["samples"]) == n_samples

    def _seed(self, task: Task, sample: int) -> int:
        """One of its own for each text, so that a resumed run draws the same."""
        return (self.config.seed * 100_003 + task.problem.task_id) * 1_009 + sample

    def _activations(
        self, tasks: list[Task], features: dict[SteeringType, Feature]
    ) -> dict[SteeringType, dict[int, float]]:
        """Each latent's activation at each prompt's last token: task_id -> activation."""
        layers = [feature.layer for feature in features.values()]
        # Each prompt is read once for all.
        residuals = {
            task.problem.task_id: self.generator.last_token_residuals(task.prompt, layers)
            for task in tasks
        }
        return {name: self._encoded(residuals, feature) for name, feature in features.items()}

    def _encoded(
        self, residuals: dict[int, dict[int, torch.Tensor]], feature: Feature
    ) -> dict[int, float]:
        sae = load_gemma_scope_sae(feature.layer, str(self.generator.model.device), self.config)
        check_width(sae.W_dec.shape[1], self.generator.model, feature.layer)
        check_latent(sae, feature.feature_idx, feature.layer)
        activations = {}
        for task_id, by_layer in residuals.items():
            with torch.inference_mode():
                encoded = sae.encode(by_layer[feature.layer].to(sae.W_dec.device))
            activations[task_id] = float(encoded[feature.feature_idx])
        return activations

    def _save(self, temperature: float, records: Records) -> None:
        import pandas as pd

        name = f"dataset_validation_temp_{temperature:g}".replace(".", "_") + ".parquet"
        frame = pd.DataFrame(records)

        def write(path: Path) -> None:
            frame.to_parquet(path, index=False)

        write_atomically(self.output_dir / name, write)


def auroc(activations: dict[int, float], records: Records) -> float | None:
    """The chance that the latent is higher on a right solution than on a wrong one.

    Mann and Whitney's U over the number of pairs; 0.5 says nothing, ties count half. None if
    all solutions are right, or all wrong.
    """
    values = np.array([activations[record["task_id"]] for record in records])
    passed = np.array([record["test_passed"] for record in records])
    if passed.all() or not passed.any():
        return None
    statistic = mannwhitneyu(values[passed], values[~passed]).statistic
    return float(statistic / (passed.sum() * (~passed).sum()))
