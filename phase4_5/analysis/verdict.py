"""One word for what is known of a coefficient: `supported`, `unproven` or `contradicted`.

Supported: on the problems of the search and on held-out ones the code keeps its quality, and on the
held-out ones the latent does what is wanted (for correct-steering it corrects more programs than it
corrupts), and more of it than random directions of the same norm do, `DIRECTIONS_NEEDED` of them or
more. Contradicted: the held-out problems say the opposite. All else is unproven, also what nobody
has looked at, and what is counted against a baseline that isn't reproduced here.

Who tries several coefficients on the held-out problems and keeps the best has looked several times:
then what counts are the problems that no other coefficient was tried on, if half of them are left;
else p is multiplied by how many were tried (Bonferroni).
"""

from dataclasses import dataclass

from common.terms import SteeringType
from phase4_5.analysis.metrics import METRICS
from phase4_5.analysis.noise_floor import REFUSED_ABOVE, is_refused
from phase4_5.analysis.recommendation import quality_shortcomings
from phase4_5.analysis.statistics import SIGNIFICANCE, exact_interval
from phase4_5.records import (
    NOT_EVALUATED,
    DirectionTest,
    FinalEvaluation,
    Metrics,
    NoiseFloor,
    Verdict,
)

DIRECTIONS_NEEDED = 19
"""With fewer a latent like any other is the first of all more often than `SIGNIFICANCE`."""


@dataclass(frozen=True)
class Judged:
    """A verdict, and the sentence that says why."""

    verdict: Verdict
    reason: str


def judge(
    search: Metrics | None,
    final: FinalEvaluation | None,
    steering_type: SteeringType,
    floor: NoiseFloor | None = None,
) -> Judged:
    """What is known of a coefficient.

    Args:
        search: what it did to the problems of the search; None if it wasn't run on them.
        final: what it did to held-out problems; None if it wasn't run on them.
        steering_type: the direction, which says what effect is wanted.
        floor: how far the given baseline is from what is written here, if that is known.
    """
    if final is None:
        return Judged("unproven", NOT_EVALUATED)
    if floor is not None and floor.counted_against == "as_given" and is_refused(floor):
        return Judged(
            "unproven",
            f"Flips are counted against a baseline of which {floor.rate:.1f} % of the verdicts "
            f"aren't reproduced here (above {REFUSED_ABOVE:g} %).",
        )
    against = _contradictions(final, steering_type)
    if against:
        return Judged("contradicted", f"On problems outside the search {'; '.join(against)}.")
    missing = "; ".join(_missing(search, final, steering_type))
    if missing:
        return Judged("unproven", f"{missing[0].upper()}{missing[1:]}.")
    assert final.directions is not None
    return Judged("supported", f"{final.directions.statement}{_looks(final)}")


def _contradictions(final: FinalEvaluation, steering_type: SteeringType) -> list[str]:
    found = []
    for test, where in (
        (final.directions, ""),
        (final.unopened, "where no other coefficient was tried "),
    ):
        if test is not None and test.outcome == "less":
            found.append(
                f"{where}the latent has less of the effect wanted than random directions "
                f"({_in_numbers(test)})"
            )
    corrupts, corrects = final.n_pass_to_fail, final.n_fail_to_pass
    counts = f"it corrupts {corrupts} programs and corrects {corrects} (p = {final.mcnemar_p:.2g})"
    if steering_type == "incorrect":
        counts = (
            f"it corrects {corrects} programs and corrupts {corrupts} (p = {final.mcnemar_p:.2g})"
        )
    if _wins(final, steering_type) < 0 and final.mcnemar_p < SIGNIFICANCE:
        found.append(counts)
    return found + _clearly_beyond_bounds(final)


def _wins(final: FinalEvaluation, steering_type: SteeringType) -> int:
    """Flips in the direction wanted less those in the other."""
    net = final.n_fail_to_pass - final.n_pass_to_fail
    return net if steering_type == "correct" else -net


def _clearly_beyond_bounds(final: FinalEvaluation) -> list[str]:
    """The shares that are beyond their bounds, and not for want of problems."""
    found = []
    for metric in METRICS:
        value = metric.of(final)
        if metric.bound is None or metric.unit != "%" or value is None:
            continue
        low, high = exact_interval(round(value * final.n_problems / 100), final.n_problems)
        if low > metric.bound if metric.better == "lower" else high < metric.bound:
            beyond = "above" if metric.better == "lower" else "below"
            found.append(
                f"{metric.label} {metric.in_words(value)} is clearly {beyond} "
                f"{metric.bound_in_words(metric.bound)}"
            )
    return found


def _missing(
    search: Metrics | None, final: FinalEvaluation, steering_type: SteeringType
) -> list[str]:
    """What keeps a coefficient from being supported."""
    found = []
    if search is None:
        found.append("it was not tried on the problems of this search")
    elif short := quality_shortcomings(search):
        found.append(f"on the problems of the search {'; '.join(short)}")
    if short := quality_shortcomings(final):
        found.append(f"on problems outside the search {'; '.join(short)}")
    test = final.directions
    if test is None or test.n_directions < DIRECTIONS_NEEDED:
        n = "no" if test is None else f"only {test.n_directions}"
        found.append(
            f"it was compared with {n} random directions on problems outside the search "
            f"(PVA_SAE_PHASE4_5_FINAL_CONTROLS, at least {DIRECTIONS_NEEDED})"
        )
    elif test.outcome != "more":
        found.append(f"on problems outside the search {_not_told(test)}")
    elif final.unopened is not None:
        if final.unopened.outcome != "more":
            found.append(
                f"on problems outside the search {_tried(final)}, and on the "
                f"{final.unopened.n_problems} that only this one was tried on "
                f"{_not_told(final.unopened)}"
            )
    elif (p := test.p * _n_looks(final)) >= SIGNIFICANCE:
        found.append(
            f"on problems outside the search {_tried(final)}, and p = {test.p:.2g} is "
            f"{min(1.0, p):.2g} when corrected for that"
        )
    if steering_type == "correct" and not (
        _wins(final, steering_type) > 0 and final.mcnemar_p < SIGNIFICANCE
    ):
        found.append(
            f"on problems outside the search it corrects {final.n_fail_to_pass} programs and "
            f"corrupts {final.n_pass_to_fail}, which is no gain that can be told from none "
            f"(p = {final.mcnemar_p:.2g})"
        )
    return found


def _not_told(test: DirectionTest) -> str:
    return (
        "its effect can't be told from that of random directions of the same norm "
        f"({_in_numbers(test)})"
    )


def _in_numbers(test: DirectionTest) -> str:
    return f"{test.difference:+.1f} points, p = {test.p:.2g}"


def _n_looks(final: FinalEvaluation) -> int:
    return max(1, len(final.looked_at))


def _tried(final: FinalEvaluation) -> str:
    tried = ", ".join(f"{coefficient:g}" for coefficient in final.looked_at)
    return f"{_n_looks(final)} coefficients ({tried}) were tried"


def _looks(final: FinalEvaluation) -> str:
    if _n_looks(final) == 1 or final.directions is None:
        return ""
    if final.unopened is not None:
        told = final.unopened.statement
        return f" {_tried(final)} on some of these problems, so what counts: {told}"
    p = min(1.0, final.directions.p * _n_looks(final))
    return f" {_tried(final)} on these problems; corrected for that, p = {p:.2g}."
