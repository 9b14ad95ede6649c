"""The file of top features: reading it, and what later phases take from it."""

import math
from dataclasses import dataclass
from typing import Any

from common.config import Config
from common.errors import InputError
from common.files import read_json
from common.logging import get_logger
from common.terms import STEERING_TYPES, SteeringType
from common.utils import require_phase_file
from common_simplified.provenance import MODEL_SETTINGS, require_same_settings

logger = get_logger("phase2_5.features")


@dataclass(frozen=True)
class Feature:
    """One SAE latent that prefers right ("correct") or wrong ("incorrect") solutions."""

    steering_type: SteeringType
    layer: int
    feature_idx: int
    separation_score: float


def load_best_features(config: Config) -> dict[SteeringType, Feature]:
    """The single best feature of each kind, from Phase 2.5's `top_20_features.json`.

    Raises:
        InputError: the file is missing, damaged, lacks a kind, or is of another residual site.
    """
    path = require_phase_file("2.5", "top_20_features.json", config)
    content = read_json(path)
    _check_site(config)
    require_same_settings(
        config.output_dir("2.5") / "metadata.json",
        config,
        MODEL_SETTINGS,
        "find features for this model: python3 run.py phase 2.5 --fresh",
    )
    features: dict[SteeringType, Feature] = {}
    for steering_type in STEERING_TYPES:
        listed = content.get(steering_type) if isinstance(content, dict) else None
        if not isinstance(listed, list) or not listed:
            raise InputError(
                f"{path}: no list of {steering_type!r} features in it; "
                "make it anew with: python3 run.py phase 2.5 --fresh"
            )
        try:
            features[steering_type] = _parse(steering_type, listed[0])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: the first {steering_type!r} feature needs an integer layer and "
                f"feature_idx and a number separation_score ({error})"
            ) from error
    return features


def _parse(steering_type: SteeringType, raw: dict[str, Any]) -> Feature:
    layer, feature_idx = raw["layer"], raw["feature_idx"]
    if not all(
        isinstance(x, int) and not isinstance(x, bool) and x >= 0 for x in (layer, feature_idx)
    ):
        raise ValueError(f"layer={layer!r}, feature_idx={feature_idx!r}")
    score = float(raw["separation_score"])
    if not math.isfinite(score):
        raise ValueError(f"separation_score={score}")
    return Feature(steering_type, layer, feature_idx, score)


def _check_site(config: Config) -> None:
    path = config.output_dir("2.5") / "metadata.json"
    if not path.exists():
        logger.warning(
            "%s: missing, so that nothing says at which residual site the features were found; "
            "taken to be %s",
            path,
            config.residual_site,
        )
        return
    metadata = read_json(path)
    site = metadata.get("residual_site") if isinstance(metadata, dict) else None
    if site is not None and site != config.residual_site:
        raise InputError(
            f"{path}: the features were found at {site}, but PVA_SAE_RESIDUAL_SITE is "
            f"{config.residual_site}; set it to {site}, or run Phase 2.5 for the other site"
        )


def best_layers(features: dict[SteeringType, Feature]) -> dict[str, int]:
    """The `best_layers` entry of the metadata files of Phases 3.5 and 3.6."""
    return {
        "correct": features["correct"].layer,
        "incorrect": features["incorrect"].layer,
        "correct_feature_idx": features["correct"].feature_idx,
        "incorrect_feature_idx": features["incorrect"].feature_idx,
    }
