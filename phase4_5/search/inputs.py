"""What the search starts from: two latents with their directions, and the problems."""

import hashlib
from dataclasses import dataclass
from typing import Any

import torch

from common.config import Config
from common.fingerprint import fingerprint
from common.logging import get_logger
from common.terms import SteeringType
from common_simplified.code_generator import CodeGenerator
from common_simplified.provenance import solution_settings
from common_simplified.residual_stream import site_module
from phase2_5_simplified.chance import chance_words
from phase2_5_simplified.features import Feature
from phase2_5_simplified.matched_latents import load_matched_latents
from phase2_5_simplified.sae_analyzer import (
    check_width,
    load_decoder_direction,
    load_decoder_directions,
)
from phase3_6.baseline import BASELINE_FILE, BaselineProblem, load_baseline
from phase4_5.records import Population, latent_control_name
from phase4_5.search.controls import ControlDirections
from phase4_5.search.executors import directions_device, steered_model
from phase4_5.search.problem_sample import held_out_problems, sample_problems

logger = get_logger("phase4_5.search")


@dataclass(frozen=True)
class SearchInputs:
    """All that the search needs besides the model."""

    features: dict[SteeringType, Feature]
    directions: dict[SteeringType, torch.Tensor]
    """Decoder rows [d_model]."""
    matched: ControlDirections
    """Rows of latents that fire as often, of the norm of `directions`; by default none."""
    problems: list[BaselineProblem]
    """On which every coefficient is tried."""
    held_out: list[BaselineProblem]
    """On which only the chosen coefficients are."""
    population: Population
    """From which both are drawn: the whole baseline."""


def load_inputs(
    config: Config, features: dict[SteeringType, Feature], generator: CodeGenerator
) -> SearchInputs:
    """Load the baseline of Phase 3.6 and the directions of Phase 2.5's latents.

    Raises:
        InputError: one of them is missing, damaged, or doesn't fit the model.
    """
    baseline = load_baseline(config)
    wanted = config.phase4_5_problems_per_coeff
    problems = sample_problems(baseline, wanted, config.seed)
    if len(problems) < wanted:
        logger.warning(
            "the baseline has %d problems, fewer than the %d wanted for each coefficient",
            len(problems),
            wanted,
        )
    model = steered_model(generator)
    directions = {
        name: _load_direction(feature, model, generator) for name, feature in features.items()
    }
    return SearchInputs(
        features,
        directions,
        _load_matched(config, features, directions),
        problems,
        held_out_problems(baseline, problems, config.phase4_5_final_eval_problems, config.seed),
        Population(n_problems=len(baseline), n_passed=sum(one.baseline_passed for one in baseline)),
    )


def _load_direction(feature: Feature, model: Any, generator: CodeGenerator) -> torch.Tensor:
    config = generator.config
    site_module(model, feature.layer, config.residual_site)
    device = directions_device(generator)
    direction = load_decoder_direction(feature.layer, feature.feature_idx, device, config)
    check_width(direction.shape[0], model, feature.layer)
    logger.info(
        "%s-steering: layer %d, latent %d, separation %.3f%s",
        feature.steering_type,
        feature.layer,
        feature.feature_idx,
        feature.separation_score,
        "" if feature.separation_p is None else f" ({chance_words(feature.separation_p)})",
    )
    return direction


def _load_matched(
    config: Config,
    features: dict[SteeringType, Feature],
    directions: dict[SteeringType, torch.Tensor],
) -> ControlDirections:
    """The latents that fire as often as each feature, as many as are asked for."""
    count = config.phase4_5_latent_controls
    if count == 0:
        return {name: {} for name in features}
    matched: dict[SteeringType, dict[str, torch.Tensor]] = {}
    for name, latents in load_matched_latents(config, features, count).items():
        direction, layer = directions[name], features[name].layer
        rows = load_decoder_directions(layer, latents, str(direction.device), config)
        rows = rows.to(direction.dtype) * direction.norm() / rows.norm(dim=1, keepdim=True)
        names = [latent_control_name(latent) for latent in latents]
        matched[name] = dict(zip(names, rows, strict=True))
        if len(latents) < count:
            logger.warning(
                "%s-steering: %d latents fire and separate nothing in layer %d, fewer than the %d "
                "wanted (PVA_SAE_PHASE4_5_LATENT_CONTROLS)",
                name,
                len(latents),
                layer,
                count,
            )
    return matched


def journal_settings(config: Config, inputs: SearchInputs) -> dict[str, Any]:
    """What the journal's records depend on."""
    settings = solution_settings(config)
    # The prompts come from the baseline, not from the problems.
    del settings["problems_file"], settings["prompt_style"]
    settings["residual_site"] = config.residual_site
    settings["baseline"] = fingerprint(config.output_dir("3.6") / BASELINE_FILE)
    for steering_type, feature in inputs.features.items():
        settings[f"{steering_type}_layer"] = feature.layer
        settings[f"{steering_type}_feature_idx"] = feature.feature_idx
        settings[f"{steering_type}_direction"] = _digest(inputs.directions[steering_type])
    return settings


def _digest(direction: torch.Tensor) -> str:
    return hashlib.sha256(direction.float().cpu().numpy().tobytes()).hexdigest()[:16]
