"""Phase 3.6: the greedy baseline on the hyperparameter split, which steering is compared with."""

from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from common.config import Config
from common.files import write_atomically, write_json
from common.logging import get_logger
from common.problems import load_split
from common_simplified.code_generator import CodeGenerator
from common_simplified.provenance import solution_settings
from common_simplified.residual_stream import site_module
from common_simplified.sandbox import isolation
from common_simplified.solving import Task, make_tasks, open_journal, pass_rate, solve_greedily
from phase2_5_simplified.features import best_layers, load_best_features
from phase3_6.baseline import BASELINE_FILE

logger = get_logger("phase3_6.hyperparameter_runner")


class HyperparameterBaselineRunner:
    """Writes and judges a greedy solution for each problem of the split `hyperparams`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.output_dir = config.output_dir("3.6")
        self.generator = CodeGenerator(config)

    def run(self) -> Path:
        """Run the phase; returns the path of the baseline's parquet file.

        Raises:
            InputError: Phase 2.5's features, the problems or the model can't be used.
        """
        layers = best_layers(load_best_features(self.config))
        for layer in (layers["correct"], layers["incorrect"]):
            site_module(self.generator.model, layer, self.config.residual_site)
        tasks = make_tasks(load_split(self.config, "hyperparams"), self.config)
        with open_journal(self.generator, self.output_dir) as journal:
            records = solve_greedily(tasks, self.generator, journal, "Phase 3.6: solving")
        logger.info("pass@1 on the baseline: %.1f %% of %d", pass_rate(records), len(records))
        self._save_activations(tasks, sorted({layers["correct"], layers["incorrect"]}))
        write_json(
            self.output_dir / "metadata.json",
            {
                "phase": "3.6",
                "model_name": self.config.model_name,
                "residual_site": self.config.residual_site,
                "settings": solution_settings(self.config),
                "start_index": self.config.start_index,
                "best_layers": layers,
                "sandbox": str(isolation()),
                "n_problems": len(records),
                "pass_rate": pass_rate(records),
            },
        )
        return self._save_baseline(records)

    def _save_activations(self, tasks: list[Task], layers: list[int]) -> None:
        """Save the residual stream at the last prompt token, `layer_<L>` [n_problems, d_model]."""
        rows = [
            self.generator.last_token_residuals(task.prompt, layers)
            for task in tqdm(tasks, desc="Phase 3.6: activations", unit="problem")
        ]
        arrays = {
            f"layer_{layer}": np.stack([row[layer].numpy() for row in rows]) for layer in layers
        }
        arrays["task_id"] = np.array([task.problem.task_id for task in tasks])

        def write(path: Path) -> None:
            with path.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]

        write_atomically(self.output_dir / "activations.npz", write)

    def _save_baseline(self, records: list[dict[str, Any]]) -> Path:
        import pandas as pd

        frame = pd.DataFrame(records)
        path = self.output_dir / BASELINE_FILE
        # Last: its presence says that the phase is done.
        write_atomically(path, lambda temporary: frame.to_parquet(temporary, index=False))
        return path
