"""What Phase 4.5's files hold, as typed models: a program, a coefficient, comparisons, a choice.

Rates are in percent, similarities fractions, intervals 95 %. The keys are those of the JSON files.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from common.terms import ResidualSite, SteeringType
from common.typed_files import FileModel, Text

Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
"""Lower and upper bound."""
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
FlipDirection = Literal["pass→fail", "fail→pass"]
SelectionMethod = Literal["recommended", "manual"]
Verdict = Literal["supported", "unproven", "contradicted"]
Outcome = Literal["more", "less", "alike"]
Key = tuple[Any, ...]

NOT_EVALUATED = "It was not evaluated on problems outside the search."
OPPOSITE = "opposite"
"""The name of the control that pushes the other way."""
_RANDOM = "random_"


def control_names(n_random: int, opposite: bool) -> list[str]:
    """The names of the controls: `random_1`, ..., `opposite`."""
    names = [f"{_RANDOM}{number}" for number in range(1, n_random + 1)]
    return [*names, OPPOSITE] if opposite else names


def example_key(steering_type: str, coefficient: float, task_id: int) -> str:
    """What a person finds an example by, e.g. `correct|30|123`."""
    return f"{steering_type}|{coefficient:g}|{task_id}"


def record_key(
    steering_type: str, coefficient: float, task_id: int, control: str | None = None
) -> Key:
    """What a journal finds a record by: direction, coefficient, `task_id` and, if any, control."""
    key = steering_type, float(coefficient), task_id
    return key if control is None else (*key, control)


def flip_direction(before: bool, after: bool) -> FlipDirection | None:
    """How a verdict changed; None if it didn't."""
    if before == after:
        return None
    return "pass→fail" if before else "fail→pass"


class ProgramRecord(FileModel):
    """A program that was written under steering, beside the unsteered one, and its verdict."""

    task_id: int
    steering_type: SteeringType
    coefficient: float
    control: str | None = None
    """The name of the control that stood in the latent's place; the key is left out if none did."""
    prompt: Text
    baseline_code: Text
    steered_code: Text
    baseline_passed: bool
    steered_passed: bool
    flipped: bool
    flip_direction: FlipDirection | None
    token_similarity: Fraction
    char_similarity: Fraction
    length_ratio: Annotated[float, Field(ge=0)] | None
    outcome: Text
    error: Text | None
    n_new_tokens: Count
    stop_reason: Text
    failure_mode: Text | None
    """One of `analysis.failure_modes`, None if the program passed."""
    changes: list[str]
    """Which kinds of change steering made (`analysis.changes`)."""
    valid_syntax: bool
    signature_intact: bool

    @model_validator(mode="after")
    def _check_verdict(self) -> Self:
        expected = flip_direction(self.baseline_passed, self.steered_passed)
        if self.flip_direction != expected or self.flipped != (expected is not None):
            raise ValueError(
                f"flipped {self.flipped} and flip_direction {self.flip_direction!r} don't fit "
                f"baseline_passed {self.baseline_passed} and steered_passed {self.steered_passed}"
            )
        if (self.failure_mode is None) != self.steered_passed:
            raise ValueError(
                f"failure_mode {self.failure_mode!r} doesn't fit steered_passed "
                f"{self.steered_passed}"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_no_control(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        if self.control is None:
            del values["control"]
        return values

    @property
    def key(self) -> Key:
        """What its journal finds it by."""
        return record_key(self.steering_type, self.coefficient, self.task_id, self.control)

    @property
    def example_key(self) -> str:
        """What a person finds it by."""
        return example_key(self.steering_type, self.coefficient, self.task_id)


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
    flip_rate: float
    flip_rate_interval: Interval
    correction_rate: float | None
    correction_rate_interval: Interval | None
    corruption_rate: float | None
    corruption_rate_interval: Interval | None
    mean_token_similarity: Fraction
    mean_char_similarity: Fraction
    mean_length_ratio: float | None
    valid_syntax_rate: float
    valid_syntax_rate_interval: Interval
    signature_intact_rate: float
    signature_intact_rate_interval: Interval
    failure_modes: dict[str, Count]
    """How many programs failed in which way, most frequent first."""
    changes: dict[str, Count]
    """In how many programs what changed, most frequent first."""


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


class ControlRow(FileModel):
    """A coefficient's controls: their mean flip rate and that of each, and their mean rate of the
    effect wanted; the latent's flip rate minus theirs, in points."""

    coefficient: float
    flip_rate: float
    flip_rates: list[float]
    wanted_rate: float | None
    difference: float
    interval: Interval
    p: float
    n_differing: Count
    p_holm: float


class ControlCurve(FileModel):
    """All coefficients together: each problem's mean flips, the latent's minus the controls'."""

    difference: float
    interval: Interval
    p: float
    n_differing: Count
    flip_rate: float
    control_flip_rate: float
    p_holm: float


class ControlComparison(FileModel):
    """Flips of any kind, of a latent and of one kind of control: a description, no verdict."""

    coefficients: list[ControlRow]
    curve: ControlCurve
    statement: Text


class Controls(FileModel):
    """A latent against its controls, as far as they were run."""

    n_random: Count
    random: ControlComparison | None = None
    opposite: ControlComparison | None = None

    @model_serializer(mode="wrap")
    def _as_far_as_run(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        return {key: value for key, value in values.items() if value is not None}

    @property
    def comparisons(self) -> dict[str, ControlComparison]:
        """Those that were run, by kind."""
        kinds = {"random": self.random, OPPOSITE: self.opposite}
        return {kind: found for kind, found in kinds.items() if found is not None}


class DirectionTest(FileModel):
    """The wanted effect of a latent against random directions (`analysis.random_directions`).

    Effects are in percent of the problems, their difference and its interval in points. `p` is the
    larger of the p values over directions and over problems; `n_less` directions have a smaller
    effect. The `n_programs` of the directions: each problem was tried with some of them.
    """

    n_directions: Count
    n_problems: Count
    n_programs: Count
    effect: float
    directions_effect: float
    difference: float
    interval: Interval
    p_directions: float
    p_problems: float
    p: float
    n_less: Count
    outcome: Outcome
    statement: Text


class FinalEvaluation(Metrics):
    """The chosen coefficient on problems that had no part in choosing it; `preservation_rate` is
    the percentage of baseline passes that still pass."""

    preservation_rate: float | None
    preservation_rate_interval: Interval | None
    mcnemar_p: float
    shortcomings: list[Text]
    directions: DirectionTest | None = None
    """Against random directions at the same strength, on the same problems."""


class Neighbours(FileModel):
    """Two coefficients, the difference of their flip rates (upper minus lower, in points), and how
    many problems would tell them apart."""

    lower: float
    upper: float
    difference: float
    n_problems_needed: int | None


class Recommendation(FileModel):
    """A coefficient, why the rule names it, and what it did."""

    coefficient: float
    qualifies: bool
    rationale: Text
    n_problems: Count
    flip_rate: float
    correction_rate: float | None
    corruption_rate: float | None
    mean_token_similarity: float
    valid_syntax_rate: float
    signature_intact_rate: float


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
    flip_rate: float
    flip_rate_interval: Interval | None = None
    correction_rate: float | None = None
    correction_rate_interval: Interval | None = None
    corruption_rate: float | None = None
    corruption_rate_interval: Interval | None = None
    mean_token_similarity: float | None = None
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
