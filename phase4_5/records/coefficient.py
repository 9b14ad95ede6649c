"""What one coefficient did to a set of problems."""

from typing import Annotated

from pydantic import Field

from common.terms import SteeringType
from common.typed_files import FileModel
from phase4_5.records.population import WeightedRates
from phase4_5.records.program import Count, Fraction, Interval, Percent


class Metrics(FileModel):
    """What one coefficient did: counts, and the metrics of `analysis.metrics.METRICS`.

    The metrics that the program itself decides by are fields; others are kept beside them under
    their names.
    """

    coefficient: float
    n_problems: Annotated[int, Field(ge=1)]
    n_baseline_passed: Count
    n_baseline_failed: Count
    n_flipped: Count
    n_pass_to_fail: Count
    n_fail_to_pass: Count
    flip_rate: Percent
    flip_rate_interval: Interval
    correction_rate: Percent | None
    correction_rate_interval: Interval | None
    corruption_rate: Percent | None
    corruption_rate_interval: Interval | None
    mean_token_similarity: Fraction
    mean_char_similarity: Fraction
    mean_length_ratio: float | None
    valid_syntax_rate: Percent
    valid_syntax_rate_interval: Interval
    signature_intact_rate: Percent
    signature_intact_rate_interval: Interval
    failure_modes: dict[str, Count]
    """How many programs failed in which way, most frequent first."""
    changes: dict[str, Count]
    """In how many programs what changed, most frequent first."""
    bounds: dict[str, float] = {}
    """By the metric's name: bounds of the rule that the run has set beside the rule's own."""
    weighted: WeightedRates | None = None
    """What it does to the whole baseline; None where its problems can't tell."""


class CoefficientSummary(Metrics):
    """A coefficient of the grid."""

    steering_type: SteeringType
    refined: bool
    relative_strength: float | None = None
    """What is added, as a fraction of the residual stream's median norm."""
    mcnemar_p: float
    mcnemar_p_holm: float | None = None
    """Of the share that passes, against the baseline, exact; and corrected for all coefficients of
    both directions (None for a coefficient by itself)."""
