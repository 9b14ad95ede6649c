"""How much of the baseline's programs, and of programs at all, is left."""

from typing import TYPE_CHECKING

from phase4_5.analysis.metrics import METRIC
from phase4_5.plots.axes import CoefficientAxis
from phase4_5.plots.curves import draw_curves, tell_curves
from phase4_5.plots.direction import Direction
from phase4_5.plots.log_axis import LogAxis
from phase4_5.plots.pictures import Told, picture
from phase4_5.plots.style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _tell(direction: Direction, coefficient: float) -> Told:
    return tell_curves("quality", direction, coefficient)


@picture(3, LogAxis, tell=_tell)
def draw_quality(panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """Similarity to the baseline's programs, valid syntax, intact signatures."""
    floor = METRIC["mean_token_similarity"].bound
    assert floor is not None
    panel.axhline(floor, color=GREY, linewidth=0.8, label=f"{floor:g}: lowest token similarity")
    draw_curves("quality", panel, direction, axis)
    panel.set_ylabel("similarity or share (0 to 1)")
    panel.set_ylim(-0.04, 1.04)
