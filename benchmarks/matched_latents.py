"""Latents that fire as often as a chosen one, and separate nothing: controls of the same kind.

A random direction is no latent: it may be unlike all that a model makes of its residual stream. The
published study compares with such latents too (its Phase 4.10).
"""

import numpy as np
import torch

from benchmarks.planted_models import Latent
from common.config import Config
from common.journal import Journal
from common.problems import load_split
from common.terms import STEERING_TYPES
from common_simplified.code_generator import CodeGenerator
from common_simplified.provenance import solution_settings
from common_simplified.solving import make_tasks
from phase2_5_simplified.features import load_best_features
from phase2_5_simplified.sae_analyzer import Separation, load_gemma_scope_sae, separation_of

SEPARATES_NOTHING = 0.05
"""The largest separation, without its sign, of a latent that is taken."""


def matched_latents(
    separation: Separation, share_right: float, latent: int, count: int
) -> list[int]:
    """The `count` latents whose firing rate is nearest to that of `latent`, nearest first.

    Of those whose separation is at most `SEPARATES_NOTHING`, and that fire at all.

    Args:
        separation: of the layer's latents.
        share_right: the fraction of solutions that are right.
        latent: the one that is matched.
        count: how many; fewer are found where there are no more.
    """
    rate = share_right * separation.f_correct + (1 - share_right) * separation.f_incorrect
    distance = np.abs(rate - rate[latent])
    distance[(np.abs(separation.score) > SEPARATES_NOTHING) | (rate == 0)] = np.inf
    distance[latent] = np.inf
    order = np.argsort(distance, kind="stable")[:count]
    return [int(one) for one in order if np.isfinite(distance[one])]


def matched_pairs(config: Config, count: int) -> list[tuple[Latent, Latent]]:
    """Pairs of latents that match Phase 2.5's best ones: `count` latents, two a pair."""
    matched = []
    features = load_best_features(config)
    for steering_type in STEERING_TYPES:
        feature = features[steering_type]
        separation, share_right = _separation(config, feature.layer)
        found = matched_latents(separation, share_right, feature.feature_idx, count // 2)
        matched.append([(feature.layer, latent) for latent in found])
    return list(zip(*matched, strict=False))


def _separation(config: Config, layer: int) -> tuple[Separation, float]:
    """How a layer's latents fire at the last tokens of Phase 2.5's prompts, and who passed."""
    generator = CodeGenerator(config)
    tasks = make_tasks(load_split(config, "sae"), config)
    journal = config.output_dir("2.5") / "journal.jsonl"
    with Journal(journal, solution_settings(config), False) as kept:
        records = [kept.get(task.problem.task_id, 0.0) for task in tasks]
    passed = np.array([record is not None and record["test_passed"] for record in records])
    residuals = [generator.last_token_residuals(task.prompt, [layer])[layer] for task in tasks]
    sae = load_gemma_scope_sae(layer, "cpu", config)
    with torch.inference_mode():
        activations = sae.encode(torch.stack(residuals)).numpy()
    return separation_of(activations, passed), float(passed.mean())
