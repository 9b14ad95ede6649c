"""The register of pictures: what draws a panel, under which name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from phase4_5.plots.axes import CoefficientAxis
from phase4_5.plots.direction import Direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Draw = Callable[["Axes", Direction, CoefficientAxis], None]
Told = Sequence[tuple[str, str]]
"""What is told of a coefficient: names and values, in words."""
Tell = Callable[[Direction, float], Told]

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
    tell: Tell
    """The numbers behind what is drawn at a coefficient."""

    @property
    def title(self) -> str:
        """The name, as a heading."""
        return self.name.replace("_", " ").capitalize()


_PICTURES: list[Picture] = []


def picture(
    row: int,
    axis: type[CoefficientAxis],
    height: Callable[[Direction], float] = lambda _: PANEL_HEIGHT,
    tell: Tell = lambda _direction, _coefficient: (),
) -> Callable[[Draw], Draw]:
    """Make a picture of a function `draw_<name>(panel, direction, axis)`.

    Args:
        row: where it stands on the page of all pictures; then by name.
        axis: how the coefficients stand.
        height: of a panel, in points.
        tell: what the page tells where a coefficient is pointed at.
    """

    def register(draw: Draw) -> Draw:
        name = draw.__name__.removeprefix("draw_")
        _PICTURES.append(Picture(row, name, draw, axis, height, tell))
        return draw

    return register


def all_pictures() -> list[Picture]:
    """The pictures of all modules that are imported, in the order of the page."""
    return sorted(_PICTURES, key=lambda picture: (picture.row, picture.name))
