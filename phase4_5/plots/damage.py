"""How far steering moves the model: what it writes, and its predictions."""

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
    return tell_curves("damage", direction, coefficient)


@picture(4, LogAxis, tell=_tell)
def draw_damage(panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """Log-probability under the unsteered model, KL divergence from it."""
    bound = METRIC["mean_kl_divergence"].bound_of(direction.results[0])
    if bound is not None:
        panel.axhline(bound, color=GREY, linewidth=0.8, label=f"{bound:g}: highest KL divergence")
    draw_curves("damage", panel, direction, axis)
    panel.set_ylabel("nats a token")
