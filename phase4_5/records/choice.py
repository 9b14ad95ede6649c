"""Which coefficient is recommended, which is chosen, and what is claimed for it."""

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from common.terms import ResidualSite, SteeringType
from common.typed_files import FileModel, Text
from phase4_5.records.comparisons import FinalEvaluation
from phase4_5.records.population import WeightedRates
from phase4_5.records.program import Count, Fraction, Interval, Percent

SelectionMethod = Literal["recommended", "manual"]
Verdict = Literal["supported", "unproven", "contradicted"]

NOT_EVALUATED = "It was not evaluated on problems outside the search."


class Recommendation(FileModel):
    """A coefficient, why the rule names it, and what it did."""

    coefficient: float
    qualifies: bool
    rationale: Text
    n_problems: Count
    flip_rate: Percent
    correction_rate: Percent | None
    corruption_rate: Percent | None
    mean_token_similarity: float
    valid_syntax_rate: float
    signature_intact_rate: float


class MarkedExample(FileModel):
    """A reviewer's mark on one of the chosen coefficient's programs."""

    task_id: int
    mark: str | None
    note: Text


class ChosenCoefficient(FileModel):
    """The coefficient chosen for one direction, the latent it is for, and what it did; rates are
    those of the search's problems."""

    layer: Count
    feature_idx: Count
    residual_site: ResidualSite
    coefficient: float
    n_problems: Count | None = None
    flip_rate: Percent
    flip_rate_interval: Interval | None = None
    correction_rate: Percent | None = None
    correction_rate_interval: Interval | None = None
    corruption_rate: Percent | None = None
    corruption_rate_interval: Interval | None = None
    mean_token_similarity: Fraction | None = None
    weighted: WeightedRates | None = None
    """What it does to the whole baseline, by the problems of the search."""
    relative_strength: float | None = None
    qualifies: bool
    """Whether the rule of `analysis.recommendation` would take it."""
    verdict: Verdict = "unproven"
    verdict_reason: Text = NOT_EVALUATED
    final_evaluation: FinalEvaluation | None = None
    marks: list[MarkedExample] = []
    rationale: Text
    selection_method: SelectionMethod = "recommended"
    reviewer: Text | None = None

    @model_serializer(mode="wrap")
    def _without_no_reviewer(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        if self.reviewer is None:
            del values["reviewer"]
        return values


class Choice(FileModel):
    """The content of `selected_coefficients.json`."""

    phase: str = "4.5"
    timestamp: str
    selection_method: SelectionMethod
    reviewer: Text | None = None
    model_name: Text | None = None
    correct: ChosenCoefficient
    incorrect: ChosenCoefficient

    def of(self, steering_type: SteeringType) -> ChosenCoefficient:
        """What is chosen for a direction."""
        return self.correct if steering_type == "correct" else self.incorrect
