"""The panels of the pictures for the page, and where in them each coefficient stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from phase4_5.plots.direction import Direction
from phase4_5.plots.inline_svg import inline_svg
from phase4_5.plots.page import draw_page
from phase4_5.plots.pictures import Picture, Told
from phase4_5.plots.style import drawing_settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 340.0
"""Of a panel with all around it, in points: at the page's full width its smallest text is as
large as the page's own."""

_BELOW = 12.0
"""How far strips reach below a panel, over the labels, in points."""


@dataclass(frozen=True)
class Strip:
    """The part of a panel that belongs to a coefficient, from left to right in points."""

    coefficient: float
    left: float
    right: float
    told: Told
    """Names and values, in words."""


@dataclass(frozen=True)
class ScreenPanel:
    """A picture of one direction; sizes are in points, from the left and the upper edge."""

    name: str
    title: str
    svg: Element
    top: float
    bottom: float
    """Of the strips."""
    strips: Sequence[Strip]
    """One a coefficient, the smallest first."""


_kept: dict[tuple[str, str], ScreenPanel] = {}
_MOST_KEPT = 32


def screen_panel(picture: Picture, direction: Direction) -> ScreenPanel:
    """Draw the panel of a direction.

    The latest ones are kept: a page that is served is asked for again and again.
    """
    key = picture.name, direction.fingerprint
    with drawing_settings(svg__fonttype="none"):
        if key not in _kept:
            while len(_kept) >= _MOST_KEPT:
                del _kept[next(iter(_kept))]
            _kept[key] = _draw(picture, direction)
        return _kept[key]


def _draw(picture: Picture, direction: Direction) -> ScreenPanel:
    figure = draw_page([picture], [direction], WIDTH, 1)
    panel = figure.axes[0]
    box = panel.get_position()
    height = float(72 * figure.get_size_inches()[1])
    return ScreenPanel(
        picture.name,
        picture.title,
        inline_svg(figure, f"{direction.steering_type}-{picture.name}"),
        height * (1 - box.y1),
        height * (1 - box.y0) + _BELOW,
        _strips(picture, direction, panel),
    )


def _strips(picture: Picture, direction: Direction, panel: "Axes") -> list[Strip]:
    """From edge to edge, each as far as the middle between a coefficient and its neighbours."""
    box = panel.get_position()
    left, right = float(WIDTH * box.x0), float(WIDTH * box.x1)
    axis = picture.axis(direction, right - left)
    places = [
        left + (axis.position(value) - axis.limits[0]) * axis.points_per_unit
        for value in direction.coefficients
    ]
    edges = [left, *((before + after) / 2 for before, after in pairwise(places)), right]
    return [
        Strip(value, start, end, picture.tell(direction, value))
        for value, (start, end) in zip(direction.coefficients, pairwise(edges), strict=True)
    ]
