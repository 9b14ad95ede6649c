"""How many verdicts steering changed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.words import counted
from phase4_5.analysis.metrics import METRIC, WANTED, Metric
from phase4_5.analysis.recommendation import FLIP_RATE_BAND
from phase4_5.plots.axes import CoefficientAxis
from phase4_5.plots.direction import Direction
from phase4_5.plots.lines import Line, Point, draw_line, percent_scale
from phase4_5.plots.log_axis import LogAxis
from phase4_5.plots.pictures import Told, picture
from phase4_5.plots.style import BLACK, BLUE, GREY, ORANGE, PINK, RED, SKY
from phase4_5.plots.told import percent, rounded, value
from phase4_5.records import ControlRow, Metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLIPS = Line("flip rate", BLACK, "o", "-", zorder=2.5)
_RANDOM = Line("random directions: mean, range", ORANGE, "s", "--")
_OPPOSITE = Line("opposite direction", PINK, "D", ":")
# metric, line in the search, marker on held-out problems
_WANTED = (
    (
        METRIC["correction_rate"],
        Line("corrected, of failures", BLUE, "^", "-"),
        Line("corrected, held-out", BLUE, "D", "none", hollow=True, zorder=4.5),
    ),
    (
        METRIC["corruption_rate"],
        Line("corrupted, of passes", RED, "v", "--"),
        Line("corrupted, held-out", RED, "s", "none", hollow=True, zorder=4.5),
    ),
)


def _tell_flips(direction: Direction, coefficient: float) -> Told:
    result = direction.result(coefficient)
    told = [
        ("flips", f"{result.n_flipped} of {result.n_problems}"),
        ("flip rate", value(METRIC["flip_rate"], result)),
    ]
    random = direction.control("random", coefficient)
    if random is not None:
        told.append(("random", f"{', '.join(rounded(each, 1) for each in random.flip_rates)} %"))
    opposite = direction.control("opposite", coefficient)
    if opposite is not None:
        told.append(("opposite", percent(opposite.flip_rate)))
    return told


@picture(1, LogAxis, tell=_tell_flips)
def draw_flip_rate(panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """The flip rate, the band wanted, the noise floor, and what other directions of the same norm
    do."""
    n_problems = direction.results[0].n_problems
    percent_scale(panel, f"flip rate (% of {counted(n_problems, 'problem')})")
    low, high = FLIP_RATE_BAND
    wanted = f"{low:g}–{high:g} %: wanted"
    panel.axhspan(low, high, color=GREY, alpha=0.2, linewidth=0, label=wanted)
    floor = direction.noise_floor
    panel.axhline(
        floor.rate,
        color=SKY,
        linestyle=(0, (4, 2)),
        linewidth=1.0,
        zorder=1.5,
        label=f"noise floor {floor.rate:.1f} % ({floor.n_verdicts} of {floor.n_problems})",
    )
    points = [_point(METRIC["flip_rate"], each) for each in direction.results]
    draw_line(panel, axis, _FLIPS, points, place=1, places=3)
    for control, line, place in (("opposite", _OPPOSITE, 0), ("random", _RANDOM, 2)):
        if control not in direction.controls:
            continue
        listed = sorted(direction.controls[control].coefficients, key=lambda each: each.coefficient)
        means = [Point(each.coefficient, each.flip_rate) for each in listed]
        draw_line(panel, axis, line, means, place=place, places=3)
        if control == "random":
            _draw_range(panel, axis, listed)


def _draw_range(panel: "Axes", axis: CoefficientAxis, listed: Sequence[ControlRow]) -> None:
    """From the weakest to the strongest of the random directions."""
    for positive in (False, True):
        side = [each for each in listed if each.coefficient != 0]
        side = [each for each in side if (each.coefficient > 0) == positive]
        panel.fill_between(
            [axis.position(each.coefficient) for each in side],
            [min(each.flip_rates) for each in side],
            [max(each.flip_rates) for each in side],
            color=ORANGE,
            alpha=0.3,
            linewidth=0,
            zorder=1,
        )


def _tell_effects(direction: Direction, coefficient: float) -> Told:
    result = direction.result(coefficient)
    told = [
        (
            "fail→pass",
            f"{result.n_fail_to_pass} of {result.n_baseline_failed}: "
            f"{value(METRIC['correction_rate'], result)}",
        ),
        (
            "pass→fail",
            f"{result.n_pass_to_fail} of {result.n_baseline_passed}: "
            f"{value(METRIC['corruption_rate'], result)}",
        ),
    ]
    random = direction.control("random", coefficient)
    if random is not None and random.wanted_rate is not None:
        wanted, _ = WANTED[direction.steering_type]
        told.append((f"random: {wanted}", f"{percent(random.wanted_rate)} on average"))
    return told


@picture(2, LogAxis, tell=_tell_effects)
def draw_correction_and_corruption(
    panel: "Axes", direction: Direction, axis: CoefficientAxis
) -> None:
    """Both ways of flipping apart, in the search and on held-out problems."""
    percent_scale(panel, "corrected or corrupted (%)")
    final = direction.final_evaluation
    for place, (metric, line, held_out) in enumerate(_WANTED):
        points = [_point(metric, each) for each in direction.results]
        # The held-out ones outside, at both sides of those of the search.
        if final is None:
            draw_line(panel, axis, line, points, place=place, places=2)
            continue
        draw_line(panel, axis, line, points, place=1 + place, places=4)
        if final.coefficient in direction.coefficients:
            draw_line(panel, axis, held_out, [_point(metric, final)], place=3 * place, places=4)


def _point(metric: Metric, metrics: Metrics) -> Point:
    return Point(metrics.coefficient, metric.of(metrics), metric.interval_of(metrics))
