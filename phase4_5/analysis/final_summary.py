"""What the chosen coefficients did to problems that had no part in choosing them."""

from collections.abc import Mapping, Sequence

from phase4_5.analysis.metrics import Share, measure, rate_with_interval
from phase4_5.analysis.recommendation import shortcomings
from phase4_5.analysis.statistics import mcnemar_p
from phase4_5.records import DirectionTest, FinalEvaluation, Metrics, ProgramRecord


def summarise_final(
    records: Sequence[ProgramRecord],
    directions: DirectionTest | None = None,
    bounds: Mapping[str, float] | None = None,
    looked_at: Sequence[float] = (),
) -> FinalEvaluation:
    """All metrics of the chosen coefficient on held-out problems, and what follows from them.

    The preservation rate is the percentage of baseline passes that still pass: what is left of
    the corruption rate. The shortcomings are what would keep the coefficient from being
    recommended by these problems. `looked_at` are all coefficients that were tried on them.

    Raises:
        ValueError: there are no records.
    """
    measured = measure(records, bounds)
    metrics = Metrics.model_validate(measured)
    n_passed = metrics.n_baseline_passed
    kept = Share(n_passed - metrics.n_pass_to_fail, n_passed)
    return FinalEvaluation.model_validate(
        {
            **measured,
            **rate_with_interval("preservation_rate", kept),
            "mcnemar_p": mcnemar_p(metrics.n_pass_to_fail, metrics.n_fail_to_pass),
            "shortcomings": shortcomings(metrics),
            "directions": directions,
            "looked_at": list(looked_at),
        }
    )
