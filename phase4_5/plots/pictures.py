"""The register of pictures: what draws a panel, under which name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phase4_5.plots.axes import CoefficientAxis
from phase4_5.plots.direction import Direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Draw = Callable[["Axes", Direction, CoefficientAxis], None]

PANEL_HEIGHT = 118.0
"""In points."""


@dataclass(frozen=True)
class Picture:
    """A picture has a panel for each direction."""

    row: int
    """Where it stands on the page of all pictures."""
    name: str
    """Of its files."""
    draw: Draw
    """Draws a panel, but not its coefficients; artists with labels go into the legend."""
    axis: type[CoefficientAxis]
    height: Callable[[Direction], float]
    """Of a panel, in points."""


_PICTURES: list[Picture] = []


def picture(
    row: int,
    axis: type[CoefficientAxis],
    height: Callable[[Direction], float] = lambda _: PANEL_HEIGHT,
) -> Callable[[Draw], Draw]:
    """Make a picture of a function `draw_<name>(panel, direction, axis)`.

    Args:
        row: where it stands on the page of all pictures; then by name.
        axis: how the coefficients stand.
        height: of a panel, in points.
    """

    def register(draw: Draw) -> Draw:
        _PICTURES.append(Picture(row, draw.__name__.removeprefix("draw_"), draw, axis, height))
        return draw

    return register


def all_pictures() -> list[Picture]:
    """The pictures of all modules that are imported, in the order of the page."""
    return sorted(_PICTURES, key=lambda picture: (picture.row, picture.name))
