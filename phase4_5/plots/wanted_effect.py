"""The effect wanted at each coefficient, and the curve through all of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from phase4_5.analysis.dose_response import EFFECT_OF
from phase4_5.plots.axes import CoefficientAxis
from phase4_5.plots.direction import Direction
from phase4_5.plots.lines import Line, Point, draw_line
from phase4_5.plots.log_axis import LogAxis
from phase4_5.plots.pictures import Told, picture
from phase4_5.plots.style import BLACK, GREEN, GREY, SKY
from phase4_5.plots.told import rounded
from phase4_5.records import DosePoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OBSERVED = Line("effect wanted, observed", BLACK, "o", "none", zorder=2.5)
_LOWEST, _ROOM = 10.0, 1.08
"""The vertical axis reaches at least so far; and room above the highest end."""


def _tell(direction: Direction, coefficient: float) -> Told:
    found = direction.dose_response
    if found is None:
        return []
    told = [
        ("effect wanted", _words(point))
        for point in found.observed
        if point.coefficient == coefficient
    ]
    if found.curve:
        nearest = min(found.curve, key=lambda point: abs(point.coefficient - coefficient))
        told.append((f"curve at {nearest.coefficient:.3g}", _words(nearest)))
    if found.best is not None and found.interval is not None:
        low, high = found.interval
        told.append(("best strength by the curve", f"{found.best:g} [{low:g}–{high:g}]"))
    return told


def _words(point: DosePoint) -> str:
    return f"{rounded(point.effect, 1)} [{', '.join(rounded(end, 1) for end in point.interval)}]"


@picture(2, LogAxis, tell=_tell)
def draw_wanted_effect(panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """What was observed, the fitted curve with its band, and the range of the best strength."""
    panel.axhline(0, color=GREY, linewidth=0.8)
    panel.set_ylabel(EFFECT_OF[direction.steering_type])
    found = direction.dose_response
    if found is None:
        panel.set_ylim(-_LOWEST, 100)
        return
    points = [Point(each.coefficient, each.effect, each.interval) for each in found.observed]
    if points:
        draw_line(panel, axis, _OBSERVED, points)
    if found.curve:
        _draw_curve(panel, axis, found.curve)
    if found.best is not None and found.interval is not None:
        left, right = (axis.position(end) for end in found.interval)
        panel.axvspan(
            left,
            right,
            color=GREEN,
            alpha=0.18,
            linewidth=0,
            zorder=0.5,
            label="best strength: 95 % interval",
        )
        panel.axvline(axis.position(found.best), color=GREEN, linewidth=1.2, linestyle="-.")
    ends = [end for point in found.observed for end in point.interval]
    panel.set_ylim(min([-_LOWEST, *ends]) * _ROOM, max([_LOWEST, *ends]) * _ROOM)


def _draw_curve(panel: "Axes", axis: CoefficientAxis, curve: Sequence[DosePoint]) -> None:
    places = [axis.position(point.coefficient) for point in curve]
    low, high = ([point.interval[end] for point in curve] for end in (0, 1))
    panel.fill_between(places, low, high, color=SKY, alpha=0.3, linewidth=0, zorder=1)
    panel.plot(
        places, [point.effect for point in curve], color=SKY, label="fitted curve, 95 % band"
    )
