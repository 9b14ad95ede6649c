"""Lines of points with intervals, and the scale that rates share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phase4_5.plots.axes import CoefficientAxis

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Line:
    """How a quantity is drawn, and what the legend calls it."""

    label: str
    colour: str
    marker: str
    style: str
    hollow: bool = False
    zorder: float = 2.0


@dataclass(frozen=True)
class Point:
    """A value at a coefficient, with its interval; no value leaves a gap."""

    coefficient: float
    value: float | None
    interval: Sequence[float] | None = None


def draw_line(
    panel: "Axes",
    axis: CoefficientAxis,
    line: Line,
    points: Sequence[Point],
    *,
    place: int = 0,
    places: int = 1,
) -> None:
    """Draw points with their intervals, joined where neighbours have values.

    Args:
        points: by coefficient, the smallest first.
        place: which of the `places` side by side at each coefficient the line takes, from 0:
            intervals and equal values stay visible.
    """
    positions, values, below, above = [], [], [], []
    for before, point in zip([None, *points], points, strict=False):
        if before is not None and axis.is_broken_between(before.coefficient, point.coefficient):
            positions.append(axis.position(point.coefficient))
            values.append(float("nan"))
            below.append(0.0)
            above.append(0.0)
        value = float("nan") if point.value is None else point.value
        low, high = point.interval or (value, value)
        shift = axis.shift(point.coefficient, place, places)
        positions.append(axis.position(point.coefficient) + shift)
        values.append(value)
        below.append(max(value - low, 0.0))
        above.append(max(high - value, 0.0))
    panel.errorbar(
        positions,
        values,
        [below, above] if any(point.interval for point in points) else None,
        color=line.colour,
        marker=line.marker,
        markerfacecolor="white" if line.hollow else line.colour,
        zorder=line.zorder,
        linestyle=line.style,
        elinewidth=0.8,
        capsize=1.2,
        capthick=0.8,
        label=line.label,
    )


def percent_scale(panel: "Axes", label: str) -> None:
    """A vertical axis from 0 to 100 %, with room for the markers at its ends."""
    panel.set_ylabel(label)
    panel.set_ylim(-4, 104)
    panel.set_yticks(range(0, 101, 20))
