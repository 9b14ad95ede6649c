"""The best strength by a curve through all coefficients: a second opinion beside the rule.

The rule picks one of the coefficients that were tried; the curve (`analysis.logistic_window`) uses
all of them together, and says how well they tell where the largest effect wanted lies. The effect
is that of `analysis.random_directions.wanted_effect`: for incorrect-steering the share of solved
problems that became wrong, still valid and callable; for correct-steering corrections less
corruptions, each weighted to the baseline's pass rate. It never changes the recommendation.

Where the data don't tell, no strength is named: that is the usual case with ten problems.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from common.terms import SteeringType
from phase4_5.analysis.logistic_window import Arm, Separated, Window, fit_window
from phase4_5.analysis.metrics import Share
from phase4_5.analysis.random_directions import wanted_effect
from phase4_5.analysis.statistics import MIN_DIFFERING
from phase4_5.analysis.weighted_rates import Weighted, net_change, weighted_sum
from phase4_5.records import DosePoint, DoseResponse, NoPeak, Population, ProgramRecord

MIN_COEFFICIENTS = 4
"""A straight line and a parabola go through three whatever they are."""
MIN_PROBLEMS = 8
"""That can show an effect, of each outcome: with fewer the interval doesn't hold what it says."""
MIN_EFFECTS = MIN_DIFFERING

_CURVE_POINTS = 41

Columns = Mapping[float, Sequence[ProgramRecord]]
"""Coefficient -> its records."""

EFFECT_OF: dict[SteeringType, str] = {
    "correct": "change of pass rate (points)",
    "incorrect": "wrong but valid (% of passes)",
}
"""What a curve is of, for an axis."""


def fit_dose_response(
    columns: Columns, steering_type: SteeringType, population: Population, named: float
) -> DoseResponse:
    """Fit the curve of a direction.

    Args:
        columns: of the grid, the same problems in each; those of 0 or less have no place on a
            logarithmic axis and are left out.
        steering_type: the direction, which says what effect is wanted.
        population: the baseline, to whose pass rate corrections and corruptions are weighted.
        named: the coefficient that the rule names, for the statement.
    """
    ordered = {
        coefficient: sorted(columns[coefficient], key=lambda record: record.task_id)
        for coefficient in sorted(columns)
        if coefficient > 0
    }
    records = [record for column in ordered.values() for record in column]
    arms = _arms(ordered, steering_type, population)
    n_effects = sum(wanted_effect(record) == 1 for record in records)
    why = _not_fitted(ordered, arms, n_effects)
    window = None
    if why is None:
        try:
            window = fit_window(list(ordered), arms)
            why = _without_peak(window)
        except Separated:
            why = "separated"
    best = interval = None
    if window is not None and why is None:
        best = _rounded(10**window.best)
        interval = [_rounded(10**end) for end in window.interval]
    return DoseResponse(
        n_problems=len({record.task_id for record in records}),
        n_effects=n_effects,
        best=best,
        interval=interval,
        no_peak=why,
        observed=_observed(ordered, arms, steering_type, population),
        curve=[] if window is None else _curve(window),
        statement=_statement(best, interval, why, n_effects, list(ordered), named),
    )


def _arms(columns: Columns, steering_type: SteeringType, population: Population) -> list[Arm]:
    """Who can show the effect wanted, and who its opposite."""
    if steering_type == "incorrect":
        solved = _of_outcome(columns, True)
        return [Arm(1.0, _table(solved, lambda one: wanted_effect(one) == 1), _intact(solved))]
    failed, solved = _of_outcome(columns, False), _of_outcome(columns, True)
    arms = [
        Arm(
            1 - population.pass_rate,
            _table(failed, lambda one: one.steered_passed and _is_intact(one)),
            _intact(failed),
        )
    ]
    if population.pass_rate > 0:
        arms.append(Arm(-population.pass_rate, _table(solved, lambda one: not one.steered_passed)))
    return arms


def _of_outcome(columns: Columns, passed: bool) -> list[list[ProgramRecord]]:
    return [
        [record for record in column if record.baseline_passed == passed]
        for column in columns.values()
    ]


def _is_intact(record: ProgramRecord) -> bool:
    return record.steered_passed or (record.valid_syntax and record.signature_intact)


def _intact(columns: Sequence[Sequence[ProgramRecord]]) -> np.ndarray:
    return _table(columns, _is_intact)


def _table(
    columns: Sequence[Sequence[ProgramRecord]], holds: Callable[[ProgramRecord], bool]
) -> np.ndarray:
    """[n_problems, n_coefficients] of bools."""
    return np.array([[holds(record) for record in column] for column in columns], dtype=bool).T


def _not_fitted(columns: Columns, arms: Sequence[Arm], n_effects: int) -> NoPeak | None:
    """What keeps a curve from being fitted."""
    if any(len(arm.effect) == 0 for arm in arms):
        return "no problems"
    if len(columns) < MIN_COEFFICIENTS:
        return "few coefficients"
    if any(len(arm.effect) < MIN_PROBLEMS for arm in arms):
        return "few problems"
    if n_effects < MIN_EFFECTS:
        return "few effects"
    return None


def _without_peak(window: Window) -> NoPeak | None:
    """What keeps a fitted curve from telling the best strength."""
    effect, error = window.at_best
    if effect - window.ratio * error <= 0:
        return "none"
    # An open interval ends where the grid does.
    ends = {float(window.x[0]), float(window.x[-1])}
    return "edge" if ends & {window.best, *window.interval} else None


def _observed(
    columns: Columns, arms: Sequence[Arm], steering_type: SteeringType, population: Population
) -> list[DosePoint]:
    """The effect wanted as it was seen; nothing where a baseline outcome is missing."""
    points = []
    if any(len(arm.effect) == 0 for arm in arms):
        return []
    for place, (coefficient, records) in enumerate(columns.items()):
        if steering_type == "correct":
            effect, (low, high) = net_change(records, population)
        else:
            shown = arms[0].effect[:, place]
            share: Weighted = (1.0, Share(int(shown.sum()), len(shown)))
            effect, (low, high) = weighted_sum([share])
        points.append(DosePoint(coefficient=coefficient, effect=effect, interval=[low, high]))
    return points


def _curve(window: Window) -> list[DosePoint]:
    """The curve with its 95 % band, point by point, at fewer places."""
    places = np.linspace(0, len(window.x) - 1, _CURVE_POINTS).round().astype(int)
    points = []
    for place in places:
        effect, margin = window.effect[place], window.ratio * window.error[place]
        points.append(
            DosePoint(
                coefficient=float(10 ** window.x[place]),
                effect=100 * float(effect),
                interval=[
                    100 * max(-1.0, float(effect - margin)),
                    100 * min(1.0, float(effect + margin)),
                ],
            )
        )
    return points


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _statement(
    best: float | None,
    interval: Sequence[float] | None,
    why: NoPeak | None,
    n_effects: int,
    coefficients: Sequence[float],
    named: float,
) -> str:
    rule = f"the rule names {named:g}"
    if best is not None and interval is not None:
        low, high = interval
        inside = "inside" if low <= named <= high else "outside"
        return (
            f"The fit puts the best strength at {best:.3g} [{low:.3g}–{high:.3g}]; {rule}, "
            f"{inside} this 95 % interval."
        )
    assert why is not None
    ends = f"{coefficients[0]:g} to {coefficients[-1]:g}" if coefficients else "nothing"
    reasons: dict[NoPeak, str] = {
        "no problems": "no problem of the search can show the effect wanted, or its opposite",
        "few coefficients": f"a curve needs {MIN_COEFFICIENTS} coefficients above 0",
        "few problems": (
            f"a curve needs {MIN_PROBLEMS} problems of each baseline outcome that counts "
            "(--problems)"
        ),
        "few effects": (
            f"{n_effects} programs show the effect wanted, and a curve needs {MIN_EFFECTS}"
        ),
        "separated": (
            "outcomes jump from none to all between two neighbours of the grid; coefficients "
            "between them would tell (--coefficients, --refine)"
        ),
        "none": "at no strength can the effect wanted be told from none",
        "edge": f"it may lie at or beyond an end of the grid ({ends})",
    }
    return f"The fit can't tell the best strength: {reasons[why]}; {rule}."
