"""How much of the baseline's programs, and of programs at all, is left."""

from typing import TYPE_CHECKING

from phase4_5.analysis.metrics import METRIC, METRICS, Metric
from phase4_5.plots.axes import CoefficientAxis
from phase4_5.plots.direction import Direction
from phase4_5.plots.lines import Line, Point, draw_line
from phase4_5.plots.log_axis import LogAxis
from phase4_5.plots.pictures import Told, picture
from phase4_5.plots.style import COLOURS, GREY
from phase4_5.plots.told import value

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _lines() -> list[tuple[Metric, Line]]:
    """The metrics that have a curve here."""
    return [
        (metric, Line(curve.label, COLOURS[curve.colour], curve.marker, curve.style))
        for metric in METRICS
        if (curve := metric.curve) is not None
    ]


def _tell(direction: Direction, coefficient: float) -> Told:
    result = direction.result(coefficient)
    return [(metric.label, value(metric, result)) for metric, _ in _lines()]


@picture(3, LogAxis, tell=_tell)
def draw_quality(panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """Similarity to the baseline's programs, valid syntax, intact signatures."""
    floor = METRIC["mean_token_similarity"].bound
    assert floor is not None
    panel.axhline(floor, color=GREY, linewidth=0.8, label=f"{floor:g}: lowest token similarity")
    lines = _lines()
    for place, (metric, line) in enumerate(lines):
        points = [
            Point(
                each.coefficient,
                None if (number := metric.of(each)) is None else metric.as_fraction(number),
            )
            for each in direction.results
        ]
        draw_line(panel, axis, line, points, place=place, places=len(lines))
    panel.set_ylabel("similarity or share (0 to 1)")
    panel.set_ylim(-0.04, 1.04)
