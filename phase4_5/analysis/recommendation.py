"""Which coefficient to recommend, by a written rule, and why.

A coefficient qualifies when

- its flip rate lies in `FLIP_RATE_BAND`, ends included: it changes behaviour, but not all of it;
- the code keeps its quality: no metric of `analysis.metrics.METRICS` is beyond its bound (mean
  token similarity, valid syntax, intact signatures; the KL divergence, if the run bounds it).

Of those that qualify, the one with the clearest effect wanted is recommended. The effect is for
correct-steering the correction rate b less the corruption rate c, for incorrect-steering the
corruption rate (a rate that doesn't exist counts as 0); of the first it is clearest where
(b - c) / sqrt(b + c) is largest, McNemar's statistic (1947) with rates, of the second where it is
largest. It is what the held-out problems are asked for: a push that goes on to correct more and
more, and corrupts as many, gains nothing, and its effect is harder to show. Ties go to the higher
mean token similarity, then to the smaller coefficient.

If none qualifies, the rationale says so, and the recommendation is, of the coefficients that keep
quality, the one with the largest effect wanted: effects like the published ones, of 4 and 15 %,
never reach the band. Where none has such an effect it is the one whose flip rate is nearest to the
band (on ties the one towards it: the largest if the flip rate is too low, else the smallest); if
none keeps quality, the smallest one. Coefficient 0, no steering, is never named. "Small" is meant
without the sign.
"""

import math
from collections.abc import Sequence

from common.terms import SteeringType
from phase4_5.analysis.metrics import METRIC, METRICS, WANTED, Metric
from phase4_5.records import CoefficientSummary, Metrics, Recommendation

FLIP_RATE_BAND = (20.0, 60.0)
"""In percent."""

_AT_BASELINE: dict[SteeringType, str] = {"correct": "failed", "incorrect": "passed"}
"""Which problems can show the effect wanted."""


def recommend(
    summaries: Sequence[CoefficientSummary], steering_type: SteeringType
) -> Recommendation:
    """Recommend one of the coefficients by the rule at the top of this module.

    Args:
        summaries: one a coefficient, from `analysis.metrics.summarise_coefficient`, with the p
            values of `analysis.significance.with_corrected_p`.
        steering_type: the direction, which says what effect is wanted.

    Raises:
        ValueError: there are no summaries of coefficients other than 0.
    """
    steered = [summary for summary in summaries if summary.coefficient != 0]
    if not steered:
        raise ValueError("no coefficients to choose from")
    chosen = min(steered, key=lambda summary: preference(summary, steering_type))
    qualifying = [summary for summary in steered if not shortcomings(summary)]
    rationale = (
        _why_best(chosen, qualifying, steering_type)
        if qualifying
        else _why_named(chosen, steering_type)
    )
    others = _why_not_the_others(chosen, summaries, steering_type)
    return Recommendation(
        coefficient=chosen.coefficient,
        qualifies=bool(qualifying),
        rationale=f"{rationale} {others}".strip(),
        n_problems=chosen.n_problems,
        flip_rate=chosen.flip_rate,
        correction_rate=chosen.correction_rate,
        corruption_rate=chosen.corruption_rate,
        mean_token_similarity=chosen.mean_token_similarity,
        valid_syntax_rate=chosen.valid_syntax_rate,
        signature_intact_rate=chosen.signature_intact_rate,
    )


def preference(summary: CoefficientSummary, steering_type: SteeringType) -> tuple[float, ...]:
    """The rule at the top of this module as a sort key: the recommended coefficient is the least.

    Those that qualify come first, then those that keep quality and syntax, then the others.
    """
    size = abs(summary.coefficient)
    if not shortcomings(summary):
        return 0, -_clarity(summary, steering_type), -summary.mean_token_similarity, size
    if quality_shortcomings(summary):
        return 2, size
    net = max(0.0, _net_effect(summary, steering_type))
    return 1, -net, *_distance_and_tie(summary)


def shortcomings(metrics: Metrics) -> list[str]:
    """What keeps a coefficient from qualifying, in words with numbers; empty if it qualifies."""
    found = []
    low, high = FLIP_RATE_BAND
    if metrics.flip_rate < low:
        found.append(f"flip rate {metrics.flip_rate:.1f} % is below {low:g} %")
    if metrics.flip_rate > high:
        found.append(f"flip rate {metrics.flip_rate:.1f} % is above {high:g} %")
    return found + quality_shortcomings(metrics)


def quality_shortcomings(metrics: Metrics) -> list[str]:
    """The metrics that are beyond their bounds, in words with numbers."""
    found = []
    for metric in METRICS:
        value, bound = metric.of(metrics), metric.bound_of(metrics)
        if bound is None:
            continue
        if value is None:
            # What the run asked for has to be known.
            if metric.name in metrics.bounds:
                found.append(f"{metric.label} was not measured")
        elif value > bound if metric.better == "lower" else value < bound:
            beyond = "above" if metric.better == "lower" else "below"
            found.append(
                f"{metric.label} {metric.in_words(value)} is {beyond} "
                f"{metric.bound_in_words(bound)}"
            )
    return found


def _effect(summary: CoefficientSummary, steering_type: SteeringType) -> float:
    return WANTED[steering_type][1].of(summary) or 0.0


def _net_effect(summary: CoefficientSummary, steering_type: SteeringType) -> float:
    """The effect wanted less its opposite, in points; of incorrect-steering all is wanted."""
    if steering_type == "incorrect":
        return _effect(summary, steering_type)
    return _effect(summary, steering_type) - (summary.corruption_rate or 0.0)


def _clarity(summary: CoefficientSummary, steering_type: SteeringType) -> float:
    """The net effect, less clear the more flips it is the difference of; a loss is what it is."""
    net = _net_effect(summary, steering_type)
    if steering_type == "incorrect" or net <= 0:
        return net
    return net / math.sqrt(_effect(summary, steering_type) + (summary.corruption_rate or 0.0))


def _clarity_in_words(summary: CoefficientSummary, steering_type: SteeringType) -> str:
    """McNemar's statistic, as of half the problems solved and half failed."""
    clarity = _clarity(summary, steering_type)
    if steering_type == "incorrect" or clarity <= 0:
        return ""
    return f" (McNemar's z {clarity * math.sqrt(summary.n_problems / 2) / 10:.2f})"


def _effect_in_words(summary: CoefficientSummary, steering_type: SteeringType) -> str:
    name, metric = WANTED[steering_type]
    rate = metric.of(summary)
    if rate is None:
        return f"no {name} rate, for no problem {_AT_BASELINE[steering_type]} at baseline"
    told = f"{name} rate {metric.in_words(rate)}{_interval(metric, summary)}"
    if steering_type == "correct" and summary.corruption_rate:
        told += f", less corruptions {_net_effect(summary, steering_type):+.1f} points"
    return told


def _interval(metric: Metric, summary: CoefficientSummary) -> str:
    interval = metric.interval_of(summary)
    if interval is None:
        return ""
    low, high = interval
    return f" [{low:.0f}–{high:.0f} %]"


def _why_best(
    chosen: CoefficientSummary,
    qualifying: Sequence[CoefficientSummary],
    steering_type: SteeringType,
) -> str:
    low, high = FLIP_RATE_BAND
    sentences = [
        f"Coefficient {chosen.coefficient:g} is recommended: its flip rate of "
        f"{chosen.flip_rate:.1f} % ({chosen.n_flipped} of {chosen.n_problems} problems; "
        f"95 % interval{_interval(METRIC['flip_rate'], chosen)}; p = {chosen.mcnemar_p:.2g}, "
        f"corrected for the grid {_p_in_words(chosen.mcnemar_p_holm)}) lies in {low:g}–{high:g} %, "
        f"and the code keeps its quality ({_quality_in_words(chosen)})."
    ]
    effect = _effect_in_words(chosen, steering_type)
    if len(qualifying) == 1:
        sentences.append(f"It is the only one that qualifies; {effect}.")
    else:
        sentences.append(
            f"Of the {len(qualifying)} that qualify it has the {_most(steering_type)} effect "
            f"wanted: {effect}{_clarity_in_words(chosen, steering_type)}."
        )
    if _effect(chosen, steering_type) == 0:
        sentences.append(
            f"Beware: none of its flips is a {WANTED[steering_type][0]}, the effect wanted."
        )
    elif _net_effect(chosen, steering_type) <= 0:
        sentences.append("Beware: it corrupts at least as large a share as it corrects.")
    elif steering_type == "correct" and chosen.weighted and chosen.weighted.net_change <= 0:
        sentences.append(
            f"Beware: {chosen.weighted.pass_rate:.0f} % of the baseline are solved, so that by its "
            f"rates no more would pass than without it ({chosen.weighted.net_change:+.1f} points)."
        )
    return " ".join(sentences)


def _most(steering_type: SteeringType) -> str:
    return "largest" if steering_type == "incorrect" else "clearest"


def _p_in_words(p: float | None) -> str:
    return "unknown" if p is None else f"{p:.2g}"


def _quality_in_words(summary: CoefficientSummary) -> str:
    told = [
        f"{metric.label} {metric.in_words(metric.of(summary))}"
        for metric in METRICS
        if metric.in_rationale
    ]
    for name, bound in summary.bounds.items():
        metric = METRIC[name]
        most = "at most" if metric.better == "lower" else "at least"
        value = metric.in_words(metric.of(summary))
        told.append(f"{metric.label} {value}, {most} {metric.bound_in_words(bound)}")
    return ", ".join(told)


def _distance_and_tie(summary: CoefficientSummary) -> tuple[float, float]:
    size = abs(summary.coefficient)
    too_weak = summary.flip_rate < FLIP_RATE_BAND[0]
    return _distance_to_band(summary.flip_rate), -size if too_weak else size


def _why_named(chosen: CoefficientSummary, steering_type: SteeringType) -> str:
    """Why a coefficient is named where none qualifies."""
    if quality_shortcomings(chosen):
        reason = "none keeps the code's quality, and it is the smallest"
    elif (net := _net_effect(chosen, steering_type)) > 0:
        less = " less corruptions" if steering_type == "correct" else ""
        reason = (
            "of those that keep the code's quality it has the largest effect wanted "
            f"({WANTED[steering_type][0]}s{less}: {net:+.1f} points)"
        )
    else:
        reason = (
            "of those that keep the code's quality its flip rate is nearest to "
            f"{FLIP_RATE_BAND[0]:g}–{FLIP_RATE_BAND[1]:g} %"
        )
    return (
        f"No coefficient qualifies. Coefficient {chosen.coefficient:g} is named because {reason}"
        f" ({'; '.join(shortcomings(chosen))}; flip rate's 95 % interval"
        f"{_interval(METRIC['flip_rate'], chosen)}); look at the examples before using it."
    )


def _distance_to_band(flip_rate: float) -> float:
    low, high = FLIP_RATE_BAND
    return max(low - flip_rate, flip_rate - high, 0.0)


def _why_not_the_others(
    chosen: CoefficientSummary, summaries: Sequence[CoefficientSummary], steering_type: SteeringType
) -> str:
    reasons = [
        f"{summary.coefficient:g} ({_why_not(summary, chosen, steering_type)})"
        for summary in sorted(summaries, key=lambda summary: summary.coefficient)
        if summary is not chosen
    ]
    return f"Not chosen: {'; '.join(reasons)}." if reasons else ""


def _why_not(
    summary: CoefficientSummary, chosen: CoefficientSummary, steering_type: SteeringType
) -> str:
    if summary.coefficient == 0:
        return "no steering"
    found = shortcomings(summary)
    if found:
        return ", ".join(found)
    effect = _effect_in_words(summary, steering_type)
    if _net_effect(summary, steering_type) < _net_effect(chosen, steering_type):
        return f"qualifies, but {effect}"
    if _clarity(summary, steering_type) < _clarity(chosen, steering_type):
        z = _clarity_in_words(summary, steering_type)
        return f"qualifies, but its effect is less clear: {effect}{z}"
    if summary.mean_token_similarity < chosen.mean_token_similarity:
        return (
            f"qualifies, the same {effect}, but token similarity "
            f"{summary.mean_token_similarity:.2f}"
        )
    return f"qualifies, the same {effect}, but larger"
