"""In which ways the steered programs fail."""

from typing import TYPE_CHECKING

from phase4_5.plots.axes import CoefficientAxis, SideBySide
from phase4_5.plots.direction import Direction, Summary
from phase4_5.plots.pictures import picture
from phase4_5.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, RED, SKY, YELLOW

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STOPPED = ("timeout", "memory", "exited")
# label, colour, hatch; from the bottom of a bar to its top
_MODES = {
    "passed": ("passed", GREEN, ""),
    "wrong_answer": ("wrong answer", SKY, ""),
    "exception": ("exception", ORANGE, "////"),
    "changed_signature": ("changed signature", YELLOW, "...."),
    "missing_function": ("missing function", PINK, "\\\\\\\\"),
    "parse_error": ("parse error", RED, "||||"),
    "degenerate_repetition": ("degenerate repetition", BLUE, "xxxx"),
    "stopped": ("timeout, memory, exit", GREY, "----"),
    "non_finite": ("numbers overflowed", BLACK, ""),
    "empty": ("empty", "white", "oo"),
    "other": ("other", "white", ""),
}


@picture(4, SideBySide)
def draw_failure_modes(panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """A bar for each coefficient: how many programs passed, or failed in each way."""
    counts = [_grouped_modes(result) for result in direction.results]
    positions = [axis.position(coefficient) for coefficient in direction.coefficients]
    bottoms = [0] * len(counts)
    for mode, (label, colour, hatch) in _MODES.items():
        heights = [count.get(mode, 0) for count in counts]
        if not any(heights):
            continue
        panel.bar(
            positions,
            heights,
            bottom=bottoms,
            color=colour,
            hatch=hatch,
            edgecolor=BLACK,
            linewidth=0.5,
            width=0.7,
            label=label,
        )
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    panel.set_ylabel("programs")
    panel.set_ylim(0, 1.04 * max(result["n_problems"] for result in direction.results))
    panel.yaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]


def _grouped_modes(result: Summary) -> dict[str, int]:
    """How many programs passed, or failed in each way that has a colour of its own."""
    counts = {"passed": result["n_problems"] - sum(result["failure_modes"].values())}
    for mode, count in result["failure_modes"].items():
        group = "stopped" if mode in STOPPED else mode.partition(":")[0]
        group = group if group in _MODES else "other"
        counts[group] = counts.get(group, 0) + count
    return counts
