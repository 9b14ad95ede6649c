"""What the chosen coefficients did to problems that had no part in choosing them."""

from collections.abc import Collection, Mapping, Sequence

from common.words import counted
from phase4_5.analysis.metrics import Share, measure, rate_with_interval
from phase4_5.analysis.random_directions import MATCHED, against_directions
from phase4_5.analysis.recommendation import shortcomings
from phase4_5.analysis.statistics import mcnemar_p
from phase4_5.records import DirectionTest, FinalEvaluation, Metrics, ProgramRecord


def summarise_looks(
    latent: Sequence[ProgramRecord],
    directions: Mapping[str, Sequence[ProgramRecord]],
    matched: Mapping[str, Sequence[ProgramRecord]],
    tried: Mapping[int, Collection[float]],
    bounds: Mapping[str, float] | None = None,
) -> FinalEvaluation:
    """The summary of a coefficient on held-out problems, beside random directions.

    Who looks at several coefficients there and keeps the best is told of a gain that isn't there;
    problems that only this one was tried on tell the truth, and are compared by themselves if they
    are at least half (few could show nothing).

    Args:
        latent: its records, one a problem.
        directions: each random direction's records, of at least one of these problems.
        matched: the same of latents that fire as often; may be none.
        tried: the coefficients that each problem (`task_id`) was tried with.
        bounds: as in `analysis.metrics.measure`.

    Raises:
        ValueError: there are no records.
    """
    unopened = [
        record for record in latent if not set(tried[record.task_id]) - {record.coefficient}
    ]
    everywhere = f"on {counted(len(latent), 'problem')} outside the search"
    apart = None
    if len(latent) / 2 <= len(unopened) < len(latent):
        where = f"on the {len(unopened)} problems that no other coefficient was tried on"
        apart = against_directions(unopened, _on(unopened, directions), where)
    found = summarise_final(latent, against_directions(latent, directions, everywhere), bounds)
    return found.model_copy(
        update={
            "looked_at": sorted(set().union(*tried.values())),
            "unopened": apart,
            "latents": against_directions(latent, matched, everywhere, MATCHED),
        }
    )


def _on(
    problems: Sequence[ProgramRecord], directions: Mapping[str, Sequence[ProgramRecord]]
) -> dict[str, list[ProgramRecord]]:
    """The directions' records of these problems; only directions that have some."""
    task_ids = {record.task_id for record in problems}
    found = {
        name: [record for record in records if record.task_id in task_ids]
        for name, records in directions.items()
    }
    return {name: records for name, records in found.items() if records}


def summarise_final(
    records: Sequence[ProgramRecord],
    directions: DirectionTest | None = None,
    bounds: Mapping[str, float] | None = None,
) -> FinalEvaluation:
    """All metrics of the chosen coefficient on held-out problems, and what follows from them.

    The preservation rate is the percentage of baseline passes that still pass: what is left of
    the corruption rate. The shortcomings are what would keep the coefficient from being
    recommended by these problems.

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
        }
    )
