"""Latents that fire as often as the best ones, and separate nothing: controls of the same kind.

A random direction is no latent: it may be unlike all that a model makes of its residual stream. The
published study compares with such latents too (its Phase 4.10).
"""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from common.config import Config
from common.errors import InputError
from common.terms import STEERING_TYPES, SteeringType
from common.typed_files import FileModel, read_model
from common.utils import require_phase_file
from phase2_5_simplified.features import Feature
from phase2_5_simplified.sae_analyzer import Separation

MATCHED_FILE = "matched_latents.json"
N_MATCHED = 40
"""As many as are kept for each direction, where there are."""
SEPARATES_NOTHING = 0.05
"""The largest separation, without its sign, of a latent that is taken."""

_REMEDY = "make it anew with: python3 run.py phase 2.5 --fresh"


class MatchedLatent(FileModel):
    """A latent of the same layer; its rate is a fraction of solutions."""

    feature_idx: Annotated[int, Field(ge=0)]
    firing_rate: Annotated[float, Field(ge=0, le=1)]
    separation_score: float
    """`f_correct` - `f_incorrect`."""


class Matches(FileModel):
    """The best latent of a direction, and those that match it, the nearest rate first."""

    layer: Annotated[int, Field(ge=0)]
    feature_idx: Annotated[int, Field(ge=0)]
    firing_rate: Annotated[float, Field(ge=0, le=1)]
    latents: list[MatchedLatent]


class MatchedLatents(FileModel):
    """The content of `matched_latents.json`."""

    correct: Matches
    incorrect: Matches


def match_latents(
    features: Mapping[str, list[dict[str, Any]]],
    separations: Mapping[int, Separation],
    share_right: float,
) -> MatchedLatents:
    """For the best latent of each direction those that fire as often and separate nothing.

    Args:
        features: of each direction its latents, best first.
        separations: by layer.
        share_right: the fraction of solutions that are right.
    """
    matches: dict[SteeringType, Matches] = {}
    for steering_type in STEERING_TYPES:
        layer, latent = (features[steering_type][0][key] for key in ("layer", "feature_idx"))
        separation = separations[layer]
        rate = share_right * separation.f_correct + (1 - share_right) * separation.f_incorrect
        matches[steering_type] = Matches(
            layer=layer,
            feature_idx=latent,
            firing_rate=float(rate[latent]),
            latents=[
                MatchedLatent(
                    feature_idx=one,
                    firing_rate=float(rate[one]),
                    separation_score=float(separation.score[one]),
                )
                for one in _nearest(rate, separation.score, latent)
            ],
        )
    return MatchedLatents(**matches)


def _nearest(rate: np.ndarray, score: np.ndarray, latent: int) -> list[int]:
    """The latents whose rate is nearest to that of `latent`, of those that fire at all."""
    distance = np.abs(rate - rate[latent])
    distance[(np.abs(score) > SEPARATES_NOTHING) | (rate == 0)] = np.inf
    distance[latent] = np.inf
    order = np.argsort(distance, kind="stable")[:N_MATCHED]
    return [int(one) for one in order if np.isfinite(distance[one])]


def load_matched_latents(
    config: Config, features: Mapping[SteeringType, Feature], count: int
) -> dict[SteeringType, list[int]]:
    """The `count` latents nearest to each feature; fewer where Phase 2.5 found no more.

    Raises:
        InputError: the file is missing, damaged, or about other latents than `features`.
    """
    path = require_phase_file("2.5", MATCHED_FILE, config)
    matched = read_model(path, MatchedLatents, _REMEDY)
    found: dict[SteeringType, list[int]] = {}
    for steering_type, feature in features.items():
        matches: Matches = getattr(matched, steering_type)
        if (matches.layer, matches.feature_idx) != (feature.layer, feature.feature_idx):
            raise InputError(
                f"{path}: {steering_type} is about latent {matches.feature_idx} of layer "
                f"{matches.layer}, but the best one is latent {feature.feature_idx} of layer "
                f"{feature.layer}; {_REMEDY}"
            )
        found[steering_type] = [one.feature_idx for one in matches.latents[:count]]
    return found
