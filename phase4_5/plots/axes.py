"""How coefficients stand along a picture; here side by side, in `log_axis` to scale."""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from phase4_5.plots.direction import Direction
from phase4_5.plots.style import BLACK, SMALL_SIZE, YELLOW, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MIN_PLACES = 5
_STEP = 2.6
"""Between what stands side by side at a coefficient, in points."""


class CoefficientAxis(ABC):
    """Where the coefficients of a direction stand in a panel of a given width.

    Args:
        direction: whose coefficients.
        width: of the panel, in points.
    """

    top = 0.0
    """Room needed above the panel, without its title, in points."""
    bottom = 29.0
    """Room needed below the panel, in points."""

    def __init__(self, direction: Direction, width: float) -> None:
        self.direction = direction
        self.width = width

    @property
    @abstractmethod
    def limits(self) -> tuple[float, float]:
        """The positions at the left and right edge of the panel."""

    @abstractmethod
    def position(self, coefficient: float) -> float:
        """Where a coefficient stands."""

    @abstractmethod
    def half_width(self, coefficient: float) -> float:
        """How far from a coefficient's position its mark reaches."""

    def is_broken_between(self, lower: float, upper: float) -> bool:  # noqa: ARG002
        """Whether the scale is interrupted between two coefficients."""
        return False

    def shift(self, coefficient: float, place: int, places: int) -> float:
        """How far beside a coefficient's position the given one of several places is."""
        here = self.position(coefficient)
        others = [self.position(value) for value in self.direction.coefficients]
        gaps = [abs(other - here) for other in others if other != here]
        step = min([_STEP / self.points_per_unit, *(0.7 * gap / places for gap in gaps)])
        return step * (place - (places - 1) / 2)

    @property
    def points_per_unit(self) -> float:
        """Points on paper for a distance of 1 between positions."""
        left, right = self.limits
        return self.width / (right - left)

    def draw(self, panel: "Axes") -> None:
        """Label the coefficients and mark the selected one."""
        panel.set_xlim(*self.limits)
        self._mark(panel)
        self._label(panel)

    @abstractmethod
    def _label(self, panel: "Axes") -> None: ...

    def _mark(self, panel: "Axes") -> None:
        chosen, recommended = self.direction.selected.coefficient, self.direction.recommended
        if chosen in self.direction.coefficients:
            low, high = self._span(chosen)
            panel.axvspan(
                low,
                high,
                facecolor=YELLOW,
                edgecolor=BLACK,
                linestyle="--",
                linewidth=0.7,
                alpha=0.45,
                zorder=0,
                label="selected coefficient",
            )
            # Once more, over what covers it.
            panel.axvspan(low, high, fill=False, linestyle="--", linewidth=0.7, zorder=4)
        if recommended != chosen and recommended in self.direction.coefficients:
            low, high = self._span(recommended)
            panel.axvspan(
                low,
                high,
                fill=False,
                edgecolor=BLACK,
                linestyle=":",
                linewidth=0.9,
                zorder=4,
                label="recommended by the rule",
            )

    def _span(self, coefficient: float) -> tuple[float, float]:
        middle, half = self.position(coefficient), self.half_width(coefficient)
        return middle - half, middle + half


class SideBySide(CoefficientAxis):
    """A place of the same width for each coefficient."""

    def __init__(self, direction: Direction, width: float) -> None:
        super().__init__(direction, width)
        self._labels = [f"{value:g}" for value in direction.coefficients]
        widest = max(text_width(label, SMALL_SIZE) for label in self._labels)
        self._upright = widest + 3 > self.points_per_unit
        if self._upright:
            self.bottom = 23.0 + widest

    def position(self, coefficient: float) -> float:
        """The coefficient's number, from 0."""
        return float(self.direction.coefficients.index(coefficient))

    @property
    def limits(self) -> tuple[float, float]:
        """Half a place beyond the outermost, and more where they are few."""
        n_places = len(self.direction.coefficients)
        spare = max(0, _MIN_PLACES - n_places) / 2
        return -0.5 - spare, n_places - 0.5 + spare

    def half_width(self, coefficient: float) -> float:  # noqa: ARG002
        """The whole place."""
        return 0.5

    def _label(self, panel: "Axes") -> None:
        # Each second or third where not even upright labels fit.
        room = SMALL_SIZE + 1 if self._upright else 0
        step = max(1, math.ceil(room / self.points_per_unit))
        places = range(0, len(self._labels), step)
        panel.set_xticks(
            places,
            [self._labels[place] for place in places],
            rotation=90 if self._upright else 0,
        )
        panel.set_xlabel("coefficient")
