"""Is it this latent, or any strong push? What is left of an effect after its controls.

A flip shows that a push changed the program, not that the latent's meaning did. What is left after
the same has been done with directions that mean nothing is the latent's own effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from common.terms import SteeringType
from phase4_5.analysis.metrics import WANTED, calculate_flip_rate
from phase4_5.analysis.statistics import FEWEST_DIFFERING, SIGNIFICANCE, holm, paired_difference
from phase4_5.records import OPPOSITE, Record


def compare_with_controls(
    features: Mapping[SteeringType, Mapping[float, Sequence[Record]]],
    controls: Mapping[SteeringType, Mapping[str, Mapping[float, Sequence[Record]]]],
    where: Mapping[SteeringType, str],
) -> dict[SteeringType, dict[str, Any] | None]:
    """What is left of each latent's effect after its controls.

    Args:
        features: for each direction, coefficient -> its records.
        controls: for each direction, the control's name -> coefficient -> its records.
        where: for each direction, what the statement says the comparison is about.

    Returns:
        for each direction None without controls, else `n_random` and, as far as they were run, a
        comparison with the `random` directions and with the `opposite` one: for each coefficient
        the controls' rates in percent, and the `difference` in points with its interval and p
        values (`p_holm`: corrected for all coefficients of both directions); the same for the
        whole `curve` (each problem's mean over the coefficients; `p_holm`: for all curves); a
        `verdict` ("stronger", "weaker" or "alike") and a `statement` that says it in words.
    """
    compared: dict[SteeringType, dict[str, Any] | None] = {}
    for steering_type, columns in features.items():
        by_name = controls[steering_type]
        random = [by_name[name] for name in by_name if name != OPPOSITE]
        compared[steering_type] = {"n_random": len(random)} if by_name else None
        kinds = {"random": random, OPPOSITE: [by_name[OPPOSITE]] if OPPOSITE in by_name else []}
        for kind, directions in kinds.items():
            if directions:
                comparison = _comparison(columns, directions, steering_type)
                compared[steering_type] |= {kind: comparison}  # type: ignore[operator]
    found = [
        (steering_type, kind, entry[kind])
        for steering_type, entry in compared.items()
        for kind in ("random", OPPOSITE)
        if entry and kind in entry
    ]
    for kind in ("random", OPPOSITE):
        _correct([row for _, of, entry in found if of == kind for row in entry["coefficients"]])
    _correct([entry["curve"] for _, _, entry in found])
    for steering_type, kind, entry in found:
        entry["verdict"] = _verdict(entry["curve"])
        entry["statement"] = _statement(entry, steering_type, kind, where[steering_type])
    return compared


def _comparison(
    columns: Mapping[float, Sequence[Record]],
    directions: Sequence[Mapping[float, Sequence[Record]]],
    steering_type: SteeringType,
) -> dict[str, Any]:
    _, wanted_rate = WANTED[steering_type]
    rows = []
    latent_flips, control_flips = [], []
    for coefficient, records in columns.items():
        others = [direction[coefficient] for direction in directions]
        latent = _flips(records)
        control = np.mean([_flips(other) for other in others], axis=0)
        latent_flips.append(latent)
        control_flips.append(control)
        rates = [wanted_rate(other) for other in others]
        rows.append(
            {
                "coefficient": coefficient,
                "flip_rate": 100 * float(control.mean()),
                "flip_rates": [calculate_flip_rate(other) for other in others],
                "wanted_rate": None if None in rates else float(np.mean(rates)),  # type: ignore[arg-type]
                **asdict(paired_difference(list(latent), list(control))),
            }
        )
    latent_curve, control_curve = np.mean(latent_flips, axis=0), np.mean(control_flips, axis=0)
    curve = asdict(paired_difference(list(latent_curve), list(control_curve)))
    curve["flip_rate"] = 100 * float(latent_curve.mean())
    curve["control_flip_rate"] = 100 * float(control_curve.mean())
    return {"coefficients": rows, "curve": curve}


def _flips(records: Sequence[Record]) -> np.ndarray:
    """1 for each problem that flipped, else 0, by `task_id`."""
    ordered = sorted(records, key=lambda record: record["task_id"])
    return np.array([float(record["flipped"]) for record in ordered])


def _correct(rows: Sequence[dict[str, Any]]) -> None:
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = corrected


def _verdict(curve: Mapping[str, Any]) -> str:
    if curve["p_holm"] >= SIGNIFICANCE:
        return "alike"
    return "stronger" if curve["difference"] > 0 else "weaker"


def _statement(
    comparison: Mapping[str, Any], steering_type: SteeringType, kind: str, where: str
) -> str:
    curve = comparison["curve"]
    low, high = curve["interval"]
    numbers = (
        f"{curve['flip_rate']:.1f} % of verdicts flipped {where}, against "
        f"{curve['control_flip_rate']:.1f} %; difference {curve['difference']:+.1f} points, "
        f"95 % interval {low:+.1f} to {high:+.1f}, p = {curve['p_holm']:.2g}"
    )
    n_directions = len(comparison["coefficients"][0]["flip_rates"])
    other = (
        "the opposite direction"
        if kind == OPPOSITE
        else f"{n_directions} random direction{'s' * (n_directions != 1)} of the same norm"
    )
    subject = f"The latent of {steering_type}-steering"
    if comparison["verdict"] == "stronger":
        meaning = (
            "its sign matters" if kind == OPPOSITE else "this is more than the effect of any push"
        )
        return f"{subject} flips more than {other}: {meaning} ({numbers})."
    if comparison["verdict"] == "weaker":
        return f"{subject} flips less than {other} ({numbers})."
    meaning = (
        "nothing shows that its sign matters"
        if kind == OPPOSITE
        else "nothing shows that its flips are more than the effect of any strong push"
    )
    few = ""
    if curve["n_differing"] < FEWEST_DIFFERING:
        n = curve["n_differing"]
        few = (
            f" They differ on {n} problem{'s' * (n != 1)}; with fewer than "
            f"{FEWEST_DIFFERING} no difference could be shown."
        )
    return f"{subject} can't be told from {other}: {meaning} ({numbers}).{few}"
