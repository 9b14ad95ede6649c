"""One direction of a run, as the pictures see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.terms import STEERING_TYPES, SteeringType
from phase4_5.records import Record

if TYPE_CHECKING:
    from phase4_5.results.run_files import Run

Summary = dict[str, Any]


@dataclass(frozen=True)
class Direction:
    """What was found in one direction; the keys are those of the summary file."""

    steering_type: SteeringType
    results: Sequence[Summary]
    """One a coefficient, the smallest first."""
    examples: Mapping[float, Sequence[Record]]
    """The records of each coefficient."""
    selected: Summary | None
    recommended: float | None
    controls: Mapping[str, Summary]
    final_evaluation: Summary | None

    @property
    def coefficients(self) -> list[float]:
        """All that were tried, the smallest first."""
        return [result["coefficient"] for result in self.results]

    def result(self, coefficient: float) -> Summary:
        """What was found for a coefficient that was tried."""
        return next(each for each in self.results if each["coefficient"] == coefficient)

    def control(self, kind: str, coefficient: float) -> Summary | None:
        """What a control did at a coefficient; None where it wasn't run."""
        listed = self.controls[kind]["coefficients"] if kind in self.controls else ()
        return next((each for each in listed if each["coefficient"] == coefficient), None)

    @property
    def chosen(self) -> float | None:
        """The selected coefficient."""
        return self.selected["coefficient"] if self.selected else None

    @property
    def choice(self) -> str:
        """The selected coefficient and who chose it."""
        if self.selected is None:
            return ""
        if self.selected["selection_method"] == "manual":
            how = "chosen by hand"
        else:
            how = "recommended" if self.selected["qualifies"] else "nearest, none qualifies"
        return f"{self.selected['coefficient']:g}: {how}"


def directions_of(run: "Run") -> list[Direction]:
    """The directions that were searched."""
    summary = run.summary
    return [
        Direction(
            steering_type,
            sorted(summary["results"][steering_type], key=lambda result: result["coefficient"]),
            {
                coefficient: records
                for (direction, coefficient), records in run.examples.items()
                if direction == steering_type
            },
            summary["selected_coefficients"].get(steering_type),
            summary["recommended"].get(steering_type, {}).get("coefficient"),
            summary["controls"].get(steering_type) or {},
            summary["final_evaluation"].get(steering_type),
        )
        for steering_type in STEERING_TYPES
        if summary["results"].get(steering_type)
    ]
