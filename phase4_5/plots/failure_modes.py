"""In which ways the steered programs fail."""

from typing import TYPE_CHECKING

from phase4_5.analysis.failure_modes import PASSED, Bar, bar_of, bars, label_of
from phase4_5.plots.axes import CoefficientAxis, SideBySide
from phase4_5.plots.direction import Direction
from phase4_5.plots.pictures import Told, picture
from phase4_5.plots.style import BLACK, COLOURS
from phase4_5.records import CoefficientSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_TOLD = 8


def _tell(direction: Direction, coefficient: float) -> Told:
    result = direction.result(coefficient)
    modes = list(result.failure_modes.items())[:_MAX_TOLD]
    return [
        (PASSED.label, str(_counts_of_bars(result)[PASSED])),
        *((label_of(mode), str(count)) for mode, count in modes),
    ]


@picture(4, SideBySide, tell=_tell)
def draw_failure_modes(panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """A bar for each coefficient: how many programs passed, or failed in each way."""
    counts = [_counts_of_bars(result) for result in direction.results]
    positions = [axis.position(coefficient) for coefficient in direction.coefficients]
    bottoms = [0] * len(counts)
    for bar in bars():
        heights = [count.get(bar, 0) for count in counts]
        if not any(heights):
            continue
        panel.bar(
            positions,
            heights,
            bottom=bottoms,
            color=COLOURS[bar.colour],
            hatch=bar.hatch,
            edgecolor=BLACK,
            linewidth=0.5,
            width=0.7,
            label=bar.label,
        )
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    panel.set_ylabel("programs")
    panel.set_ylim(0, 1.04 * max(result.n_problems for result in direction.results))
    panel.yaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]


def _counts_of_bars(result: CoefficientSummary) -> dict[Bar, int]:
    """How many programs passed, or failed in each way that has a bar of its own."""
    counts = {PASSED: result.n_problems - sum(result.failure_modes.values())}
    for mode, count in result.failure_modes.items():
        bar = bar_of(mode)
        counts[bar] = counts.get(bar, 0) + count
    return counts
