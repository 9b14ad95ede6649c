"""How long the residual stream is where it is steered: the scale of a coefficient.

A coefficient times the direction's norm, as a fraction of the residual stream's norm, can be
compared across layers, SAEs and models; the coefficient alone can't.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import torch

from common.terms import SteeringType
from common_simplified.code_generator import CodeGenerator
from common_simplified.residual_stream import residuals
from phase2_5_simplified.features import Feature
from phase3_6.baseline import BaselineProblem

_DIGITS = 4
"""Significant ones that are kept of a norm: fewer than rounding differs by."""


def residual_norms(
    generator: CodeGenerator, problems: Sequence[BaselineProblem], layers: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Measure each problem's prompt with the unsteered model's program after it.

    Yields:
        one record a problem: `task_id`, and `norms`: layer (as text) -> the Euclidean norm of the
        residual stream at `residual_site`, at every position.
    """
    for problem in problems:
        streams = residuals(
            generator.model,
            generator.tokenizer,
            problem.prompt + problem.baseline_code,
            sorted(set(layers)),
            generator.config.residual_site,
        )
        yield {
            "task_id": problem.task_id,
            "norms": {
                str(layer): [float(f"{norm:.{_DIGITS}g}") for norm in stream.norm(dim=-1).tolist()]
                for layer, stream in streams.items()
            },
        }


def summarise_norms(
    features: Mapping[SteeringType, Feature],
    directions: Mapping[SteeringType, torch.Tensor],
    records: Sequence[Mapping[str, Any]],
) -> dict[SteeringType, dict[str, Any]]:
    """How long the residual stream is where each direction is added.

    Returns:
        `median` of the residual stream's norm over all positions of `records` (those of
        `residual_norms`), `n_positions`, and `direction_norm`.
    """
    found: dict[SteeringType, dict[str, Any]] = {}
    for steering_type, feature in features.items():
        norms = [norm for record in records for norm in record["norms"][str(feature.layer)]]
        found[steering_type] = {
            "median": median(norms),
            "n_positions": len(norms),
            "direction_norm": float(directions[steering_type].float().norm()),
        }
    return found


def relative_strength(coefficient: float, residual_norm: Mapping[str, Any]) -> float | None:
    """What is added, as a fraction of the residual stream's median norm; None if that is 0."""
    if not residual_norm["median"]:
        return None
    return coefficient * residual_norm["direction_norm"] / residual_norm["median"]
