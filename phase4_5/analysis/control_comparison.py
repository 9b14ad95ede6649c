"""How often other directions flip verdicts over the grid: a picture of what a push alone does.

Flips of any kind are counted, also those of programs that fell apart, and the directions are taken
as they are, not as draws from a population. So this describes; whether the latent does more than a
random direction is asked by `analysis.random_directions`, on held-out problems.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from common.terms import SteeringType
from common.words import counted
from phase4_5.analysis.metrics import calculate_flip_rate, wanted_rate
from phase4_5.analysis.statistics import (
    PairedDifference,
    holm,
    paired_difference,
)
from phase4_5.records import (
    OPPOSITE,
    ControlComparison,
    ControlCurve,
    ControlRow,
    Controls,
    ProgramRecord,
)

Columns = Mapping[float, Sequence[ProgramRecord]]
"""Coefficient -> its records."""
Kind = Literal["random", "opposite"]
KINDS: tuple[Kind, ...] = ("random", "opposite")


@dataclass(frozen=True)
class _Row:
    """A coefficient of a comparison, before its p value is corrected."""

    coefficient: float
    flips: np.ndarray
    """Of the latent: 1 for each problem that flipped, else 0, by `task_id`."""
    control_flips: np.ndarray
    """Of the controls: means."""
    flip_rates: list[float]
    wanted_rate: float | None
    difference: PairedDifference


@dataclass(frozen=True)
class _Comparison:
    """A latent and one kind of control, before p values are corrected."""

    steering_type: SteeringType
    kind: Kind
    rows: list[_Row]
    curve: np.ndarray
    """Each problem's flips, mean over the coefficients."""
    control_curve: np.ndarray
    difference: PairedDifference


def compare_with_controls(
    features: Mapping[SteeringType, Columns],
    controls: Mapping[SteeringType, Mapping[str, Columns]],
    where: Mapping[SteeringType, str],
) -> dict[SteeringType, Controls | None]:
    """What is left of each latent's effect after its controls.

    Args:
        features: for each direction, coefficient -> its records.
        controls: for each direction, the control's name -> coefficient -> its records.
        where: for each direction, what the statement says the comparison is about.

    Returns:
        for each direction None without controls. p values are corrected (Holm): of a
        coefficient's row for all coefficients of both directions, of a curve for all curves.
    """
    raw = [
        _compare(steering_type, kind, columns, directions)
        for steering_type, columns in features.items()
        for kind in KINDS
        if (directions := _of_kind(controls[steering_type], kind))
    ]
    p_of_rows = {
        kind: iter(holm([row.difference.p for one in raw if one.kind == kind for row in one.rows]))
        for kind in KINDS
    }
    p_of_curves = holm([one.difference.p for one in raw])
    found: dict[SteeringType, dict[str, ControlComparison]] = {name: {} for name in features}
    for one, p_holm in zip(raw, p_of_curves, strict=True):
        rows = [_finished_row(row, next(p_of_rows[one.kind])) for row in one.rows]
        found[one.steering_type][one.kind] = _finished(one, rows, p_holm, where[one.steering_type])
    return {
        steering_type: Controls(
            n_random=len(_of_kind(controls[steering_type], "random")),
            random=found[steering_type].get("random"),
            opposite=found[steering_type].get("opposite"),
        )
        if controls[steering_type]
        else None
        for steering_type in features
    }


def _of_kind(by_name: Mapping[str, Columns], kind: Kind) -> list[Columns]:
    return [by_name[name] for name in by_name if (name == OPPOSITE) == (kind == OPPOSITE)]


def _compare(
    steering_type: SteeringType, kind: Kind, columns: Columns, directions: Sequence[Columns]
) -> _Comparison:
    rows = []
    for coefficient, records in columns.items():
        others = [direction[coefficient] for direction in directions]
        flips = _flips(records)
        control_flips = np.mean([_flips(other) for other in others], axis=0)
        rates = [wanted_rate(other, steering_type) for other in others]
        rows.append(
            _Row(
                coefficient,
                flips,
                control_flips,
                [calculate_flip_rate(other) for other in others],
                None if None in rates else float(np.mean([rate or 0.0 for rate in rates])),
                paired_difference(list(flips), list(control_flips)),
            )
        )
    curve = np.mean([row.flips for row in rows], axis=0)
    control_curve = np.mean([row.control_flips for row in rows], axis=0)
    difference = paired_difference(list(curve), list(control_curve))
    return _Comparison(steering_type, kind, rows, curve, control_curve, difference)


def _flips(records: Sequence[ProgramRecord]) -> np.ndarray:
    ordered = sorted(records, key=lambda record: record.task_id)
    return np.array([float(record.flipped) for record in ordered])


def _finished_row(row: _Row, p_holm: float) -> ControlRow:
    return ControlRow(
        coefficient=row.coefficient,
        flip_rate=100 * float(row.control_flips.mean()),
        flip_rates=row.flip_rates,
        wanted_rate=row.wanted_rate,
        **_fields(row.difference),
        p_holm=p_holm,
    )


def _finished(
    one: _Comparison, rows: list[ControlRow], p_holm: float, where: str
) -> ControlComparison:
    curve = ControlCurve(
        **_fields(one.difference),
        flip_rate=100 * float(one.curve.mean()),
        control_flip_rate=100 * float(one.control_curve.mean()),
        p_holm=p_holm,
    )
    return ControlComparison(
        coefficients=rows, curve=curve, statement=_statement(one, curve, where)
    )


def _fields(difference: PairedDifference) -> dict[str, Any]:
    return {
        "difference": difference.difference,
        "interval": list(difference.interval),
        "p": difference.p,
        "n_differing": difference.n_differing,
    }


def _statement(one: _Comparison, curve: ControlCurve, where: str) -> str:
    low, high = curve.interval
    n_directions = len(one.rows[0].flip_rates)
    other = (
        "by the opposite direction"
        if one.kind == OPPOSITE
        else f"by {counted(n_directions, 'random direction')} of the same norm"
    )
    return (
        f"{one.steering_type.capitalize()}-steering flips {curve.flip_rate:.1f} % of the verdicts "
        f"{where}; {curve.control_flip_rate:.1f} % are flipped {other} (difference "
        f"{curve.difference:+.1f} points, 95 % interval over problems {low:+.1f} to {high:+.1f}, "
        f"p = {curve.p_holm:.2g}). Flips of any kind, also of programs that fell apart: this "
        "describes the push, and is no verdict on the latent."
    )
