"""The tables of `benchmarks.known_truth`."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from common.terms import STEERING_TYPES
from phase4_5.analysis.statistics import POWER, wilson_interval

GRID_STEP = 10 / 3
"""Between neighbours of the default grid, at most."""

Row = dict[str, Any]
"""What was found of one direction."""


def tables(found: Sequence[dict[str, Any]]) -> str:
    """A table for each part that was run, in Markdown.

    Args:
        found: what came out of each run.
    """
    parts: dict[str, list[Row]] = {}
    for one in found:
        for steering_type in STEERING_TYPES:
            shared = {name: one[name] for name in ("number", "gain") if name in one}
            row = {**shared, "steering_type": steering_type, **one["directions"][steering_type]}
            parts.setdefault(one["part"], []).append(row)
    written = [
        _plants(rows) if part == "plant" else _nulls(part, rows) for part, rows in parts.items()
    ]
    return "\n\n".join(written) + "\n"


def within_one_step(row: Row) -> bool:
    """Whether the strength recommended is the true best, or a neighbour of it on the grid."""
    ratio: float = row["recommended"] / row["true_best"]
    return ratio * (1 + 1e-9) >= 1 / GRID_STEP and ratio <= GRID_STEP * (1 + 1e-9)


def _plants(rows: list[Row]) -> str:
    known = [row for row in rows if row["true_best"] is not None]
    shown = [row for row in known if row["power"] >= POWER]
    supported = _has("verdict", "supported")
    lines = [
        *_head(f"plants ({len(rows) // 2} models)"),
        _line("recommended within one grid step of the true best", known, within_one_step),
        _line("`supported`, of those whose effect can be shown", shown, supported),
        _line("`supported`, of all", rows, supported),
        _line("`contradicted`", rows, _has("verdict", "contradicted")),
        _line("qualify by the rule", rows, lambda row: row["qualifies"]),
    ]
    reached = [
        row["net_where_recommended"] / row["true_net"]
        for row in known
        if row["net_where_recommended"] is not None and row["true_net"] > 0
    ]
    if reached:
        lines.append(
            f"\nWhere they are recommended, the median effect is {100 * median(reached):.0f} % of "
            "that at the true best."
        )
    lines += [
        "",
        "| plant | gain | direction | true best | net effect there | power | recommended "
        "| verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        best = row["true_best"]
        true = f"{best:g} | {row['true_net']:+.0f} | {row['power']:.2f}" if best else "none | |"
        lines.append(
            f"| {row['number']} | {row['gain']:.2f} | {row['steering_type']} | {true} "
            f"| {row['recommended']:g} | {row['verdict']} |"
        )
    return "\n".join(lines)


def _nulls(part: str, rows: list[Row]) -> str:
    lines = [
        *_head(f"{part} ({len(rows)} directions)"),
        _line("`supported`", rows, _has("verdict", "supported")),
        _line("more than random directions do", rows, _has("outcome", "more")),
        _line("less than random directions do", rows, _has("outcome", "less")),
        _line("`contradicted`", rows, _has("verdict", "contradicted")),
        _line("qualify by the rule", rows, lambda row: row["qualifies"]),
    ]
    return "\n".join(lines)


def _head(title: str) -> list[str]:
    return [f"| {title} | correct | incorrect | both, 95 % interval |", "|---|---|---|---|"]


def _line(label: str, rows: list[Row], holds: Callable[[Row], bool]) -> str:
    """How many of the rows hold: for each direction, and for both with Wilson's interval."""
    cells = []
    for steering_type in STEERING_TYPES:
        of_type = [row for row in rows if row["steering_type"] == steering_type]
        cells.append(f"{sum(map(holds, of_type))} of {len(of_type)}")
    part, whole = sum(map(holds, rows)), len(rows)
    interval = wilson_interval(part, whole)
    told = "" if interval is None else f" [{interval[0]:.1f}–{interval[1]:.1f} %]"
    share = f" = {100 * part / whole:.1f} %" if whole else ""
    return f"| {label} | {cells[0]} | {cells[1]} | {part} of {whole}{share}{told} |"


def _has(field: str, value: str) -> Callable[[Row], bool]:
    return lambda row: bool(row[field] == value)
