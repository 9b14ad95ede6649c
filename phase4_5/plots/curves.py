"""The metrics that have a curve, in the picture that each names."""

from typing import TYPE_CHECKING

from phase4_5.analysis.metrics import METRICS, Metric
from phase4_5.plots.axes import CoefficientAxis
from phase4_5.plots.direction import Direction
from phase4_5.plots.lines import Line, Point, draw_line
from phase4_5.plots.pictures import Told
from phase4_5.plots.style import COLOURS
from phase4_5.plots.told import value

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_curves(picture: str, panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """Draw the curves of a picture; rates in percent as fractions."""
    lines = _lines(picture)
    for place, (metric, line) in enumerate(lines):
        points = [
            Point(
                each.coefficient,
                None if (number := metric.of(each)) is None else metric.as_fraction(number),
            )
            for each in direction.results
        ]
        draw_line(panel, axis, line, points, place=place, places=len(lines))


def tell_curves(picture: str, direction: Direction, coefficient: float) -> Told:
    """The numbers behind the curves of a picture."""
    result = direction.result(coefficient)
    return [(metric.label, value(metric, result)) for metric, _ in _lines(picture)]


def _lines(picture: str) -> list[tuple[Metric, Line]]:
    return [
        (metric, Line(curve.label, COLOURS[curve.colour], curve.marker, curve.style))
        for metric in METRICS
        if (curve := metric.curve) is not None and curve.picture == picture
    ]
