"""What a latent's effect is compared with: controls, random directions, other coefficients."""

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from common.typed_files import FileModel, Text
from phase4_5.records.coefficient import Metrics
from phase4_5.records.program import OPPOSITE, Count, Interval, Percent

Outcome = Literal["more", "less", "alike"]


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
    """The wanted effect of a latent against random directions (`analysis.random_directions`), or
    against other latents in their place.

    Effects are in percent of the problems, their difference and its interval in points. `p` is the
    larger of the p values over directions and over problems; `n_less` directions have a smaller
    effect. The `n_programs` of the directions: each problem was tried with some of them. `between`
    is the standard deviation between directions, `residual` that of one program of one of them,
    both in points (None in files of earlier versions).
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
    between: float | None = None
    residual: float | None = None
    outcome: Outcome
    statement: Text


class FinalEvaluation(Metrics):
    """The chosen coefficient on problems that had no part in choosing it; `preservation_rate` is
    the percentage of baseline passes that still pass."""

    preservation_rate: Percent | None
    preservation_rate_interval: Interval | None
    mcnemar_p: float
    shortcomings: list[Text]
    directions: DirectionTest | None = None
    """Against random directions at the same strength, on the same problems."""
    latents: DirectionTest | None = None
    """The same against latents that fire as often as this one and separate nothing."""
    looked_at: list[float] = []
    """All coefficients of this direction that were tried on these problems, this one included."""
    unopened: DirectionTest | None = None
    """The same as `directions` on those of the problems that no other coefficient of this direction
    was tried on; None if that is all of them, or less than half."""


class Neighbours(FileModel):
    """Two coefficients, the difference of their flip rates (upper minus lower, in points), and how
    many problems would tell them apart."""

    lower: float
    upper: float
    difference: float
    n_problems_needed: int | None
