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
from phase4_5.records.coefficient import CoefficientSummary, Metrics
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
from phase4_5.records.dose_response import DosePoint, DoseResponse, NoPeak
from phase4_5.records.noise_floor import Cause, CountedAgainst, FloorCause, NoiseFloor
from phase4_5.records.population import Population, WeightedRates
from phase4_5.records.power import Detectable, PowerReport
from phase4_5.records.program import (
    OPPOSITE,
    Count,
    FlipDirection,
    Fraction,
    Interval,
    Key,
    ProgramRecord,
    UnsteeredRecord,
    WrittenProgram,
    control_names,
    example_key,
    flip_direction,
    latent_control_name,
    record_key,
    unsteered_key,
)
from phase4_5.records.run import FeatureSummary, ResidualNorm, RunConfig, RunEnvironment, RunSummary

__all__ = [
    "Cause",
    "Choice",
    "ChosenCoefficient",
    "CoefficientSummary",
    "ControlComparison",
    "ControlCurve",
    "ControlRow",
    "Controls",
    "Count",
    "CountedAgainst",
    "Detectable",
    "DirectionTest",
    "DosePoint",
    "DoseResponse",
    "FeatureSummary",
    "FinalEvaluation",
    "FlipDirection",
    "FloorCause",
    "Fraction",
    "Interval",
    "Key",
    "MarkedExample",
    "Metrics",
    "NOT_EVALUATED",
    "Neighbours",
    "NoiseFloor",
    "NoPeak",
    "OPPOSITE",
    "Outcome",
    "Population",
    "PowerReport",
    "ProgramRecord",
    "Recommendation",
    "ResidualNorm",
    "RunConfig",
    "RunEnvironment",
    "RunSummary",
    "SelectionMethod",
    "UnsteeredRecord",
    "Verdict",
    "WrittenProgram",
    "WeightedRates",
    "control_names",
    "latent_control_name",
    "example_key",
    "flip_direction",
    "record_key",
    "unsteered_key",
]
