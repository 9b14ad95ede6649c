"""In which ways the steered programs fail."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from phase4_5.analysis.failure_modes import STOPPED
from phase4_5.plots.axes import CoefficientAxis, SideBySide
from phase4_5.plots.direction import Direction, Summary
from phase4_5.plots.pictures import Told, picture
from phase4_5.plots.style import BLACK, COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class FailureMode:
    """How a failure mode, or a group of them, is called and drawn."""

    name: str
    label: str
    colour: str
    """A name in `style.COLOURS`."""
    hatch: str = ""


FAILURE_MODES = (
    FailureMode("passed", "passed", "green"),
    FailureMode("wrong_answer", "wrong answer", "sky"),
    FailureMode("exception", "exception", "orange", "////"),
    FailureMode("changed_signature", "changed signature", "yellow", "...."),
    FailureMode("missing_function", "missing function", "pink", "\\\\\\\\"),
    FailureMode("parse_error", "parse error", "red", "||||"),
    FailureMode("degenerate_repetition", "degenerate repetition", "blue", "xxxx"),
    FailureMode("stopped", "timeout, memory, exit", "grey", "----"),
    FailureMode("non_finite", "numbers overflowed", "black"),
    FailureMode("empty", "empty", "white", "oo"),
    FailureMode("other", "other", "white"),
)
"""From the bottom of a bar to its top."""

_LABELS = {mode.name: mode.label for mode in FAILURE_MODES}
_MOST_TOLD = 8


def label_of(mode: str | None) -> str:
    """A failure mode, or None for a program that passed, in words; an exception by its type."""
    name = "passed" if mode is None else mode
    return _LABELS.get(name, name.removeprefix("exception:").replace("_", " "))


def _tell(direction: Direction, coefficient: float) -> Told:
    result = direction.result(coefficient)
    modes = list(result["failure_modes"].items())[:_MOST_TOLD]
    return [
        (label_of(None), str(_grouped_modes(result)["passed"])),
        *((label_of(mode), str(count)) for mode, count in modes),
    ]


@picture(4, SideBySide, tell=_tell)
def draw_failure_modes(panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """A bar for each coefficient: how many programs passed, or failed in each way."""
    counts = [_grouped_modes(result) for result in direction.results]
    positions = [axis.position(coefficient) for coefficient in direction.coefficients]
    bottoms = [0] * len(counts)
    for mode in FAILURE_MODES:
        heights = [count.get(mode.name, 0) for count in counts]
        if not any(heights):
            continue
        panel.bar(
            positions,
            heights,
            bottom=bottoms,
            color=COLOURS[mode.colour],
            hatch=mode.hatch,
            edgecolor=BLACK,
            linewidth=0.5,
            width=0.7,
            label=mode.label,
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
        group = group if group in _LABELS else "other"
        counts[group] = counts.get(group, 0) + count
    return counts
