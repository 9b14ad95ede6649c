"""The file of top features: reading it, and what later phases take from it."""

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from common.config import Config
from common.errors import InputError
from common.logging import get_logger
from common.terms import SteeringType
from common.typed_files import FileModel, read_model
from common.utils import require_phase_file
from common_simplified.provenance import (
    METADATA_FILE,
    MODEL_SETTINGS,
    PhaseMetadata,
    read_metadata,
    require_same_settings,
)
from phase2_5_simplified.chance import SeparationChances

logger = get_logger("phase2_5.features")


FEATURES_FILE = "top_20_features.json"


@dataclass(frozen=True)
class Feature:
    """One SAE latent that prefers right ("correct") or wrong ("incorrect") solutions."""

    steering_type: SteeringType
    layer: int
    feature_idx: int
    separation_score: float
    separation_p: float | None = None
    """How often shuffled verdicts give a separation as good as this, None if nothing tells it."""


class FeatureEntry(FileModel):
    """A latent in the file of top features; the published run's has these keys."""

    feature_idx: Annotated[int, Field(ge=0)]
    layer: Annotated[int, Field(ge=0)]
    separation_score: float
    """`f_correct` - `f_incorrect`, or the reverse."""
    f_correct: float | None = None
    """The fraction of right solutions on which it fires."""
    f_incorrect: float | None = None
    mean_activation: float | None = None


class TopFeatures(FileModel):
    """The content of `top_20_features.json`, best first."""

    correct: Annotated[list[FeatureEntry], Field(min_length=1)]
    incorrect: Annotated[list[FeatureEntry], Field(min_length=1)]


class FeatureMetadata(PhaseMetadata):
    """Phase 2.5's `metadata.json`; the published study's says nothing of chance."""

    separation_chance: SeparationChances | None = None


def load_best_features(config: Config) -> dict[SteeringType, Feature]:
    """The single best feature of each kind, from Phase 2.5's `top_20_features.json`.

    Raises:
        InputError: the file is missing, damaged, lacks a kind, or is of another residual site;
            or the phase's metadata can't be read.
    """
    path = require_phase_file("2.5", FEATURES_FILE, config)
    top = read_model(path, TopFeatures, "make it anew with: python3 run.py phase 2.5 --fresh")
    metadata = read_metadata(config.output_dir("2.5") / METADATA_FILE, FeatureMetadata)
    _check_site(metadata, config)
    require_same_settings(
        config.output_dir("2.5") / METADATA_FILE,
        config,
        MODEL_SETTINGS,
        "find features for this model: python3 run.py phase 2.5 --fresh",
    )
    best: dict[SteeringType, FeatureEntry] = {
        "correct": top.correct[0],
        "incorrect": top.incorrect[0],
    }
    for steering_type, entry in best.items():
        # Only these are used; what others rank behind them is theirs.
        if not 0 <= entry.separation_score <= 1:
            raise InputError(
                f"{path}: {steering_type}.0.separation_score={entry.separation_score}: a "
                "difference of two fractions, 0 to 1; make it anew with: python3 run.py phase 2.5 "
                "--fresh"
            )
    return {
        steering_type: Feature(
            steering_type,
            entry.layer,
            entry.feature_idx,
            entry.separation_score,
            _separation_p(steering_type, entry, metadata, config),
        )
        for steering_type, entry in best.items()
    }


def _separation_p(
    steering_type: SteeringType,
    entry: FeatureEntry,
    metadata: FeatureMetadata | None,
    config: Config,
) -> float | None:
    """The p of a latent's separation; None if the metadata tell none, or that of another."""
    if metadata is None or metadata.separation_chance is None:
        return None
    chance = metadata.separation_chance.of(steering_type)
    if not math.isclose(chance.separation_score, entry.separation_score, abs_tol=1e-6):
        logger.warning(
            "%s: its p for %s is that of a separation of %.3f, the latent's is %.3f; not told",
            config.output_dir("2.5") / METADATA_FILE,
            steering_type,
            chance.separation_score,
            entry.separation_score,
        )
        return None
    return chance.p


def _check_site(metadata: FeatureMetadata | None, config: Config) -> None:
    path = config.output_dir("2.5") / METADATA_FILE
    if metadata is None:
        logger.warning(
            "%s: missing, so that nothing says at which residual site the features were found; "
            "taken to be %s",
            path,
            config.residual_site,
        )
        return
    if metadata.residual_site not in (None, config.residual_site):
        raise InputError(
            f"{path}: the features were found at {metadata.residual_site}, but "
            f"PVA_SAE_RESIDUAL_SITE is {config.residual_site}; set it to "
            f"{metadata.residual_site}, or run Phase 2.5 for the other site"
        )


def best_layers(features: dict[SteeringType, Feature]) -> dict[str, int]:
    """The `best_layers` entry of the metadata files of Phases 3.5 and 3.6."""
    return {
        "correct": features["correct"].layer,
        "incorrect": features["incorrect"].layer,
        "correct_feature_idx": features["correct"].feature_idx,
        "incorrect_feature_idx": features["incorrect"].feature_idx,
    }
