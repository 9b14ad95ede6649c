"""The pictures of the coefficient search."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.files import write_atomically
from phase2_5_simplified.features import SteeringType
from phase4_5.selecting import FLIP_RATE_BAND, MIN_TOKEN_SIMILARITY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Summary = dict[str, Any]

# Colours of Okabe and Ito (2008), told apart with any colour vision; markers, line styles and
# hatches tell the same without colour.
_BLACK, _ORANGE, _SKY, _GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
_YELLOW, _BLUE, _RED, _PINK = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
_GREY = "#999999"

# key of the summary, label, colour, marker, line style
_RATES = (
    ("flip_rate", "flip rate", _BLACK, "o", "-"),
    ("correction_rate", "correction rate (of baseline failures)", _BLUE, "^", "--"),
    ("corruption_rate", "corruption rate (of baseline passes)", _RED, "v", ":"),
)
_QUALITY = (
    ("mean_token_similarity", "token similarity", _BLACK, "o", "-"),
    ("mean_char_similarity", "character similarity", _SKY, "s", "--"),
    ("valid_syntax_rate", "share with valid syntax", _GREEN, "D", "-."),
    ("signature_intact_rate", "share with intact signature", _ORANGE, "P", ":"),
)
# label, colour, hatch; from the bottom of a bar to its top
_MODES = {
    "passed": ("passed", _GREEN, ""),
    "wrong_answer": ("wrong answer", _SKY, ""),
    "exception": ("exception", _ORANGE, "//"),
    "changed_signature": ("changed signature", _YELLOW, ".."),
    "missing_function": ("missing function", _PINK, "\\\\"),
    "parse_error": ("parse error", _RED, ""),
    "degenerate_repetition": ("degenerate repetition", _BLUE, "xx"),
    "stopped": ("timeout, memory, exit", _GREY, "--"),
    "empty": ("empty", "#FFFFFF", "oo"),
}
_STOPPED = ("timeout", "memory", "exited")


def plot_coefficient_analysis(
    summaries: Mapping[SteeringType, Sequence[Summary]],
    path: Path,
    selected: Mapping[SteeringType, float | None],
) -> None:
    """Draw effect, quality and failure modes against the coefficient, a column a direction.

    Coefficients stand side by side at equal distances, which is a logarithmic axis for a
    logarithmic grid and has room for 0.

    Args:
        summaries: for each direction one summary a coefficient.
        path: of the PNG, 1400 pixels wide.
        selected: the coefficient to mark in each direction, if any.

    Raises:
        InputError: the file can't be written.
    """
    # Only here: importing matplotlib takes time, and no window or global state is wanted.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 15.5), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    rows = figure.subfigures(len(_ROWS), 1, squeeze=False)[:, 0]
    for row, (draw, legend_columns) in zip(rows, _ROWS, strict=True):
        entries: dict[str, Any] = {}
        for number, (steering_type, listed) in enumerate(summaries.items(), start=1):
            panel = row.add_subplot(1, len(summaries), number)
            ordered = sorted(listed, key=lambda summary: summary["coefficient"])
            _mark(panel, ordered, selected.get(steering_type))
            draw(panel, ordered)
            _label_coefficients(panel, ordered)
            panel.set_title(f"{steering_type}-steering", fontsize=15, fontweight="bold")
            # The mark may be in one panel only.
            handles, labels = panel.get_legend_handles_labels()
            entries |= dict(zip(labels, handles, strict=True))
        # One legend a row, under its panels: nothing is covered.
        row.legend(
            list(entries.values()),
            list(entries),
            loc="outside lower center",
            ncols=legend_columns,
            fontsize=12,
            frameon=False,
        )
    write_atomically(
        path,
        lambda temporary: canvas.print_png(temporary, metadata={"Software": None}),
    )


def _draw_rates(panel: "Axes", summaries: Sequence[Summary]) -> None:
    low, high = FLIP_RATE_BAND
    panel.axhspan(low, high, color=_GREY, alpha=0.2, label=f"{low:g}–{high:g} %: wanted flip rate")
    _draw_lines(panel, summaries, _RATES, 1.0)
    panel.set_ylabel("problems (%)", fontsize=13)
    panel.set_ylim(-4, 104)


def _draw_quality(panel: "Axes", summaries: Sequence[Summary]) -> None:
    panel.axhline(
        MIN_TOKEN_SIMILARITY,
        color=_GREY,
        linewidth=1,
        label=f"{MIN_TOKEN_SIMILARITY:g}: lowest token similarity",
    )
    _draw_lines(panel, summaries, _QUALITY[:2], 1.0)
    _draw_lines(panel, summaries, _QUALITY[2:], 0.01, first=2)
    panel.set_ylabel("similarity or share (0 to 1)", fontsize=13)
    panel.set_ylim(-0.04, 1.04)


def _draw_lines(
    panel: "Axes",
    summaries: Sequence[Summary],
    lines: Sequence[tuple[str, str, str, str, str]],
    scale: float,
    first: int = 0,
) -> None:
    for number, (key, label, colour, marker, style) in enumerate(lines):
        # A rate that doesn't exist leaves a gap.
        values = [
            float("nan") if summary[key] is None else summary[key] * scale for summary in summaries
        ]
        # A little apart, so that equal values stay visible.
        offset = (first + number - 1) * 0.08
        panel.plot(
            [position + offset for position in range(len(values))],
            values,
            color=colour,
            marker=marker,
            linestyle=style,
            markersize=8,
            linewidth=2,
            label=label,
        )


def _draw_modes(panel: "Axes", summaries: Sequence[Summary]) -> None:
    counts = [_grouped_modes(summary) for summary in summaries]
    bottoms = [0] * len(counts)
    for mode, (label, colour, hatch) in _MODES.items():
        heights = [count.get(mode, 0) for count in counts]
        panel.bar(
            range(len(counts)),
            heights,
            bottom=bottoms,
            color=colour,
            hatch=hatch,
            edgecolor=_BLACK,
            linewidth=0.8,
            width=0.7,
            label=label,
        )
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    panel.set_ylabel("programs", fontsize=13)
    panel.set_ylim(0, 1.04 * max(summary["n_problems"] for summary in summaries))
    panel.yaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]


def _grouped_modes(summary: Summary) -> dict[str, int]:
    """How many programs passed, or failed in each way that has a colour of its own."""
    counts = {"passed": summary["n_problems"] - sum(summary["failure_modes"].values())}
    for mode, count in summary["failure_modes"].items():
        group = "stopped" if mode in _STOPPED else mode.partition(":")[0]
        counts[group] = counts.get(group, 0) + count
    return counts


def _mark(panel: "Axes", summaries: Sequence[Summary], selected: float | None) -> None:
    coefficients = [summary["coefficient"] for summary in summaries]
    if selected in coefficients:
        position = coefficients.index(selected)
        panel.axvspan(
            position - 0.45,
            position + 0.45,
            facecolor=_YELLOW,
            edgecolor=_GREY,
            linestyle="--",
            alpha=0.5,
            zorder=0,
            label="selected coefficient",
        )


def _label_coefficients(panel: "Axes", summaries: Sequence[Summary]) -> None:
    panel.set_xticks(
        range(len(summaries)), [f"{summary['coefficient']:g}" for summary in summaries]
    )
    panel.set_xlim(-0.6, len(summaries) - 0.4)
    panel.set_xlabel("coefficient", fontsize=13)
    panel.tick_params(labelsize=12)
    panel.grid(axis="y", alpha=0.3)
    panel.set_axisbelow(True)


# what draws a row, columns of its legend
_ROWS = ((_draw_rates, 3), (_draw_quality, 3), (_draw_modes, 5))
