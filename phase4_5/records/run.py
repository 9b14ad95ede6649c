"""The summary of a run."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from common.terms import ResidualSite, SteeringType
from common.typed_files import FileModel, Text
from phase4_5.records.choice import Choice, Recommendation
from phase4_5.records.coefficient import CoefficientSummary
from phase4_5.records.comparisons import Controls, FinalEvaluation, Neighbours
from phase4_5.records.program import Count, Fraction


class FeatureSummary(FileModel):
    """A latent of Phase 2.5, as the summary tells it."""

    layer: Count
    feature_idx: Count
    separation_score: float
    separation_p: Fraction | None = None
    """How often shuffled verdicts give a separation as good as this, if Phase 2.5 told it."""


class ResidualNorm(FileModel):
    """How long the residual stream is where a direction is added: Euclidean, over all positions."""

    median: float
    n_positions: Count
    direction_norm: float


class RunConfig(FileModel):
    """The settings of a run, as far as its readers need them; the others are kept beside them."""

    model_name: Text
    residual_site: ResidualSite


class RunEnvironment(FileModel):
    """What a run was made with; versions of libraries are kept beside these."""

    device: str
    dtype: str
    commit: str | None = None


_OF_DIRECTIONS = "features residual_norm results neighbours controls final_evaluation recommended"


class RunSummary(FileModel):
    """The content of `phase_4_5_summary.json`."""

    phase: str = "4.5"
    timestamp: str
    duration_seconds: float
    config: RunConfig
    environment: RunEnvironment
    lanes: dict[str, Any] | None
    """What the lanes did in this run; None if it decoded one at a time, or nothing."""
    features: dict[SteeringType, FeatureSummary]
    residual_norm: dict[SteeringType, ResidualNorm]
    results: dict[SteeringType, Annotated[list[CoefficientSummary], Field(min_length=1)]]
    neighbours: dict[SteeringType, list[Neighbours]]
    controls: dict[SteeringType, Controls | None]
    final_evaluation: dict[SteeringType, FinalEvaluation | None]
    recommended: dict[SteeringType, Recommendation]
    selected_coefficients: Choice

    @model_validator(mode="after")
    def _check_directions(self) -> Self:
        for name in _OF_DIRECTIONS.split():
            if missing := {"correct", "incorrect"} - getattr(self, name).keys():
                raise ValueError(f"{name} has nothing for {', '.join(sorted(missing))}")
        return self

    def rows(self, steering_type: SteeringType) -> list[CoefficientSummary]:
        """The coefficients of a direction, the smallest first."""
        return sorted(self.results[steering_type], key=lambda row: row.coefficient)
