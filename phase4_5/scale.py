"""How long the residual stream is where it is steered: the scale of a coefficient.

A coefficient times the direction's norm, as a fraction of the residual stream's norm, can be
compared across layers, SAEs and models; the coefficient alone can't.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import torch

from common_simplified.residual_stream import residuals
from common_simplified.solving import Writer
from phase2_5_simplified.features import Feature, SteeringType
from phase3_6.baseline import BaselineProblem

_DIGITS = 4
"""Significant ones that are kept of a norm: fewer than rounding differs by."""


def residual_norms(
    writer: Writer, problems: Sequence[BaselineProblem], layers: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Measure each problem's prompt with the unsteered model's program after it.

    Yields:
        one record a problem: `task_id`, and `norms`: layer (as text) -> the Euclidean norm of the
        residual stream at `residual_site`, at every position.
    """
    for problem in problems:
        streams = residuals(
            writer.model,
            writer.tokenizer,
            problem.prompt + problem.baseline_code,
            sorted(set(layers)),
            writer.config.residual_site,
        )
        yield {
            "task_id": problem.task_id,
            "norms": {
                str(layer): [float(f"{norm:.{_DIGITS}g}") for norm in stream.norm(dim=-1).tolist()]
                for layer, stream in streams.items()
            },
        }


def scales(
    features: Mapping[SteeringType, Feature],
    directions: Mapping[SteeringType, torch.Tensor],
    records: Sequence[Mapping[str, Any]],
) -> dict[SteeringType, dict[str, Any]]:
    """The scale of each direction.

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


def relative_strength(coefficient: float, scale: Mapping[str, Any]) -> float | None:
    """What is added, as a fraction of the residual stream's median norm; None if that is 0."""
    if not scale["median"]:
        return None
    return coefficient * scale["direction_norm"] / scale["median"]
