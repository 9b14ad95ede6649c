"""One direction of a run, as the pictures see it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from common.terms import STEERING_TYPES, SteeringType
from phase4_5.records import (
    ChosenCoefficient,
    CoefficientSummary,
    ControlComparison,
    ControlRow,
    Controls,
    FinalEvaluation,
    ProgramRecord,
)
from phase4_5.results.run_files import Run


@dataclass(frozen=True)
class Direction:
    """What was found in one direction."""

    steering_type: SteeringType
    results: Sequence[CoefficientSummary]
    """One a coefficient, the smallest first."""
    examples: Mapping[float, Sequence[ProgramRecord]]
    """The records of each coefficient."""
    selected: ChosenCoefficient
    recommended: float
    controls: Mapping[str, ControlComparison]
    """Those that were run, by kind."""
    final_evaluation: FinalEvaluation | None

    @property
    def coefficients(self) -> list[float]:
        """All that were tried, the smallest first."""
        return [result.coefficient for result in self.results]

    @cached_property
    def fingerprint(self) -> str:
        """Tells it from a direction in which anything else was found."""
        # Over all records: computed once, not for each picture.
        return hashlib.sha256(repr(self).encode(errors="surrogatepass")).hexdigest()

    def result(self, coefficient: float) -> CoefficientSummary:
        """What was found for a coefficient that was tried."""
        return next(each for each in self.results if each.coefficient == coefficient)

    def control(self, kind: str, coefficient: float) -> ControlRow | None:
        """What a control did at a coefficient; None where it wasn't run."""
        listed = self.controls[kind].coefficients if kind in self.controls else ()
        return next((each for each in listed if each.coefficient == coefficient), None)

    @property
    def choice(self) -> str:
        """The selected coefficient and who chose it."""
        if self.selected.selection_method == "manual":
            how = "chosen by hand"
        else:
            how = "recommended" if self.selected.qualifies else "named, none qualifies"
        return f"{self.selected.coefficient:g}: {how}, {self.selected.verdict}"


def directions_of(run: Run) -> list[Direction]:
    """Both directions."""
    return [
        Direction(
            steering_type,
            run.summary.rows(steering_type),
            {
                coefficient: records
                for (direction, coefficient), records in run.examples.items()
                if direction == steering_type
            },
            run.selected.of(steering_type),
            run.summary.recommended[steering_type].coefficient,
            _comparisons(run.summary.controls[steering_type]),
            run.summary.final_evaluation[steering_type],
        )
        for steering_type in STEERING_TYPES
    ]


def _comparisons(controls: Controls | None) -> Mapping[str, ControlComparison]:
    return {} if controls is None else controls.comparisons
