"""How long the residual stream is where it is steered: the scale of a coefficient.

A coefficient times the direction's norm, as a fraction of the residual stream's norm, can be
compared across layers, SAEs and models; the coefficient alone can't.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import torch

from common.terms import SteeringType
from common.typed_files import FileModel
from common_simplified.code_generator import CodeGenerator
from common_simplified.residual_stream import residuals
from phase2_5_simplified.features import Feature
from phase3_6.baseline import BaselineProblem
from phase4_5.records import ResidualNorm

_DIGITS = 4
"""Significant ones that are kept of a norm: fewer than rounding differs by."""


class NormRecord(FileModel):
    """The residual stream's norms on one problem, as the journal keeps them."""

    task_id: int
    norms: dict[str, list[float]]
    """Layer (as text) -> the Euclidean norm of the residual stream at `residual_site`, at every
    position."""


def residual_norms(
    generator: CodeGenerator, problems: Sequence[BaselineProblem], layers: Sequence[int]
) -> Iterator[NormRecord]:
    """Measure each problem's prompt with the unsteered model's program after it."""
    for problem in problems:
        streams = residuals(
            generator.model,
            generator.tokenizer,
            problem.prompt + problem.baseline_code,
            sorted(set(layers)),
            generator.config.residual_site,
        )
        yield NormRecord(
            task_id=problem.task_id,
            norms={
                str(layer): [float(f"{norm:.{_DIGITS}g}") for norm in stream.norm(dim=-1).tolist()]
                for layer, stream in streams.items()
            },
        )


def summarise_norms(
    features: Mapping[SteeringType, Feature],
    directions: Mapping[SteeringType, torch.Tensor],
    records: Sequence[NormRecord],
) -> dict[SteeringType, ResidualNorm]:
    """How long the residual stream is where each direction [d_model] is added."""
    found: dict[SteeringType, ResidualNorm] = {}
    for steering_type, feature in features.items():
        norms = [norm for record in records for norm in record.norms[str(feature.layer)]]
        found[steering_type] = ResidualNorm(
            median=median(norms),
            n_positions=len(norms),
            direction_norm=float(directions[steering_type].float().norm()),
        )
    return found


def relative_strength(coefficient: float, residual_norm: ResidualNorm) -> float | None:
    """What is added, as a fraction of the residual stream's median norm; None if that is 0."""
    if not residual_norm.median:
        return None
    return coefficient * residual_norm.direction_norm / residual_norm.median
