"""Pictures below each other on a page, and the files of it. Sizes are in points on paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.files import write_atomically
from phase4_5.plots.axes import CoefficientAxis
from phase4_5.plots.direction import Direction
from phase4_5.plots.pictures import Picture
from phase4_5.plots.style import SMALL_SIZE, TEXT_SIZE, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN, WHOLE_WIDTH = 243.0, 504.0
"""Of a paper with two columns."""

_LEFT, _RIGHT, _TITLE = 36.0, 8.0, 16.0
"""Room beside and above a panel."""
_LEGEND_LINE, _BETWEEN = 10.0, 8.0
_HANDLE = 2.6 * SMALL_SIZE
"""The sample of a legend's entry."""
_COLUMN_GAP = 2 * SMALL_SIZE

# Whatever would tell when and by what a file was made.
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


@dataclass(frozen=True)
class _Box:
    """Of a panel, from the left and the upper edge of the page."""

    left: float
    top: float
    width: float
    height: float


def draw_page(
    pictures: Sequence[Picture], directions: Sequence[Direction], width: float, columns: int
) -> "Figure":
    """Draw pictures below each other, the directions of each in so many columns."""
    # Only here: importing matplotlib takes time.
    from matplotlib.figure import Figure

    figure = Figure(dpi=200)
    placed: list[tuple[Axes, _Box]] = []
    legends: list[tuple[Any, float]] = []
    top = 0.0
    for picture in pictures:
        boxes, bottom, axes = _boxes(picture, directions, width, columns, top)
        entries: dict[str, Any] = {}
        marks: dict[str, Any] = {}
        for number, (direction, axis) in enumerate(zip(directions, axes, strict=True)):
            panel = figure.add_axes((0, 0, 1, 1), label=f"{picture.name} {number}")
            picture.draw(panel, direction, axis)
            # Something may be in one panel only.
            entries |= _legend_entries(panel)
            axis.draw(panel)
            marks |= _legend_entries(panel)
            _draw_title(panel, direction, axis.top)
            placed.append((panel, boxes[number]))
        legend, height = _draw_legend(figure, entries | marks, width)
        legends.append((legend, bottom))
        top = bottom + height + _BETWEEN
    # Now that the height is known.
    figure.set_size_inches(width / 72, top / 72)
    for panel, box in placed:
        lower = 1 - (box.top + box.height) / top
        panel.set_position((box.left / width, lower, box.width / width, box.height / top))
    for legend, upper in legends:
        legend.set_bbox_to_anchor((0.5, 1 - upper / top), transform=figure.transFigure)
    return figure


def _boxes(
    picture: Picture, directions: Sequence[Direction], width: float, columns: int, top: float
) -> tuple[list[_Box], float, list[CoefficientAxis]]:
    """Where the panels of a picture stand, where all of it ends, and the panels' axes."""
    panel_width = width / columns - _LEFT - _RIGHT
    axes = [picture.axis(direction, panel_width) for direction in directions]
    above = _TITLE + max(axis.top for axis in axes)
    height = max(picture.height(direction) for direction in directions)
    row_height = above + height + max(axis.bottom for axis in axes)
    boxes = []
    for number in range(len(directions)):
        row, column = divmod(number, columns)
        left = column * width / columns + _LEFT
        boxes.append(_Box(left, top + row * row_height + above, panel_width, height))
    return boxes, top + math.ceil(len(directions) / columns) * row_height, axes


def _legend_entries(panel: "Axes") -> dict[str, Any]:
    handles, labels = panel.get_legend_handles_labels()
    return dict(zip(labels, handles, strict=True))


def _draw_title(panel: "Axes", direction: Direction, room: float) -> None:
    """Above the panel, over what else stands there."""
    name = f"{direction.steering_type}-steering"
    place: dict[str, Any] = {"y": 1.0, "pad": room + 4}
    panel.set_title(name, loc="left", weight="bold", **place)
    panel.set_title(direction.choice, loc="right", size=TEXT_SIZE, **place)


def _draw_legend(figure: "Figure", entries: dict[str, Any], width: float) -> tuple[Any, float]:
    """A legend in as many columns as fit, to be placed, and its height."""
    widths = [text_width(label, SMALL_SIZE) + _HANDLE + _COLUMN_GAP for label in entries]
    columns = next(
        (number for number in range(len(widths), 1, -1) if _needed(widths, number) <= width), 1
    )
    legend = figure.legend(
        list(entries.values()),
        list(entries),
        loc="upper center",
        ncols=columns,
        frameon=False,
        borderaxespad=0,
        borderpad=0,
        labelspacing=(_LEGEND_LINE - SMALL_SIZE) / SMALL_SIZE,
        handlelength=2.0,
        handletextpad=0.6,
        columnspacing=_COLUMN_GAP / SMALL_SIZE,
    )
    return legend, math.ceil(len(entries) / columns) * _LEGEND_LINE


def _needed(widths: Sequence[float], columns: int) -> float:
    """The width of entries in so many columns, filled one after the other."""
    rows, longer = divmod(len(widths), columns)
    total, start = 0.0, 0
    for column in range(columns):
        end = start + rows + (column < longer)
        total += max(widths[start:end])
        start = end
    return total


def save_page(figure: "Figure", path: Path) -> None:
    """Write a page in the format that the file's name tells, whole or not at all.

    Raises:
        InputError: the file can't be written.
    """
    kind = path.suffix.removeprefix(".")
    write_atomically(
        path,
        lambda temporary: figure.savefig(temporary, format=kind, metadata=_METADATA[kind]),
    )
