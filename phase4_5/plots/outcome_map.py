"""What became of each problem under each coefficient."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from phase4_5.plots.axes import CoefficientAxis, SideBySide
from phase4_5.plots.direction import Direction
from phase4_5.plots.pictures import picture
from phase4_5.plots.style import SMALL_SIZE, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Outcome:
    """How it is called and drawn that a verdict changed or stayed."""

    label: str
    colour: str
    """A shade of grey of its own, too."""
    sign: str
    """Of text."""
    marker: str = ""
    """Matplotlib's, if any is drawn."""


OUTCOMES = {
    (True, True): Outcome("stayed right", "#F0F0F0", "·"),
    (False, True): Outcome("corrected", "#003D80", "▲", "^"),
    (True, False): Outcome("corrupted", "#D55E00", "▼", "v"),
    (False, False): Outcome("stayed wrong", "#B5B5B5", "×"),
}
"""By whether the baseline passed, and whether the steered program passes."""

# In points.
_HIGHEST_ROW, _ROWS_TOGETHER = 9.0, 225.0
_HEADING = 11.0
_WIDEST_LABEL = 21.0
_LEGIBLE_ROW = SMALL_SIZE + 0.5
_THIN_ROW = 1.5
_ROOM_FOR_MARKERS = 6.0
_MARKER = 3.4


def _height(direction: Direction) -> float:
    groups = _groups(direction)
    return sum(map(len, groups.values())) * _row_height(direction) + len(groups) * _HEADING


def _row_height(direction: Direction) -> float:
    n_problems = max(1, sum(map(len, _groups(direction).values())))
    return min(_HIGHEST_ROW, _ROWS_TOGETHER / n_problems)


def _groups(direction: Direction) -> dict[bool, list[int]]:
    """The problems that passed at baseline, and those that failed, by `task_id`."""
    passed = {
        record.task_id: record.baseline_passed
        for records in direction.examples.values()
        for record in records
    }
    groups = {
        outcome: sorted(task for task in passed if passed[task] == outcome)
        for outcome in (True, False)
    }
    return {outcome: tasks for outcome, tasks in groups.items() if tasks}


@picture(5, SideBySide, _height)
def draw_outcomes(panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """Problems down, coefficients across; the vertical unit is a point on paper."""
    height = _row_height(direction)
    rows: dict[int, float] = {}
    top = 0.0
    for passed, tasks in _groups(direction).items():
        panel.axhspan(top, top + _HEADING, color="white", linewidth=0, zorder=0.5)
        panel.text(
            axis.position(direction.coefficients[0]) - 0.5,
            top + _HEADING - 2.5,
            f"{'passed' if passed else 'failed'} at baseline: {len(tasks)}",
            size=SMALL_SIZE,
            bbox={"color": "white", "pad": 0.5},
            zorder=5,
        )
        top += _HEADING
        rows |= {task: top + (place + 0.5) * height for place, task in enumerate(tasks)}
        top += height * len(tasks)
    for (before, after), outcome in OUTCOMES.items():
        cells = [
            (axis.position(coefficient), rows[record.task_id])
            for coefficient in direction.coefficients
            for record in direction.examples.get(coefficient, [])
            if (record.baseline_passed, record.steered_passed) == (before, after)
        ]
        if cells:
            _draw_cells(panel, outcome, cells, height, axis.points_per_unit)
    panel.set_ylim(max(top, 1.0), 0)
    legible = height >= _LEGIBLE_ROW and all(
        text_width(str(task), SMALL_SIZE) <= _WIDEST_LABEL for task in rows
    )
    panel.set_ylabel("task_id" if legible else "problems")
    panel.grid(False)
    panel.set_yticks(
        list(rows.values()) if legible else [],
        [str(task) for task in rows] if legible else [],
    )
    panel.tick_params(axis="y", length=0, pad=2)
    panel.yaxis.labelpad = 4
    # The labels stand at the left edge.
    panel.spines["left"].set_position(("data", axis.position(direction.coefficients[0]) - 0.5))
    panel.spines[:].set_visible(False)


def _draw_cells(
    panel: "Axes",
    outcome: Outcome,
    cells: Sequence[tuple[float, float]],
    height: float,
    width_in_points: float,
) -> None:
    from matplotlib.artist import Artist
    from matplotlib.collections import PolyCollection
    from matplotlib.container import Container
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    corners = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    panel.add_collection(
        PolyCollection(
            [[(x + dx, y + dy * height) for dx, dy in corners] for x, y in cells],
            facecolor=outcome.colour,
            edgecolor="white" if height > _THIN_ROW else outcome.colour,
            linewidth=min(0.6, height / 8),
        ),
        autolim=False,
    )
    marks: dict[str, Any] = {
        "marker": outcome.marker,
        "markersize": _MARKER,
        "color": "white",
        "linestyle": "none",
    }
    if outcome.marker and min(height, width_in_points) >= _ROOM_FOR_MARKERS:
        panel.plot([x for x, _ in cells], [y for _, y in cells], **marks)
    # For the legend: the colour with the marker on it.
    sample: list[Artist] = [Patch(facecolor=outcome.colour, edgecolor="#888888", linewidth=0.4)]
    panel.add_container(Container([*sample, Line2D([], [], **marks)], label=outcome.label))
