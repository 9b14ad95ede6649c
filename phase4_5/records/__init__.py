"""What Phase 4.5's files hold, as typed models: a program, a coefficient, comparisons, a choice.

Rates are in percent, similarities fractions, intervals 95 %. The keys are those of the JSON files.
"""

from phase4_5.records.choice import (
    NOT_EVALUATED,
    Choice,
    ChosenCoefficient,
    MarkedExample,
    Recommendation,
    SelectionMethod,
    Verdict,
)
from phase4_5.records.coefficient import CoefficientSummary, Interval, Metrics
from phase4_5.records.comparisons import (
    ControlComparison,
    ControlCurve,
    ControlRow,
    Controls,
    DirectionTest,
    FinalEvaluation,
    Neighbours,
    Outcome,
)
from phase4_5.records.program import (
    OPPOSITE,
    Count,
    FlipDirection,
    Fraction,
    Key,
    ProgramRecord,
    control_names,
    example_key,
    flip_direction,
    record_key,
)
from phase4_5.records.run import FeatureSummary, ResidualNorm, RunConfig, RunEnvironment, RunSummary

__all__ = [
    "Choice",
    "ChosenCoefficient",
    "CoefficientSummary",
    "ControlComparison",
    "ControlCurve",
    "ControlRow",
    "Controls",
    "Count",
    "DirectionTest",
    "FeatureSummary",
    "FinalEvaluation",
    "FlipDirection",
    "Fraction",
    "Interval",
    "Key",
    "MarkedExample",
    "Metrics",
    "NOT_EVALUATED",
    "Neighbours",
    "OPPOSITE",
    "Outcome",
    "ProgramRecord",
    "Recommendation",
    "ResidualNorm",
    "RunConfig",
    "RunEnvironment",
    "RunSummary",
    "SelectionMethod",
    "Verdict",
    "control_names",
    "example_key",
    "flip_direction",
    "record_key",
]
