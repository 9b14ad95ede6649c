"""Phase 2.5: find the latents that tell right programs from wrong ones."""

import logging
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from common.config import Config
from common.errors import RunError
from common.files import write_json
from common.logging import get_logger
from common.problems import load_split
from common.terms import STEERING_TYPES
from common.typed_files import write_model
from common_simplified.code_generator import CodeGenerator
from common_simplified.provenance import solution_settings
from common_simplified.residual_stream import decoder_layers
from common_simplified.sandbox import isolation
from common_simplified.solving import Task, make_tasks, open_journal, pass_rate, solve_greedily
from phase2_5_simplified.chance import (
    MAY_BE_CHANCE,
    SeparationChances,
    ShuffledVerdicts,
    chance_statement,
)
from phase2_5_simplified.features import FEATURES_FILE, TopFeatures
from phase2_5_simplified.matched_latents import MATCHED_FILE, MatchedLatents, match_latents
from phase2_5_simplified.plain_text import PlainText
from phase2_5_simplified.sae_analyzer import (
    Separation,
    check_width,
    layers_with_sae,
    load_gemma_scope_sae,
    planned_width,
    separation_of,
    top_features,
    trained_site,
    warn_of_other_site,
)

logger = get_logger("phase2_5.feature_finder")


class FeatureFinder:
    """Writes solutions for the `sae` split and looks which latents separate right from wrong."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.output_dir = config.output_dir("2.5")
        self.generator = CodeGenerator(config, sae_width=planned_width(config))

    def run(self) -> dict[str, Any]:
        """Run the phase; returns the content of `top_20_features.json`.

        Raises:
            InputError: the problems, the model, an SAE or the plain text can't be used.
            RunError: the model solved all problems or none, so that nothing can be separated.
        """
        tasks = make_tasks(load_split(self.config, "sae"), self.config)
        plain_text = PlainText(self.generator)
        layers = self._check_inputs()
        with open_journal(self.generator, self.output_dir) as journal:
            records = solve_greedily(tasks, self.generator, journal, "Phase 2.5: solving")
        logger.info("pass@1 on the sae split: %.1f %% of %d", pass_rate(records), len(records))
        passed = np.array([record["test_passed"] for record in records])
        if passed.all() or not passed.any():
            raise RunError(
                f"the model solved {int(passed.sum())} of {len(passed)} problems of the sae split; "
                "right and wrong solutions are both needed, use more or other problems"
            )
        shuffled = ShuffledVerdicts(passed, self.config.seed)
        separations, left_out, analysis = self._analyse_layers(
            tasks, passed, layers, plain_text, shuffled
        )
        features = top_features(separations, left_out, self.config.phase2_5_top_k)
        for preference, found in features.items():
            if not found:
                raise RunError(
                    f"no {preference}-preferring latent was found; raise "
                    "PVA_SAE_PLAIN_TEXT_MAX_RATE or use more problems"
                )
            best = found[0]
            logger.info(
                "best %s-preferring latent: layer %d, latent %d, separation %.3f",
                preference,
                best["layer"],
                best["feature_idx"],
                best["separation_score"],
            )
        chances = shuffled.chances()
        _log_chances(chances)
        matched = match_latents(features, separations, float(passed.mean()))
        self._save(features, matched, analysis, records, chances)
        return features

    def _check_inputs(self) -> list[int]:
        """See before hours of generation that what comes after it is there; the layers."""
        layers = layers_with_sae(len(decoder_layers(self.generator.model)), self.config)
        for layer in tqdm(layers, desc="Phase 2.5: looking at the SAEs", unit="layer"):
            sae = load_gemma_scope_sae(layer, "cpu", self.config)
            check_width(sae.W_dec.shape[1], self.generator.model, layer)
            warn_of_other_site(sae, self.config.residual_site)
            del sae  # Two at a time may not fit.
        return layers

    def _analyse_layers(
        self,
        tasks: list[Task],
        passed: np.ndarray,
        layers: list[int],
        plain_text: PlainText,
        shuffled: ShuffledVerdicts,
    ) -> tuple[dict[int, Separation], dict[int, np.ndarray], list[dict[str, Any]]]:
        residuals = self._prompt_residuals(tasks, layers)
        separations, left_out, analysis = {}, {}, []
        for layer in tqdm(layers, desc="Phase 2.5: latents", unit="layer"):
            sae = load_gemma_scope_sae(layer, str(self.generator.model.device), self.config)
            activations = _encode(sae, residuals[layer])
            separation = separation_of(activations, passed)
            rate = plain_text.firing_rate(sae, layer)
            separations[layer] = separation
            left_out[layer] = rate > self.config.plain_text_max_rate
            shuffled.add_layer(activations > 0, left_out[layer])
            analysis.append(_layer_summary(layer, sae, separation, left_out[layer]))
            del sae  # Two at a time may not fit.
        return separations, left_out, analysis

    def _prompt_residuals(self, tasks: list[Task], layers: list[int]) -> dict[int, torch.Tensor]:
        """The residual stream at each prompt's last token: layer -> [n_problems, d_model]."""
        rows = [
            self.generator.last_token_residuals(task.prompt, layers)
            for task in tqdm(tasks, desc="Phase 2.5: activations", unit="problem")
        ]
        return {layer: torch.stack([row[layer] for row in rows]) for layer in layers}

    def _save(
        self,
        features: dict[str, list[dict[str, Any]]],
        matched: MatchedLatents,
        analysis: list[dict[str, Any]],
        records: list[dict[str, Any]],
        chances: SeparationChances,
    ) -> None:
        write_json(self.output_dir / "layer_analysis.json", analysis)
        write_model(self.output_dir / MATCHED_FILE, matched)
        write_json(
            self.output_dir / "metadata.json",
            {
                "phase": "2.5",
                "model_name": self.config.model_name,
                "sae_source": self.config.sae_source,
                "residual_site": self.config.residual_site,
                "settings": solution_settings(self.config),
                "sandbox": str(isolation()),
                "n_problems": len(records),
                "pass_rate": pass_rate(records),
                "plain_text_max_rate": self.config.plain_text_max_rate,
                "separation_chance": chances.dump(),
            },
        )
        # Last: its presence says that the phase is done.
        write_model(self.output_dir / FEATURES_FILE, TopFeatures.model_validate(features))


def _log_chances(chances: SeparationChances) -> None:
    """Say for each direction how its best latent stands against shuffled verdicts."""
    for preference in STEERING_TYPES:
        chance = chances.of(preference)
        level = logging.WARNING if chance.p >= MAY_BE_CHANCE else logging.INFO
        logger.log(level, "%s", chance_statement(preference, chance))


@torch.inference_mode()
def _encode(sae: Any, residuals: torch.Tensor) -> np.ndarray:
    latents: torch.Tensor = sae.encode(residuals.to(sae.W_dec.device))
    return latents.cpu().numpy()


def _layer_summary(
    layer: int, sae: Any, separation: Separation, left_out: np.ndarray
) -> dict[str, Any]:
    kept = np.where(left_out, 0.0, separation.score)
    return {
        "layer": layer,
        "n_latents": len(kept),
        "sae_trained_at": trained_site(sae),
        "n_left_out_for_plain_text": int(left_out.sum()),
        "best_correct": {"feature_idx": int(kept.argmax()), "separation_score": float(kept.max())},
        "best_incorrect": {
            "feature_idx": int(kept.argmin()),
            "separation_score": float(-kept.min()),
        },
    }
