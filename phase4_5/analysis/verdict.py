"""One word for what is known of a coefficient: `supported`, `unproven` or `contradicted`.

Supported: on the problems of the search and on held-out ones the code keeps its quality, and on the
held-out ones the latent does more of what is wanted than random directions of the same norm do.
Contradicted: the held-out problems say the opposite. All else is unproven, also what nobody has
looked at. Who tries several coefficients on the held-out problems and keeps the best has looked
several times: then what counts are the problems that no other coefficient was tried on, if half of
them are left; else p is multiplied by how many were tried (Bonferroni).
"""

from dataclasses import dataclass

from common.terms import SteeringType
from phase4_5.analysis.metrics import METRICS
from phase4_5.analysis.recommendation import quality_shortcomings
from phase4_5.analysis.statistics import SIGNIFICANCE
from phase4_5.records import NOT_EVALUATED, FinalEvaluation, Metrics, Verdict


@dataclass(frozen=True)
class Judged:
    """A verdict, and the sentence that says why."""

    verdict: Verdict
    reason: str


def judge(
    search: Metrics | None, final: FinalEvaluation | None, steering_type: SteeringType
) -> Judged:
    """What is known of a coefficient.

    Args:
        search: what it did to the problems of the search; None if it wasn't run on them.
        final: what it did to held-out problems; None if it wasn't run on them.
        steering_type: the direction, which says what effect is wanted.
    """
    if final is None:
        return Judged("unproven", NOT_EVALUATED)
    against = _contradictions(final, steering_type)
    if against:
        return Judged("contradicted", f"On problems outside the search {'; '.join(against)}.")
    missing = "; ".join(_missing(search, final))
    if missing:
        return Judged("unproven", f"{missing[0].upper()}{missing[1:]}.")
    assert final.directions is not None
    return Judged("supported", f"{final.directions.statement}{_looks(final)}")


def _contradictions(final: FinalEvaluation, steering_type: SteeringType) -> list[str]:
    found = []
    test = final.directions
    if test is not None and test.outcome == "less":
        found.append(
            "the latent has less of the effect wanted than random directions "
            f"({test.difference:+.1f} points, p = {test.p:.2g})"
        )
    lost, won = final.n_pass_to_fail, final.n_fail_to_pass
    if steering_type == "correct" and lost > won and final.mcnemar_p < SIGNIFICANCE:
        found.append(f"it corrupts {lost} programs and corrects {won} (p = {final.mcnemar_p:.2g})")
    for metric in METRICS:
        interval = metric.interval_of(final)
        if metric.bound is None or interval is None:
            continue
        low, high = interval
        if low > metric.bound if metric.better == "lower" else high < metric.bound:
            value = metric.in_words(metric.of(final))
            found.append(f"{metric.label} {value} is clearly beyond {metric.bound:g} %")
    return found


def _missing(search: Metrics | None, final: FinalEvaluation) -> list[str]:
    """What keeps a coefficient from being supported."""
    found = []
    if search is not None and (short := quality_shortcomings(search)):
        found.append(f"on the problems of the search {'; '.join(short)}")
    if short := quality_shortcomings(final):
        found.append(f"on problems outside the search {'; '.join(short)}")
    test = final.directions
    if test is None:
        found.append("it was not compared with random directions on problems outside the search")
    elif test.outcome != "more":
        found.append(
            "on problems outside the search its effect can't be told from that of random "
            f"directions of the same norm ({test.difference:+.1f} points, p = {test.p:.2g})"
        )
    elif final.unopened is not None:
        if final.unopened.outcome != "more":
            found.append(
                f"{_tried(final)} on the problems outside the search, and on the "
                f"{final.unopened.n_problems} that only this one was tried on its effect can't be "
                "told from that of random directions of the same norm "
                f"({final.unopened.difference:+.1f} points, p = {final.unopened.p:.2g})"
            )
    elif (p := test.p * _n_looks(final)) >= SIGNIFICANCE:
        found.append(
            f"on the problems outside the search {_n_looks(final)} coefficients were tried, and "
            f"p = {test.p:.2g} is {min(1.0, p):.2g} when corrected for that"
        )
    return found


def _n_looks(final: FinalEvaluation) -> int:
    return max(1, len(final.looked_at))


def _tried(final: FinalEvaluation) -> str:
    tried = ", ".join(f"{coefficient:g}" for coefficient in final.looked_at)
    return f"{_n_looks(final)} coefficients ({tried}) were tried"


def _looks(final: FinalEvaluation) -> str:
    if _n_looks(final) == 1 or final.directions is None:
        return ""
    if final.unopened is not None:
        return f" {_tried(final)} there, so what counts: {final.unopened.statement}"
    p = min(1.0, final.directions.p * _n_looks(final))
    return f" {_tried(final)} on these problems; corrected for that, p = {p:.2g}."
