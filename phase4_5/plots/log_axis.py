"""The coefficients to scale, on a logarithmic axis with a place for 0."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from phase4_5.plots.axes import CoefficientAxis
from phase4_5.plots.direction import Direction
from phase4_5.plots.style import BLACK, SMALL_SIZE, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Label = tuple[float, str]
"""A position and the text to stand there."""


class LogAxis(CoefficientAxis):
    """A logarithmic axis; 0 stands left of the smallest one behind a break, negative ones
    left of it, mirrored."""

    def __init__(self, direction: Direction, width: float) -> None:
        super().__init__(direction, width)
        sizes = [abs(value) for value in direction.coefficients if value != 0]
        self._smallest = min(sizes, default=1.0)
        decades = math.log10(max(sizes, default=1.0) / self._smallest)
        n_sides = len({value > 0 for value in direction.coefficients if value != 0})
        self._gap = 0.14 * decades * n_sides or 0.5
        if any(result.relative_strength is not None for result in direction.results):
            self.top = 25.5

    def position(self, coefficient: float) -> float:
        """Decades from 0's place."""
        if coefficient == 0:
            return 0.0
        decades = math.log10(abs(coefficient) / self._smallest)
        return math.copysign(self._gap + decades, coefficient)

    @property
    def limits(self) -> tuple[float, float]:
        """The outermost coefficients, and some room."""
        positions = self._positions
        room = 0.07 * (positions[-1] - positions[0]) or 0.5
        return positions[0] - room, positions[-1] + room

    @property
    def _positions(self) -> list[float]:
        return [self.position(value) for value in self.direction.coefficients]

    def half_width(self, coefficient: float) -> float:
        """A fixed width on paper, less where its neighbours are near."""
        place = self.position(coefficient)
        gaps = [abs(place - other) for other in self._positions if other != place]
        least, most = 2.5 / self.points_per_unit, 8.0 / self.points_per_unit
        return max(least, min([most, *(0.45 * gap for gap in gaps)]))

    def is_broken_between(self, lower: float, upper: float) -> bool:
        """Whether 0 or the place for it lies between."""
        return lower <= 0 < upper or lower < 0 <= upper

    def _label(self, panel: "Axes") -> None:
        panel.set_xlabel("coefficient (log scale)")
        labels = dict(self._fitting(self._by_importance()))
        panel.set_xticks(self._positions, [labels.get(place, "") for place in self._positions])
        left, right = self.limits
        _draw_small_ticks(panel, [place for place in self._multiples() if left < place < right])
        strengths = self._fitting(self._strengths())
        if strengths:
            top = panel.secondary_xaxis("top")
            top.set_xticks([place for place, _ in strengths], [text for _, text in strengths])
            top.set_xlabel("added norm (% of the residual stream's)", labelpad=3.5)
        # The upper edge only where the title isn't near.
        edges = (0.0, 1.0) if strengths else (0.0,)
        for place in self._breaks():
            _draw_break(panel, place, edges)

    def _by_importance(self) -> list[Label]:
        """All coefficients, those first that need a label most."""
        coefficients = self.direction.coefficients
        first = (
            self.direction.selected.coefficient,
            self.direction.recommended,
            coefficients[0],
            coefficients[-1],
        )
        ordered = sorted(
            self.direction.results,
            key=lambda result: (
                first.index(result.coefficient)
                if result.coefficient in first
                else len(first) + result.refined
            ),
        )
        return [
            (self.position(result.coefficient), f"{result.coefficient:g}") for result in ordered
        ]

    def _strengths(self) -> list[Label]:
        strengths = {
            self.position(result.coefficient): result.relative_strength
            for result in self.direction.results
        }
        return [
            (place, percent_of(strength))
            for place, _ in self._by_importance()
            if (strength := strengths[place]) is not None
        ]

    def _fitting(self, labels: Sequence[Label]) -> list[Label]:
        """As many of the labels as fit side by side; the earlier ones win."""
        taken: list[tuple[float, float]] = []
        kept = []
        for place, text in labels:
            half = (text_width(text, SMALL_SIZE) / 2 + 2) / self.points_per_unit
            if all(place + half <= left or right <= place - half for left, right in taken):
                taken.append((place - half, place + half))
                kept.append((place, text))
        return kept

    def _multiples(self) -> list[float]:
        """Where 1, 2, ... 9 times the powers of ten stand, as far as the coefficients reach."""
        signs = {math.copysign(1, value) for value in self.direction.coefficients if value != 0}
        largest = max(map(abs, self.direction.coefficients))
        exponents = range(
            math.floor(math.log10(self._smallest)), math.ceil(math.log10(largest or 1.0)) + 1
        )
        return [
            self.position(sign * digit * 10.0**exponent)
            for sign in sorted(signs)
            for exponent in exponents
            for digit in range(1, 10)
            if self._smallest <= digit * 10.0**exponent <= largest
        ]

    def _breaks(self) -> list[float]:
        """Where the scale is interrupted, between neighbours on both sides of 0's place."""
        return [
            (self.position(lower) + self.position(upper)) / 2
            for lower, upper in pairwise(self.direction.coefficients)
            if self.is_broken_between(lower, upper)
        ]


def percent_of(fraction: float) -> str:
    """A fraction in percent, to two significant digits, without its unit."""
    percent = fraction * 100
    if percent == 0:
        return "0"
    if abs(percent) < 0.001:
        return f"{percent:.1g}"
    text = f"{percent:.{max(0, 1 - math.floor(math.log10(abs(percent))))}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _draw_small_ticks(panel: "Axes", places: Sequence[float]) -> None:
    """Below the lower edge. One object: matplotlib has several for each tick, which takes long."""
    panel.plot(
        places,
        [0.0] * len(places),
        transform=panel.get_xaxis_transform(),
        marker=[(0.0, 0.0), (0.0, -1.0)],
        markersize=3.0,
        markeredgewidth=0.4,
        color=BLACK,
        linestyle="none",
        clip_on=False,
    )


def _draw_break(panel: "Axes", place: float, edges: Sequence[float]) -> None:
    """Two strokes through the lower edge (0) and the upper one (1), and nothing between them."""
    stroke = [(-0.5, -1.0), (0.5, 1.0)]
    apart = panel.get_xlim()[1] - panel.get_xlim()[0]
    for shift, size, colour, width in (
        (0.0, 5.0, "white", 3.0),
        (-0.006, 7.0, BLACK, 0.6),
        (0.006, 7.0, BLACK, 0.6),
    ):
        panel.plot(
            [place + shift * apart] * len(edges),
            edges,
            transform=panel.get_xaxis_transform(),
            marker=stroke,
            markersize=size,
            markeredgecolor=colour,
            markeredgewidth=width,
            linestyle="none",
            clip_on=False,
            zorder=5,
        )
